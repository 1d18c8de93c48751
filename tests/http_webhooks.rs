//! The webhook listener, asked in every way that GitLab, a flag service and a stranger could ask.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/http.rs"]
mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use flaglink::domain::{Delivery, DeliverySource};
use flaglink::flags::{Verdict, WebhookRequest};
use flaglink::gitlab::Standing;
use flaglink::http::{Door, Headers, MAX_BODY, ServeOptions, Taken, Webhooks};
use flaglink::telemetry::Metrics;
use jiff::Timestamp;
use proptest::prelude::*;
use tokio::sync::Notify;
use tokio::time::timeout;

use support::{PATIENCE, Running, body, header, status};

const TOKEN: &str = "the-right-token";
const SIGNATURE: &str = "the-right-signature";

/// A house with a hand-made hook (plain token, or a signature where one is there), a registered hook `h1` that wants a
/// signature, a provider `flags` with a secret and a provider `mute` without.
struct House {
    deliveries: Mutex<Vec<Delivery>>,
    verdicts_on_bodies: AtomicUsize,
    taken: Mutex<Taken>,
    hold: AtomicBool,
    holding: Notify,
    go: Notify,
}

impl House {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            deliveries: Mutex::default(),
            verdicts_on_bodies: AtomicUsize::new(0),
            taken: Mutex::new(Taken::Kept),
            hold: AtomicBool::new(false),
            holding: Notify::new(),
            go: Notify::new(),
        })
    }

    fn deliveries(&self) -> Vec<Delivery> {
        self.deliveries.lock().unwrap().clone()
    }

    fn takes(&self, taken: Taken) {
        *self.taken.lock().unwrap() = taken;
    }
}

#[async_trait]
impl Door for House {
    fn gitlab_before_body(&self, hook: &str, headers: &Headers) -> Option<Standing> {
        match hook {
            "" | "h1" => {}
            _ => return None,
        }
        if headers.contains_key("webhook-signature") {
            return Some(Standing::NeedsBody);
        }
        Some(match headers.get("x-gitlab-token") {
            Some(token) if token == TOKEN && hook.is_empty() => Standing::Genuine,
            Some(_) => Standing::Forged("wrong token"),
            None => Standing::Forged("no token"),
        })
    }

    fn gitlab_with_body(&self, _: &str, headers: &Headers, body: &[u8], _: Timestamp) -> Option<Standing> {
        self.verdicts_on_bodies.fetch_add(1, Ordering::SeqCst);
        let right = format!("{SIGNATURE}{}", body.len());
        Some(if headers.get("webhook-signature") == Some(&right) {
            Standing::Genuine
        } else {
            Standing::Forged("wrong signature")
        })
    }

    fn provider_verdict(&self, provider: &str, request: &WebhookRequest<'_>) -> Verdict {
        if provider != "flags" {
            return Verdict::NoSecret;
        }
        let right = format!("{SIGNATURE}{}", request.body.len());
        if request.headers.get("x-flag-signature") == Some(&right) {
            Verdict::Genuine
        } else {
            Verdict::Forged
        }
    }

    fn provider_key(&self, _: &str, request: &WebhookRequest<'_>) -> Option<String> {
        request.headers.get("x-event-id").cloned()
    }

    async fn take(&self, delivery: Delivery) -> Taken {
        if self.hold.load(Ordering::SeqCst) {
            self.holding.notify_one();
            self.go.notified().await;
        }
        self.deliveries.lock().unwrap().push(delivery);
        *self.taken.lock().unwrap()
    }
}

async fn server() -> (Running, Arc<House>) {
    let house = House::new();
    let handler = Webhooks::new(house.clone(), Arc::new(Metrics::default()));
    let options = ServeOptions {
        header_timeout: Duration::from_secs(2),
        body_timeout: Duration::from_secs(10),
        body_idle_timeout: Duration::from_millis(400),
        linger: Duration::from_millis(500),
        ..ServeOptions::default()
    };
    (Running::start(Arc::new(handler), options).await, house)
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "{method} {path} HTTP/1.1\r\nHost: flags.example.com\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )
}

fn post(path: &str, headers: &[(&str, &str)], body: &str) -> String {
    request("POST", path, headers, body)
}

const GOOD: &[(&str, &str)] = &[("X-Gitlab-Token", TOKEN)];

