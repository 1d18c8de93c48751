//! GitLab's webhooks: their bodies, and the headers that prove who sent them.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flaglink::domain::{Event, NoteSource};
use flaglink::gitlab::{Classified, Standing, WebhookSecrets, classify};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::Sha256;

use super::request::{Inside, Request};

/// Users that are bots of ours.
const OURS: u64 = 90;

pub(super) fn body(data: &[u8]) {
    let classified = classify(data, &BTreeSet::from([OURS]), Some("flaglink"));
    assert_eq!(classified, classify(data, &BTreeSet::from([OURS]), Some("flaglink")));
    let object = serde_json::from_slice::<Map<String, Value>>(data).ok();
    assert!(object.is_none() || classified != Classified::NotJson, "it is a JSON object");
    let Some(object) = object else { return };
    let Classified::Event { event, project_path } = classified else { return };
    let mut inside = Inside::default();
    inside.take(&Value::Object(object.clone()));
    assert!(project_path.is_none_or(|path| inside.texts.contains(&path)));
    let (project, iid, note) = match event {
        Event::NoteWritten(hint) => {
            // It becomes part of an address.
            let plain = |id: &String| id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(hint.discussion.as_ref().is_none_or(|id| plain(id) && inside.texts.contains(id)));
            let author = object.get("object_attributes").and_then(|a| a.get("author_id")?.as_u64());
            assert_ne!(author, Some(OURS), "a bot of ours is listened to");
            let note = match hint.source {
                NoteSource::Note(note) => Some(note),
                NoteSource::Description => None,
            };
            (hint.project, hint.iid, note)
        }
        Event::NoteableChanged { project, iid, .. } => (project, iid, None),
        other => panic!("a body became {other:?}"),
    };
    for number in [Some(project), Some(iid), note].into_iter().flatten() {
        assert!(number > 0 && inside.numbers.contains(&number), "{number} does not stand in the body");
    }
}

/// The moment at which all requests come in.
const NOW: i64 = 1_784_000_000;
const TOKENS: [&str; 2] = ["the-token-before", "the-token-of-today"];
/// Base64 of the key below.
const SIGNING: &str = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
const KEY: &[u8] = b"testtesttesttesttesttesttesttest";

pub(super) fn signature(data: &[u8]) {
    let mut request = Request::read(data);
    // So that a file, which cannot know the digest, has requests that are nearly good.
    let digest = request.header("webhook-id").zip(request.header("webhook-timestamp"));
    let digest = digest.map(|(id, at)| digest_of(id.trim(), at.trim(), request.body)).unwrap_or_default();
    for value in request.headers.values_mut() {
        *value = value.replace("{{DIGEST}}", &digest);
    }
    let (headers, body) = (&request.headers, request.body);
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned().into()).collect();
    for (tokens, signing, require_signature) in [
        (&TOKENS[..], &[][..], false),
        (&[], &[SIGNING], false),
        (&TOKENS, &[SIGNING], false),
        (&TOKENS, &[SIGNING], true),
        (&TOKENS, &[], true),
        (&[""], &["whsec_"], false),
        (&[], &[], false),
    ] {
        let secrets = WebhookSecrets { tokens: list(tokens), signing: list(signing), require_signature };
        let now = Timestamp::from_second(NOW).unwrap();
        let standing = secrets.with_body(headers, body, now);
        assert_ne!(standing, Standing::NeedsBody, "it has the body");
        let has_key = signing.contains(&SIGNING);
        let genuine = if !signing.is_empty() && headers.contains_key("webhook-signature") {
            has_key && is_signed(headers, body)
        } else {
            let given = request.header("x-gitlab-token");
            !require_signature && given.is_some_and(|token| !token.is_empty() && tokens.contains(&token))
        };
        assert_eq!(standing == Standing::Genuine, genuine, "{headers:?} with {tokens:?} {signing:?}");
        if let Standing::Forged(why) = standing {
            assert!(!why.is_empty() && why.len() < 60);
        }
        // What is turned away before the body is read is never let in with it.
        if secrets.before_body(headers) != Standing::NeedsBody {
            assert_eq!(secrets.before_body(headers), standing);
        }
        // One other byte, and the signature is another's.
        if genuine && headers.contains_key("webhook-signature") && has_key {
            let other = [body, b" "].concat();
            assert_ne!(secrets.with_body(headers, &other, now), Standing::Genuine);
        }
    }
}

/// By the words of the specification (Standard Webhooks), and not as flaglink does it.
fn is_signed(headers: &BTreeMap<String, String>, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let (Some(id), Some(at), Some(given)) =
        (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
    else {
        return false;
    };
    let Ok(moment) = at.parse::<i64>() else { return false };
    let fresh = (i128::from(moment) - i128::from(NOW)).abs() <= 300;
    let wanted = format!("v1,{}", digest_of(id, at, body));
    fresh && given.split_ascii_whitespace().any(|one| one == wanted)
}

fn digest_of(id: &str, at: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(body);
    STANDARD.encode(mac.finalize().into_bytes())
}
