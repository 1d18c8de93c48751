//! Durable webhooks in a second, and how long each waits for its 200, with 1, 16 and 64 connections: against bare hyper
//! that reads and answers, and against bare hyper that also keeps the same bytes in the same kind of store.
//!
//! GitLab hangs meanwhile: what is measured is the taking in, at the worst moment.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails says so")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;

use support::floor::{self, Floor};
use support::house::{Around, GITLAB_SECRET, House, hanging_server};
use support::load::{self, Make, Ran};
use support::{Table, median, ms, only_asked, setting};

const CONNECTIONS: [usize; 3] = [1, 16, 64];
/// Bytes of a body.
const BODY: usize = 4096;

fn main() {
    floor::perhaps();
    if only_asked() {
        return;
    }
    let seconds = setting("FLAGLINK_BENCH_SECONDS", 5);
    let rounds = setting("FLAGLINK_BENCH_ROUNDS", 3);
    tokio::runtime::Runtime::new().unwrap().block_on(all(Duration::from_secs(seconds), rounds));
}

async fn all(time: Duration, rounds: u64) {
    let hanging = hanging_server().await;
    let mut table = Table::new(&[
        "connections",
        "flaglink/s",
        "of the durable floor",
        "of bare hyper",
        "p50 / floor ms",
        "p99 / floor ms",
    ]);
    for connections in CONNECTIONS {
        let mut ratios = (Vec::new(), Vec::new());
        let mut rates = Vec::new();
        let mut times = (support::times(), support::times());
        for _ in 0..rounds {
            let bare = against_floor(false, connections, time).await;
            let durable = against_floor(true, connections, time).await;
            let ours = against_flaglink(&hanging, connections, time).await;
            ratios.0.push(ours.rate / durable.rate);
            ratios.1.push(ours.rate / bare.rate);
            rates.push(ours.rate);
            times.0.add(ours.times).unwrap();
            times.1.add(durable.times).unwrap();
        }
        table.row([
            connections.to_string(),
            format!("{:.0}", median(rates)),
            format!("{:.2}", median(ratios.0)),
            format!("{:.2}", median(ratios.1)),
            format!("{:.2} / {:.2}", ms(&times.0, 0.5), ms(&times.1, 0.5)),
            format!("{:.2} / {:.2}", ms(&times.0, 0.99), ms(&times.1, 0.99)),
        ]);
    }
    table.print(&format!("Durable webhooks, body of {BODY} bytes, {rounds} rounds of {} s", time.as_secs()));
}

async fn against_floor(durable: bool, connections: usize, time: Duration) -> Ran {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let floor = Floor::start(durable.then_some(folder.path()));
    load::run(floor.address, connections, time, webhook(floor.address)).await
}

async fn against_flaglink(hanging: &str, connections: usize, time: Duration) -> Ran {
    let house = House::new(&Around::hanging(hanging));
    let (daemon, _) = house.run().await;
    let ran = load::run(house.webhooks, connections, time, webhook(house.webhooks)).await;
    drop(daemon);
    ran
}

/// Webhooks about comments with a command, as GitLab sends them: no two are repeats of each other.
fn webhook(address: std::net::SocketAddr) -> Make {
    Arc::new(move |number| {
        let mut body = serde_json::json!({
            "object_kind": "note",
            "event_type": "note",
            "user": { "id": 7, "name": "Mara", "username": "mara", "email": "[REDACTED]" },
            "project_id": 12,
            "project": { "id": 12, "name": "web", "path_with_namespace": "shop/web", "default_branch": "main" },
            "object_attributes": {
                "id": number, "author_id": 7, "noteable_type": "Issue", "noteable_id": 400 + number % 200,
                "project_id": 12, "system": false, "internal": false, "action": "create",
                "created_at": "2026-11-22 10:41:00 UTC", "updated_at": "2026-11-22 10:41:00 UTC",
                "note": "/flag status checkout_v2"
            },
            "issue": { "id": 400 + number % 200, "iid": 1 + number % 200, "title": "Checkout is slow", "state": "opened" }
        });
        let lacking = BODY - body.to_string().len() - r#","description":"""#.len();
        body["issue"]["description"] = text(number, lacking).into();
        Request::post("/hooks/gitlab")
            .header("Host", address.to_string())
            .header("Content-Type", "application/json")
            .header("X-Gitlab-Event", "Note Hook")
            .header("X-Gitlab-Token", GITLAB_SECRET)
            .header("Idempotency-Key", format!("8f1c0a52-0000-4000-8000-{number:012}"))
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap()
    })
}

/// A text of so many bytes that packs about as well as what people write.
fn text(number: u64, bytes: usize) -> String {
    const SYLLABLES: [&str; 16] = [
        "che", "ck", "out ", "is ", "slow", "er ", "bas", "ket ", "tra", "ce ", "lar", "ge ", "un", "der ",
        "lo", "ad ",
    ];
    let mut state = number;
    let mut out = String::with_capacity(bytes + 8);
    while out.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.push_str(SYLLABLES[usize::try_from(state >> 60).unwrap()]);
    }
    out.truncate(bytes);
    out
}
