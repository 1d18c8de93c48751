//! Who may deliver a webhook.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use flaglink::gitlab::{Standing, WebhookSecrets};
use jiff::Timestamp;
use proptest::prelude::*;
use standardwebhooks::Webhook;

const KEY: &str = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
const OTHER_KEY: &str = "whsec_b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyb3Q=";
const ID: &str = "f5e5f430-f57b-4e6e-9fac-d9128cd7232f";
const AT: i64 = 1_784_000_000;
const BODY: &str = r#"{"object_kind":"note","event_type":"note","object_attributes":{"id":1,"note":"/flag link my_feature","action":"create"}}"#;
const SIGNATURE: &str = "v1,SkV1v8xoJkeYyVxFVOe2NoB2efWKOWRF5oYM7pxuajU=";

fn secrets(tokens: &[&str], signing: &[&str], require_signature: bool) -> WebhookSecrets {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned().into()).collect();
    WebhookSecrets { tokens: list(tokens), signing: list(signing), require_signature }
}

fn headers(given: &[(&str, &str)]) -> BTreeMap<String, String> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn signed(signature: &str) -> BTreeMap<String, String> {
    headers(&[("webhook-id", ID), ("webhook-timestamp", &AT.to_string()), ("webhook-signature", signature)])
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn genuine(secrets: &WebhookSecrets, headers: &BTreeMap<String, String>, body: &str, now: i64) -> bool {
    secrets.with_body(headers, body.as_bytes(), at(now)) == Standing::Genuine
}

#[test]
fn the_recorded_signature_is_good_and_one_other_byte_makes_it_bad() {
    let keys = secrets(&[], &[KEY], false);
    assert_eq!(keys.before_body(&signed(SIGNATURE)), Standing::NeedsBody);
    assert!(genuine(&keys, &signed(SIGNATURE), BODY, AT));
    assert!(!genuine(&keys, &signed(SIGNATURE), &format!("{BODY} "), AT));
    assert!(!genuine(&keys, &signed(&SIGNATURE.replace("SkV1", "SkV2")), BODY, AT));
    let mut moved = signed(SIGNATURE);
    moved.insert("webhook-timestamp".to_owned(), (AT + 1).to_string());
    assert!(!genuine(&keys, &moved, BODY, AT));
    moved = signed(SIGNATURE);
    moved.insert("webhook-id".to_owned(), "another".to_owned());
    assert!(!genuine(&keys, &moved, BODY, AT));
}

#[test]
fn a_signature_is_good_for_five_minutes_either_way() {
    let keys = secrets(&[], &[KEY], false);
    for (now, good) in [(AT - 301, false), (AT - 300, true), (AT + 300, true), (AT + 301, false)] {
        assert_eq!(genuine(&keys, &signed(SIGNATURE), BODY, now), good, "{now}");
    }
}

#[test]
fn any_of_several_signatures_and_any_of_several_keys_will_do() {
    let both = secrets(&[], &[OTHER_KEY, KEY], false);
    let several = format!("v2,AAAA v1,not-base64! v1,AAAA {SIGNATURE}");
    assert!(genuine(&both, &signed(&several), BODY, AT));
    assert!(!genuine(&secrets(&[], &[OTHER_KEY], false), &signed(&several), BODY, AT));
    assert!(!genuine(&both, &signed(&SIGNATURE.replace("v1,", "v2,")), BODY, AT));
}

#[test]
fn a_present_signature_decides_alone_whatever_the_token_says() {
    let both = secrets(&["right"], &[KEY], false);
    let mut request = signed("v1,AAAA");
    request.insert("x-gitlab-token".to_owned(), "right".to_owned());
    assert!(!genuine(&both, &request, BODY, AT));
    let mut request = signed(SIGNATURE);
    request.insert("x-gitlab-token".to_owned(), "wrong".to_owned());
    assert!(genuine(&both, &request, BODY, AT));
    // Empty is present, too.
    let mut request = signed("");
    request.insert("x-gitlab-token".to_owned(), "right".to_owned());
    assert!(!genuine(&both, &request, BODY, AT));
}

#[test]
fn without_a_signing_token_the_signature_is_not_looked_at() {
    let plain = secrets(&["right"], &[], false);
    let mut request = signed("v1,AAAA");
    assert_eq!(plain.before_body(&request), Standing::Forged("no token"));
    request.insert("x-gitlab-token".to_owned(), "right".to_owned());
    assert_eq!(plain.before_body(&request), Standing::Genuine);
    assert!(genuine(&plain, &request, BODY, AT));
}

#[test]
fn a_wrong_plain_token_is_refused_before_the_body_is_read() {
    let plain = secrets(&["old", "new"], &[KEY], false);
    let with = |token: &str| headers(&[("x-gitlab-token", token), ("webhook-id", ID)]);
    assert_eq!(plain.before_body(&with("old")), Standing::Genuine);
    assert_eq!(plain.before_body(&with("new")), Standing::Genuine);
    for wrong in ["", "ne", "news", "NEW", "old new", "old\nnew"] {
        assert_eq!(plain.before_body(&with(wrong)), Standing::Forged("wrong token"), "{wrong}");
    }
    assert_eq!(plain.before_body(&headers(&[])), Standing::Forged("no token"));
}

#[test]
fn where_a_signature_is_demanded_the_token_is_not_enough() {
    let strict = secrets(&["right"], &[KEY], true);
    let token = headers(&[("x-gitlab-token", "right")]);
    assert_eq!(strict.before_body(&token), Standing::Forged("no signature"));
    assert!(!genuine(&strict, &token, BODY, AT));
    assert!(genuine(&strict, &signed(SIGNATURE), BODY, AT));
    // Demanded, but nothing to check it with: nobody comes in.
    let mut request = signed(SIGNATURE);
    request.insert("x-gitlab-token".to_owned(), "right".to_owned());
    assert!(!genuine(&secrets(&["right"], &[], true), &request, BODY, AT));
}

#[test]
fn with_a_signing_token_alone_an_unsigned_request_is_refused() {
    let keys = secrets(&[], &[KEY], false);
    assert_eq!(keys.before_body(&headers(&[("x-gitlab-token", "")])), Standing::Forged("no signature"));
}

#[test]
fn nothing_configured_and_empty_secrets_let_nobody_in() {
    assert!(secrets(&[], &[], false).is_empty());
    for nothing in [secrets(&[], &[], false), secrets(&[""], &[], false)] {
        assert!(!genuine(&nothing, &headers(&[("x-gitlab-token", "")]), BODY, AT));
        assert!(!genuine(&nothing, &signed(SIGNATURE), BODY, AT));
    }
    // With an empty key everybody could sign.
    let everybody = Webhook::from_bytes(Vec::new()).unwrap().sign(ID, AT, BODY.as_bytes()).unwrap();
    for useless in ["whsec_", "whsec_*", "", "dGVzdA=="] {
        assert!(!genuine(&secrets(&[], &[useless], false), &signed(&everybody), BODY, AT), "{useless}");
    }
}

#[test]
fn a_signed_request_with_something_missing_says_what() {
    let keys = secrets(&[], &[KEY], false);
    for (name, value) in [
        ("webhook-id", None),
        ("webhook-timestamp", None),
        ("webhook-timestamp", Some("soon")),
        ("webhook-timestamp", Some("-9223372036854775808")),
        ("webhook-timestamp", Some("9223372036854775807")),
        ("webhook-timestamp", Some("99999999999999999999")),
        ("webhook-signature", Some(" ")),
        ("webhook-signature", Some("v1")),
    ] {
        let mut request = signed(SIGNATURE);
        match value {
            Some(value) => request.insert(name.to_owned(), value.to_owned()),
            None => request.remove(name),
        };
        let standing = keys.with_body(&request, BODY.as_bytes(), at(AT));
        assert!(matches!(standing, Standing::Forged(why) if !why.is_empty()), "{name} {value:?}");
    }
}

#[test]
fn the_secrets_do_not_show() {
    let shown = format!("{:?}", secrets(&["right"], &[KEY], false));
    assert!(!shown.contains("right") && !shown.contains("dGVzd"), "{shown}");
}

proptest! {
    /// What an independent library signs is good, for any id without a space and any text.
    #[test]
    fn what_another_library_signs_is_good(id in "[!-~]{1,40}", body in ".{0,200}", key in proptest::collection::vec(any::<u8>(), 1..64)) {
        use base64::Engine;
        let token = format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode(&key));
        let signature = Webhook::new(&token).unwrap().sign(&id, AT, body.as_bytes()).unwrap();
        let request = headers(&[("webhook-id", &id), ("webhook-timestamp", &AT.to_string()), ("webhook-signature", &signature)]);
        prop_assert!(genuine(&secrets(&[], &[&token], true), &request, &body, AT));
        prop_assert!(!genuine(&secrets(&[], &[KEY], true), &request, &body, AT));
    }

    #[test]
    fn odd_headers_never_panic_and_never_let_in(
        values in proptest::collection::vec(proptest::option::of(".{0,60}"), 4),
        body in proptest::collection::vec(any::<u8>(), 0..200),
        now in -300_000_000_000_i64..250_000_000_000,
    ) {
        let names = ["webhook-id", "webhook-timestamp", "webhook-signature", "x-gitlab-token"];
        let request = names.iter().zip(values).filter_map(|(name, value)| Some(((*name).to_owned(), value?))).collect();
        for secrets in [secrets(&["a-token-that-nobody-guesses"], &[], false), secrets(&["a-token-that-nobody-guesses"], &[KEY], false), secrets(&[], &[KEY], true)] {
            prop_assert!(matches!(secrets.with_body(&request, &body, at(now)), Standing::Forged(_)));
        }
    }
}
