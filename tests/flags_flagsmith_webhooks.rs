//! Flagsmith's webhooks: whether they are genuine, and what they make worth looking at. The bodies are those that a real
//! Flagsmith sent; `webhooks.tsv` says what each of them means.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "in a test a panic is the report")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use flaglink::domain::{Claim, ClaimedUser, FlagPointer};
use flaglink::flags::flagsmith::{Flagsmith, FlagsmithSecrets, FlagsmithSettings};
use flaglink::flags::{FlagProvider, Hint, Verdict, WebhookRequest};
use flaglink::net::{HttpClient, HttpOptions};
use flaglink::telemetry::Metrics;
use hmac::{Hmac, KeyInit, Mac};
use proptest::prelude::*;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

/// What the recorded organisation hook and the recorded environment hooks were signed with.
const SECRETS: [&str; 3] = ["0rgs3cret", "s3cret", "stg"];

#[derive(Deserialize)]
struct Recorded {
    signature: Option<String>,
    body: String,
}

/// A Flagsmith that is never spoken to.
fn flagsmith(project: u64, secrets: &[&str]) -> Flagsmith {
    let options = HttpOptions {
        peer: "flagsmith".to_owned(),
        timeout: Duration::from_secs(1),
        connect_timeout: Duration::from_secs(1),
        in_flight: 1,
        ca_file: None,
    };
    let http = HttpClient::new(options, Arc::new(Metrics::default())).unwrap();
    let settings: FlagsmithSettings =
        serde_json::from_value(json!({ "url": "http://127.0.0.1:9", "project": project })).unwrap();
    let secrets = FlagsmithSecrets {
        api_key: SecretString::from("prefix.secret"),
        webhook: secrets.iter().map(|secret| SecretString::from(*secret)).collect(),
    };
    Flagsmith::new("flagsmith", &settings, secrets, http).unwrap()
}