#[tokio::test]
async fn a_genuine_delivery_is_handed_over_and_answered_with_an_empty_200() {
    let (server, house) = server().await;
    let before = Timestamp::now();
    let answer = server
        .say(post(
            "/hooks/gitlab",
            &[
                ("X-Gitlab-Token", TOKEN),
                ("X-Gitlab-Event", "Note Hook"),
                ("X-Gitlab-Instance", "https://gitlab.example.com"),
                ("X-Gitlab-Event-UUID", "uuid-1"),
                ("X-Gitlab-Webhook-UUID", "uuid-2"),
                ("Idempotency-Key", "key-1"),
                ("webhook-id", "key-1"),
                ("User-Agent", "GitLab/18.6.0"),
                ("Cookie", "session=secret"),
                ("Authorization", "Basic c2VjcmV0"),
            ],
            r#" {"object_kind":"note"}"#,
        ))
        .await;
    assert_eq!((status(&answer), body(&answer)), (200, ""));
    assert_eq!(header(&answer, "content-length"), Some("0"));
    let [delivery] = house.deliveries().try_into().unwrap();
    assert_eq!(delivery.source, DeliverySource::Gitlab { hook: String::new() });
    assert_eq!(delivery.key.as_deref(), Some("key-1"));
    assert_eq!(&delivery.body[..], br#" {"object_kind":"note"}"#);
    assert!(delivery.received_at >= before && delivery.received_at <= Timestamp::now());
    let kept: Vec<(&str, &str)> = delivery.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    assert_eq!(
        kept,
        [
            ("user-agent", "GitLab/18.6.0"),
            ("webhook-id", "key-1"),
            ("x-gitlab-event", "Note Hook"),
            ("x-gitlab-event-uuid", "uuid-1"),
            ("x-gitlab-instance", "https://gitlab.example.com"),
        ]
    );
}

#[tokio::test]
async fn the_key_is_what_the_sender_gives() {
    let (server, house) = server().await;
    let long = "k".repeat(5000);
    for (headers, key) in [
        (&[("Idempotency-Key", "a"), ("webhook-id", "b")][..], Some("a")),
        (&[("webhook-id", "b")], Some("b")),
        (&[("Idempotency-Key", "")], None),
        (&[("Idempotency-Key", long.as_str())], None),
        (&[("X-Gitlab-Event-UUID", "shared by many"), ("X-Gitlab-Webhook-UUID", "new each time")], None),
    ] {
        let headers = [GOOD, headers].concat();
        assert_eq!(status(&server.say(post("/hooks/gitlab", &headers, "{}")).await), 200);
        assert_eq!(house.deliveries().pop().unwrap().key.as_deref(), key);
    }
}

#[tokio::test]
async fn whatever_becomes_of_it_the_answer_says_no_more_than_is_needed() {
    let (server, house) = server().await;
    for (taken, expected) in [
        (Taken::Kept, 200),
        (Taken::Before, 200),
        (Taken::Ignored("push"), 200),
        (Taken::NotJson, 400),
        (Taken::Unwritable, 503),
    ] {
        house.takes(taken);
        let answer = server.say(post("/hooks/gitlab", GOOD, "{}")).await;
        assert_eq!(status(&answer), expected, "{taken:?}");
        assert_eq!(body(&answer).is_empty(), expected == 200);
        let seconds = header(&answer, "retry-after").map(|after| after.parse::<u32>().unwrap());
        assert_eq!(seconds.is_some(), expected == 503);
    }
}

#[tokio::test]
async fn a_wrong_token_is_refused_before_the_body_is_there() {
    let (server, house) = server().await;
    for headers in [
        &[][..],
        &[("X-Gitlab-Token", "wrong")],
        &[("X-Gitlab-Token", "")],
        // Nobody chooses which of two is looked at.
        &[("X-Gitlab-Token", "wrong"), ("X-Gitlab-Token", TOKEN)],
        &[("X-Gitlab-Token", TOKEN), ("X-Gitlab-Token", "wrong")],
        // A good plain token does not help where a signature is there and wrong.
        &[("X-Gitlab-Token", TOKEN), ("webhook-signature", "v1,AAAA")],
    ] {
        let answer = server.say(post("/hooks/gitlab", headers, "{}")).await;
        assert_eq!(status(&answer), 401, "{headers:?}");
        assert!(!answer.contains("wrong token") && !answer.contains(TOKEN), "{answer}");
    }
    // What has proved itself may stay.
    let mut wire = server.connect().await;
    for _ in 0..2 {
        wire.send(format!("POST /hooks/gitlab HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: {TOKEN}\r\nContent-Length: 2\r\n\r\n{{}}"))
            .await;
        assert_eq!(status(&wire.until("\r\n\r\n").await), 200);
    }
    // No byte of the body was sent, and the answer comes.
    let mut wire = server.connect().await;
    wire.send(
        "POST /hooks/gitlab HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: wrong\r\nContent-Length: 20000000\r\n\r\n",
    )
    .await;
    let answer = wire.rest().await;
    assert_eq!(status(&answer), 401);
    assert_eq!(header(&answer, "connection"), Some("close"));
    assert_eq!(house.deliveries().len(), 2);
}

#[tokio::test]
async fn a_signature_is_checked_with_the_body() {
    let (server, house) = server().await;
    let right = format!("{SIGNATURE}2");
    for path in ["/hooks/gitlab", "/hooks/gitlab/h1"] {
        assert_eq!(status(&server.say(post(path, &[("webhook-signature", &right)], "{}")).await), 200);
        assert_eq!(status(&server.say(post(path, &[("webhook-signature", &right)], "{ }")).await), 401);
    }
    let hooks: Vec<_> = house.deliveries().into_iter().map(|delivery| delivery.source).collect();
    assert_eq!(
        hooks,
        ["", "h1"].map(|hook| DeliverySource::Gitlab { hook: hook.to_owned() }),
        "each hook is a trust domain of its own"
    );
    assert_eq!(house.verdicts_on_bodies.load(Ordering::SeqCst), 4);
    // One hook's secret opens no other.
    assert_eq!(status(&server.say(post("/hooks/gitlab/h1", GOOD, "{}")).await), 401);
}

#[tokio::test]
async fn a_provider_is_checked_in_its_own_way() {
    let (server, house) = server().await;
    let right = format!("{SIGNATURE}2");
    let good = [("X-Flag-Signature", right.as_str()), ("X-Event-Id", "77")];
    assert_eq!(status(&server.say(post("/hooks/providers/flags", &good, "{}")).await), 200);
    assert_eq!(status(&server.say(post("/hooks/providers/flags", &good, "{ }")).await), 401);
    assert_eq!(status(&server.say(post("/hooks/providers/flags", &[], "{}")).await), 401);
    assert_eq!(status(&server.say(post("/hooks/providers/fl%61gs", &good, "{}")).await), 200);
    let [first, second] = house.deliveries().try_into().unwrap();
    assert_eq!(first.source, DeliverySource::Provider { name: "flags".to_owned() });
    assert_eq!(first.key.as_deref(), Some("77"));
    assert!(first.headers.is_empty(), "{:?}", first.headers);
    assert_eq!(second.source, first.source);
}

#[tokio::test]
async fn where_there_is_no_secret_there_is_no_path() {
    let (server, house) = server().await;
    for path in [
        "/hooks/providers/mute",
        "/hooks/providers/unknown",
        "/hooks/gitlab/unknown",
        "/hooks/gitlab/",
        "/hooks/gitlab/h1/",
        "/hooks/gitlab/h1/x",
        "/hooks/gitlab/h%2F1",
        "/hooks/gitlab/%ff",
        "/hooks/gitlab/%",
        "/hooks/providers/",
        "/hooks/providers",
        "/hooks/Gitlab",
        "/hooks//gitlab",
        "/hooks/../hooks/gitlab",
        "//hooks/gitlab",
        "/hooks",
        "/",
        "/metrics",
        "/readyz",
        "/api/v1/links",
        "/healthz/",
    ] {
        for method in ["POST", "GET", "DELETE"] {
            let answer = server.say(request(method, path, GOOD, "{}")).await;
            assert_eq!(status(&answer), 404, "{method} {path}");
        }
    }
    assert!(house.deliveries().is_empty());
}

#[tokio::test]
async fn the_method_has_to_be_right() {
    let (server, house) = server().await;
    for (method, path, allow) in [
        ("GET", "/hooks/gitlab", "POST"),
        ("PUT", "/hooks/gitlab", "POST"),
        ("OPTIONS", "/hooks/gitlab", "POST"),
        ("BREW", "/hooks/gitlab/h1", "POST"),
        ("HEAD", "/hooks/providers/flags", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("OPTIONS", "/healthz", "GET, HEAD"),
    ] {
        let answer = server.say(request(method, path, GOOD, "{}")).await;
        assert_eq!(status(&answer), 405, "{method} {path}");
        assert_eq!(header(&answer, "allow"), Some(allow), "{method} {path}");
    }
    assert!(house.deliveries().is_empty());
    let alive = server.say(request("GET", "/healthz", &[], "")).await;
    assert_eq!((status(&alive), body(&alive)), (200, "ok"));
    let alive = server.say(request("HEAD", "/healthz", &[], "")).await;
    assert_eq!((status(&alive), body(&alive)), (200, ""));
}

#[tokio::test]
async fn a_whole_address_or_a_query_in_the_request_line_changes_nothing() {
    let (server, house) = server().await;
    for target in [
        "http://flags.example.com/hooks/gitlab",
        "https://elsewhere.example/hooks/gitlab?x=/healthz",
        "/hooks/gitlab?token=abc",
        "/hooks/gitlab?",
    ] {
        assert_eq!(status(&server.say(post(target, GOOD, "{}")).await), 200, "{target}");
    }
    assert_eq!(house.deliveries().len(), 4);
    assert_eq!(status(&server.say(request("OPTIONS", "*", &[], "")).await), 404);
    assert_eq!(status(&server.say(request("CONNECT", "flags.example.com:80", &[], "")).await), 404);
}

#[tokio::test]
async fn only_a_json_object_is_taken() {
    let (server, house) = server().await;
    let deep = format!("{{\"a\":{}", "[".repeat(200_000));
    for wrong in
        ["", " ", "null", "[]", "[{}]", "\"{}\"", "7", "{", "{}{}", "{} x", "{'a':1}", "a=1&b=2", &deep]
    {
        let answer = server.say(post("/hooks/gitlab", GOOD, wrong)).await;
        assert_eq!(status(&answer), 400, "{wrong:.40}");
    }
    assert!(house.deliveries().is_empty());
    // Who cannot prove who they are does not learn what a good body is.
    assert_eq!(status(&server.say(post("/hooks/gitlab", &[("webhook-signature", "x")], "[]")).await), 401);
}

#[tokio::test]
async fn twenty_five_megabytes_are_taken_and_not_one_byte_more() {
    let (server, house) = server().await;
    for (size, expected) in [(MAX_BODY, 200), (MAX_BODY + 1, 413)] {
        let filler = "x".repeat(size - r#"{"a":""}"#.len());
        let body = format!(r#"{{"a":"{filler}"}}"#);
        assert_eq!(body.len(), size);
        let known = server.say(post("/hooks/gitlab", GOOD, &body)).await;
        assert_eq!(status(&known), expected);
        let mut chunked = format!(
            "POST /hooks/gitlab HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Gitlab-Token: {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        for piece in body.as_bytes().chunks(1_000_000) {
            chunked += &format!("{:x}\r\n{}\r\n", piece.len(), std::str::from_utf8(piece).unwrap());
        }
        chunked += "0\r\n\r\n";
        let unknown = server.say(chunked).await;
        assert_eq!(status(&unknown), expected);
    }
    assert_eq!(house.deliveries().len(), 2);
}

#[tokio::test]
async fn a_body_that_never_ends_is_refused_and_nothing_is_kept() {
    let (server, house) = server().await;
    let slow = server
        .say(format!(
            "POST /hooks/gitlab HTTP/1.1\r\nHost: x\r\nX-Gitlab-Token: {TOKEN}\r\nContent-Length: 100\r\n\r\n{{"
        ))
        .await;
    assert_eq!(status(&slow), 408);
    assert!(house.deliveries().is_empty());
}

#[tokio::test]
async fn a_delivery_in_flight_at_the_end_is_kept_and_answered() {
    let (server, house) = server().await;
    house.hold.store(true, Ordering::SeqCst);
    let mut wire = server.connect().await;
    wire.send(post("/hooks/gitlab", GOOD, "{}")).await;
    timeout(PATIENCE, house.holding.notified()).await.unwrap();
    server.stop.cancel();
    house.go.notify_one();
    assert_eq!(status(&wire.rest().await), 200);
    assert_eq!(server.stopped().await.abandoned, 0);
    assert_eq!(house.deliveries().len(), 1);
}

#[tokio::test]
async fn a_delivery_whose_sender_gave_up_is_kept_all_the_same() {
    let (server, house) = server().await;
    house.hold.store(true, Ordering::SeqCst);
    let mut wire = server.connect().await;
    wire.send(post("/hooks/gitlab", GOOD, "{}")).await;
    timeout(PATIENCE, house.holding.notified()).await.unwrap();
    drop(wire);
    house.go.notify_one();
    assert_eq!(server.stopped().await.abandoned, 0);
    assert_eq!(house.deliveries().len(), 1, "the hand-over was dropped half-way");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever bytes come, only a genuine request is handed over, and the listener lives on.
    #[test]
    fn nothing_gets_in_without_the_secret(lines in proptest::collection::vec("[ -~]{0,40}", 0..6), tail in proptest::collection::vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (server, house) = server().await;
            let mut bytes = format!("POST /hooks/gitlab HTTP/1.1\r\nConnection: close\r\n{}\r\n\r\n", lines.join("\r\n")).into_bytes();
            bytes.extend_from_slice(&tail);
            let mut wire = server.connect().await;
            wire.send(bytes).await;
            tokio::io::AsyncWriteExt::shutdown(&mut wire.0).await.ok();
            let answer = wire.rest().await;
            assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
            assert!(house.deliveries().is_empty());
            assert_eq!(status(&server.say(request("GET", "/healthz", &[], "")).await), 200);
        });
    }
}
