//! The webhooks of the flag services: whether they are genuine, and which flags they name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use flaglink::domain::{Claim, FlagPointer};
use flaglink::flags::flagsmith::Flagsmith;
use flaglink::flags::gitlab::GitlabFlags;
use flaglink::flags::unleash::Unleash;
use flaglink::flags::{FlagProvider, Hint, Verdict, WebhookRequest};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::answers::services;
use super::request::{Inside, Request};

/// A server that is never spoken to.
const NOWHERE: &str = "http://127.0.0.1:9";

static FLAGSMITH: LazyLock<Flagsmith> = LazyLock::new(|| services::flagsmith(NOWHERE));
static UNLEASH: LazyLock<Unleash> = LazyLock::new(|| services::unleash(NOWHERE));
static GITLAB: LazyLock<[GitlabFlags; 2]> =
    LazyLock::new(|| [None, Some("shop/web")].map(|project| services::gitlab_flags(NOWHERE, project)));

pub(super) fn flagsmith(data: &[u8]) {
    let mut request = Request::read(data);
    let digest = hex::encode(hmac_of(services::WEBHOOK_SECRETS[1], request.body));
    for value in request.headers.values_mut() {
        *value = value.replace("{{DIGEST}}", &digest);
    }
    let given = request.header("x-flagsmith-signature").map(|given| given.trim().to_ascii_lowercase());
    let good = services::WEBHOOK_SECRETS.map(|secret| hex::encode(hmac_of(secret, request.body)));
    assert_eq!(
        is_genuine(&*FLAGSMITH, &request.headers, request.body),
        given.is_some_and(|g| good.contains(&g))
    );
    // The right signature of another body proves nothing.
    let other = BTreeMap::from([("x-flagsmith-signature".to_owned(), digest)]);
    assert!(!is_genuine(&*FLAGSMITH, &other, &[request.body, b"\n"].concat()));

    let hints = says_the_same_twice(&*FLAGSMITH, request.body);
    // What tells of a new flag has the one of the same key looked at as well, and claims nothing of it.
    let nothing = Claim { visible: true, ..Claim::default() };
    let one = hints.len() <= 1 || (hints.len() == 2 && hints[1].claim.as_ref() == Some(&nothing));
    assert!(one, "one request is about one thing: {hints:?}");
    name_what_is_inside(&hints, request.body, Some("1"));
}

pub(super) fn unleash(data: &[u8]) {
    let request = Request::read(data);
    let given = request.header("authorization").map(str::trim);
    let known = given.is_some_and(|given| services::WEBHOOK_SECRETS.contains(&given));
    assert_eq!(is_genuine(&*UNLEASH, &request.headers, request.body), known);

    let hints = says_the_same_twice(&*UNLEASH, request.body);
    assert!(hints.len() <= 1, "one request is about one thing");
    name_what_is_inside(&hints, request.body, Some("default"));
    let key = UNLEASH.webhook_key(&WebhookRequest { headers: &request.headers, body: request.body });
    if let Some(key) = key {
        // The event's number, and behind it its moment where it says one.
        let (number, moment) = key.split_once(' ').map_or((key.as_str(), None), |(n, at)| (n, Some(at)));
        let inside = Inside::of(request.body).expect("what is no JSON has no number");
        assert!(inside.numbers.contains(&number.parse().unwrap()), "{key:?}");
        assert!(moment.is_none_or(|at| inside.texts.contains(at)), "{key:?}");
    }
}

pub(super) fn gitlab_flags(data: &[u8]) {
    for (provider, scope) in [(&GITLAB[0], None), (&GITLAB[1], None)] {
        assert_eq!(
            provider.verify_webhook(&WebhookRequest { headers: &BTreeMap::new(), body: data }),
            Verdict::NoSecret,
            "it has no path of its own"
        );
        let hints = says_the_same_twice(provider, data);
        name_what_is_inside(&hints, data, scope);
    }
    // The one that is bound to a project hears of no other.
    let bound = GITLAB[1].read_webhook(data);
    let inside = Inside::of(data).unwrap_or_default();
    let named = inside.texts.iter().any(|text| text.eq_ignore_ascii_case("shop/web"));
    assert!(bound.is_empty() || named, "{bound:?}");
}

fn hmac_of(secret: &str, body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

fn is_genuine(provider: &dyn FlagProvider, headers: &BTreeMap<String, String>, body: &[u8]) -> bool {
    let verdict = provider.verify_webhook(&WebhookRequest { headers, body });
    assert_ne!(verdict, Verdict::NoSecret, "there is a secret");
    verdict == Verdict::Genuine
}

fn says_the_same_twice(provider: &dyn FlagProvider, body: &[u8]) -> Vec<Hint> {
    let hints = provider.read_webhook(body);
    assert_eq!(hints, provider.read_webhook(body));
    hints
}

/// A hint names no flag, environment, person or value that does not stand in the body, and no other project's flag.
fn name_what_is_inside(hints: &[Hint], body: &[u8], scope: Option<&str>) {
    for hint in hints {
        let inside = Inside::of(body).expect("what is no JSON says nothing");
        match &hint.flag {
            FlagPointer::Id(id) => assert!(inside.numbers.contains(&id.parse().unwrap()), "{id}"),
            FlagPointer::Key { scope: its, key } => {
                assert!(!key.is_empty() && inside.says(key), "{key:?}");
                match scope {
                    Some(scope) => assert_eq!(its, scope),
                    None => assert!(inside.numbers.contains(&its.parse().unwrap()), "{its}"),
                }
            }
            FlagPointer::Any => {}
        }
        let Some(claim) = &hint.claim else { continue };
        for said in [&claim.environment, &claim.by].into_iter().flatten() {
            assert!(inside.texts.contains(said), "{said:?}");
        }
        if let Some(Some(value)) = &claim.value {
            let written = inside.says(value) || serde_json::from_str::<serde_json::Value>(value).is_ok();
            assert!(written, "{value:?}");
        }
    }
}