fn recorded(file: &str) -> Vec<Recorded> {
    let path = format!("fixtures/flagsmith/webhooks/{file}");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn files() -> BTreeSet<String> {
    std::fs::read_dir("fixtures/flagsmith/webhooks")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// A hint in the words of `webhooks.tsv`.
fn words(hint: &Hint) -> String {
    let flag = match &hint.flag {
        FlagPointer::Id(id) => format!("id:{id}"),
        FlagPointer::Key { scope, key } => format!("key:{scope}/{key}"),
        FlagPointer::Any => "any".to_owned(),
    };
    let claim = hint.claim.clone().unwrap();
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let value = match claim.value {
        None => "-".to_owned(),
        Some(None) => "none".to_owned(),
        Some(Some(value)) => Value::from(value).to_string(),
    };
    let on = claim.on.map(|on| if on { "on" } else { "off" }.to_owned());
    let at = claim.at.map(|at| format!("{at:.6}"));
    [flag, or_none(claim.environment), or_none(on), value, or_none(claim.by), or_none(at)].join("\t")
}

#[test]
fn every_recorded_delivery_says_which_flag_to_look_at_and_claims_no_more_than_it_knows() {
    let provider = flagsmith(1, &[]);
    let expected = std::fs::read_to_string("fixtures/flagsmith/webhooks.tsv").unwrap();
    let mut seen = BTreeSet::new();
    for line in expected.lines().filter(|line| !line.starts_with('#')) {
        let [file, number, wanted] = line.splitn(3, '\t').collect::<Vec<_>>().try_into().unwrap();
        let number: usize = number.parse().unwrap();
        let deliveries = recorded(file);
        let hints = provider.read_webhook(deliveries[number].body.as_bytes());
        let wanted: Vec<&str> = wanted.split("\t+\t").collect();
        assert_eq!(hints.iter().map(words).collect::<Vec<_>>(), wanted, "{file}, delivery {number}");
        assert!(hints[0].claim.as_ref().unwrap().visible);
        seen.insert((file.to_owned(), number));
    }
    for file in files() {
        for number in 0..recorded(&file).len() {
            assert!(seen.contains(&(file.clone(), number)), "{file}, delivery {number} is in no line");
        }
    }
}

#[test]
fn whose_override_it_is_is_said_and_addresses_are_never_said_whole() {
    let provider = flagsmith(1, &[]);
    let body = &recorded("162-hook-after-identity-override.json").pop().unwrap().body;
    let said = |body: &str| {
        let claims = provider.read_webhook(body.as_bytes()).into_iter().filter_map(|hint| hint.claim);
        claims.filter_map(|claim| claim.user).collect::<Vec<_>>()
    };
    let alice = ClaimedUser {
        id: "1".to_owned(),
        name: "alice".to_owned(),
        on: true,
        value: Some("alice-only".to_owned()),
    };
    assert_eq!(said(body), [alice]);
    let mut body: Value = serde_json::from_str(body).unwrap();
    for (identifier, shown) in [
        ("user-17", "user-17"),
        ("@alice", "@alice"),
        ("alice@example.com", "a…@….com"),
        ("mailto:alice@mail.example.co.uk", "m…@….uk"),
        ("alice@localhost", "a…@…"),
        ("alice@example.someverylongending", "a…@…"),
        ("alice@home@example.com", "a…@….com"),
        ("élise@", "é…@…"),
        ("alice@example.com bob@", "a…@…"),
    ] {
        body["data"]["new_state"]["identity_identifier"] = json!(identifier);
        let names: Vec<String> = said(&body.to_string()).into_iter().map(|user| user.name).collect();
        assert_eq!(names, [shown], "{identifier}");
    }
    body["data"]["new_state"]["identity"] = Value::Null;
    assert_eq!(said(&body.to_string()), []);
}

#[test]
fn another_projects_events_say_nothing() {
    let provider = flagsmith(2, &[]);
    for file in files() {
        for delivery in recorded(&file) {
            let body: Value = serde_json::from_str(&delivery.body).unwrap();
            // The event of a new version is the one that names no project; the flag's number tells them apart.
            let silent = body["event_type"] != "NEW_VERSION_PUBLISHED";
            assert_eq!(provider.read_webhook(delivery.body.as_bytes()).is_empty(), silent, "{file}");
        }
    }
}

#[test]
fn every_recorded_signature_is_genuine_and_none_of_them_for_another_body() {
    let provider = flagsmith(1, &SECRETS);
    let mut signed = 0;
    for file in files() {
        for delivery in recorded(&file) {
            let Some(signature) = delivery.signature else { continue };
            signed += 1;
            let verdict = |signature: &str, body: &str| {
                let headers = BTreeMap::from([("x-flagsmith-signature".to_owned(), signature.to_owned())]);
                provider.verify_webhook(&WebhookRequest { headers: &headers, body: body.as_bytes() })
            };
            assert_eq!(verdict(&signature, &delivery.body), Verdict::Genuine, "{file}");
            assert_eq!(verdict(&signature, &format!("{} ", delivery.body)), Verdict::Forged);
            assert_eq!(verdict(&signature[..62], &delivery.body), Verdict::Forged);
            assert_eq!(verdict(&format!("sha256={signature}"), &delivery.body), Verdict::Forged);
            assert_eq!(verdict("", &delivery.body), Verdict::Forged);
        }
    }
    assert!(signed > 150, "only {signed} recorded deliveries are signed");
}

#[test]
fn while_a_secret_is_replaced_both_count_and_without_one_nothing_is_genuine() {
    let body = br#"{"event_type": "FLAG_UPDATED"}"#;
    let signed = |secret: &str| {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body);
        BTreeMap::from([("x-flagsmith-signature".to_owned(), hex::encode(mac.finalize().into_bytes()))])
    };
    let verdict = |provider: &Flagsmith, headers: &BTreeMap<String, String>| {
        provider.verify_webhook(&WebhookRequest { headers, body })
    };
    let both = flagsmith(1, &["old", "new"]);
    assert!(both.abilities().webhooks);
    assert_eq!(verdict(&both, &signed("old")), Verdict::Genuine);
    assert_eq!(verdict(&both, &signed("new")), Verdict::Genuine);
    assert_eq!(verdict(&both, &signed("neither")), Verdict::Forged);
    assert_eq!(verdict(&both, &signed("")), Verdict::Forged);
    assert_eq!(verdict(&both, &BTreeMap::new()), Verdict::Forged);
    let none = flagsmith(1, &[]);
    assert!(!none.abilities().webhooks);
    assert_eq!(verdict(&none, &signed("old")), Verdict::NoSecret);
    assert_eq!(verdict(&none, &signed("")), Verdict::NoSecret);
}

/// A body of the audit log, of which only what is given is told.
fn audit(kind: &str, log: &str) -> Vec<u8> {
    json!({ "event_type": "AUDIT_LOG_CREATED", "data": {
        "log": log, "related_object_type": kind, "related_object_id": 77, "project": { "id": 1 },
    } })
    .to_string()
    .into_bytes()
}

#[test]
fn the_audit_logs_sentences_are_read_for_the_flag_they_are_about() {
    let provider = flagsmith(1, &[]);
    let looked_at = |kind: &str, log: &str| match provider.read_webhook(&audit(kind, log)).pop() {
        None => "nothing".to_owned(),
        Some(Hint { flag: FlagPointer::Key { key, .. }, .. }) => key,
        Some(Hint { flag: FlagPointer::Id(id), .. }) => format!("number {id}"),
        Some(Hint { flag: FlagPointer::Any, .. }) => "all".to_owned(),
    };
    for (kind, log, wanted) in [
        ("FEATURE_STATE", "Flag state updated for feature: odd: name", "odd: name"),
        (
            "FEATURE_STATE",
            "Flag state / Remote config value deleted for feature 'it's' and identity 'a' and segment 'b'",
            "it's",
        ),
        ("FEATURE_STATE", "Remote config updated for segment override on feature 'f' and segment 'x'.", "f"),
        ("FEATURE_STATE", "Multivariate option added to feature 'mv_flag'.", "mv_flag"),
        (
            "FEATURE_STATE",
            "Scheduled change to Flag state / Remote config value went live for feature: f by Change Request: big one",
            "f",
        ),
        ("EF_VERSION", "New version published for feature: f", "f"),
        ("EF_VERSION", "something that no release says yet", "all"),
        ("EF_VERSION", "", "all"),
        ("EDGE_IDENTITY", "Flag override updated for feature 'f' and identity 'x'", "f"),
        ("FEATURE", "Flag / Remote Config updated: f", "number 77"),
        ("SEGMENT", "New Segment created: s", "nothing"),
        ("SEGMENT", "Segment updated: s", "nothing"),
        ("SEGMENT", "Segment deleted: s", "all"),
        ("ENVIRONMENT", "New Environment created: e", "all"),
        ("CHANGE_REQUEST", "Change Request: c approved", "nothing"),
        ("CHANGE_REQUEST", "Change Request: c committed", "all"),
        ("PROJECT", "Project updated", "nothing"),
        ("IMPORT_REQUEST", "New import", "nothing"),
    ] {
        assert_eq!(looked_at(kind, log), wanted, "{kind}: {log}");
    }
}

#[test]
fn a_deletion_claims_neither_author_nor_moment_because_it_carries_those_of_an_older_change() {
    let provider = flagsmith(1, &[]);
    for delivery in recorded("155-hook-after-feature-delete.json") {
        let body: Value = serde_json::from_str(&delivery.body).unwrap();
        if body["event_type"] == "FLAG_DELETED" {
            let hints = provider.read_webhook(delivery.body.as_bytes());
            assert_eq!(hints[0].claim, Some(Claim { deleted: true, visible: true, ..Claim::default() }));
        }
    }
}

#[test]
fn bodies_that_lack_everything_are_no_reason_to_stumble() {
    let provider = flagsmith(1, &[]);
    for event in ["FLAG_UPDATED", "FLAG_DELETED", "NEW_VERSION_PUBLISHED"] {
        for data in [json!({}), json!({ "new_state": null, "previous_state": 3, "feature": [] })] {
            let body = json!({ "event_type": event, "data": data }).to_string();
            // Genuine and about flags, but about which cannot be told.
            let hints = provider.read_webhook(body.as_bytes());
            assert_eq!(hints.len(), 1, "{body}");
            assert_eq!(hints[0].flag, FlagPointer::Any);
        }
    }
    for body in
        ["", "null", "[]", "{}", r#"{"event_type": "FLAG_UPDATED"}"#, r#"{"event_type": 3, "data": {}}"#]
    {
        assert_eq!(provider.read_webhook(body.as_bytes()), Vec::new(), "{body}");
    }
    assert_eq!(provider.read_webhook("[".repeat(1_000_000).as_bytes()), Vec::new());
    assert_eq!(provider.webhook_key(&WebhookRequest { headers: &BTreeMap::new(), body: b"{}" }), None);
}

/// JSON of the shapes that hooks have, with every part now and then something else.
fn hostile() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "event_type",
        "data",
        "new_state",
        "previous_state",
        "feature",
        "project",
        "environment",
        "id",
        "name",
        "log",
        "related_object_type",
        "related_object_id",
        "enabled",
        "feature_state_value",
        "changed_by",
        "timestamp",
        "author",
        "email",
        "identity",
        "identity_identifier",
        "multivariate_feature_state_values",
        "multivariate_feature_option",
        "percentage_allocation",
        "feature_segment",
        "type",
        "string_value",
        "value",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "(Flag state updated for )?feature[:']? ?'?[a-z'é]{0,6}( and segment ')?'?".prop_map(Value::from),
        prop::sample::select(vec![
            "FLAG_UPDATED",
            "FLAG_DELETED",
            "NEW_VERSION_PUBLISHED",
            "AUDIT_LOG_CREATED",
            "FEATURE",
            "FEATURE_STATE",
            "EF_VERSION",
            "SEGMENT",
            "int",
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|parts| Value::Object(parts.into_iter().collect())),
        ]
    })
}

/// Made once: a client takes its time, and nothing is ever sent.
static OURS: LazyLock<Flagsmith> = LazyLock::new(|| flagsmith(1, &SECRETS));

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in prop::collection::vec(any::<u8>(), 0..600), signature in any::<String>()) {
        let headers = BTreeMap::from([("x-flagsmith-signature".to_owned(), signature)]);
        let verdict = OURS.verify_webhook(&WebhookRequest { headers: &headers, body: &body });
        prop_assert_eq!(verdict, Verdict::Forged);
        OURS.read_webhook(&body);
    }

    #[test]
    fn no_json_makes_it_panic_and_the_same_body_always_reads_the_same(
        kind in prop::sample::select(vec!["FLAG_UPDATED", "FLAG_DELETED", "NEW_VERSION_PUBLISHED", "AUDIT_LOG_CREATED"]),
        data in hostile(),
        whole in hostile(),
    ) {
        for body in [json!({ "event_type": kind, "data": data }).to_string(), whole.to_string()] {
            let hints = OURS.read_webhook(body.as_bytes());
            prop_assert_eq!(&hints, &OURS.read_webhook(body.as_bytes()));
            for hint in hints {
                if let FlagPointer::Key { scope, key } = hint.flag {
                    prop_assert_eq!(scope, "1");
                    prop_assert!(!key.is_empty());
                }
            }
        }
    }

    #[test]
    fn a_cut_recording_says_nothing_and_a_bent_one_no_more_than_a_whole_one(
        cut in 0usize..1041, bend in any::<u8>(), at in 0usize..1041,
    ) {
        let mut body = recorded("081-hook-after-toggle.json").swap_remove(0).body.into_bytes();
        prop_assert_eq!(OURS.read_webhook(&body[..cut]), Vec::new());
        body[at] = bend;
        let hints = OURS.read_webhook(&body);
        // A state that is new may be that of a new flag of the same key: then the one of that key is looked at, too, and of it
        // nothing is claimed.
        let nothing = Claim { visible: true, ..Claim::default() };
        let by_key = |hint: &Hint| {
            matches!(hint.flag, FlagPointer::Key { .. }) && hint.claim.as_ref() == Some(&nothing)
        };
        prop_assert!(hints.len() <= 1 || (hints.len() == 2 && by_key(&hints[1])), "{hints:?}");
    }
}
