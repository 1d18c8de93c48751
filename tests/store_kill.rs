//! The store under `kill -9`: whatever was acknowledged is there, and no decision is there by half.
#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use flaglink::domain::{
    Cause, Decision, Delivery, DeliverySource, Edge, EdgeId, EdgeKind, InstanceId, Kept, NoteSource,
    Noteable, NoteableKind, Purpose, Reaction, Write,
};
use flaglink::store::{SledStore, Store, StoreOptions};
use jiff::Timestamp;

/// Set for the process that is going to be killed: where its store is, and its round.
const VICTIM: &str = "FLAGLINK_TEST_VICTIM";

fn delivery(key: &str) -> Delivery {
    Delivery {
        source: DeliverySource::Gitlab { hook: String::new() },
        key: Some(key.to_owned()),
        headers: BTreeMap::new(),
        body: key.repeat(100).into_bytes().into(),
        received_at: Timestamp::UNIX_EPOCH,
    }
}

fn edge(id: u64) -> Edge {
    let noteable =
        Noteable { instance: InstanceId("main".to_owned()), project: 1, kind: NoteableKind::Issue, iid: 1 };
    let cause = Cause { noteable, source: None, command: 0, purpose: Purpose::Answer };
    let kind = EdgeKind::React { on: NoteSource::Description, reaction: Reaction::Done };
    Edge::new(EdgeId(id), cause, kind, None, Timestamp::UNIX_EPOCH)
}

fn acknowledged(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ack {what}").unwrap();
    out.flush().unwrap();
}

/// Keeps deliveries and counts edges until it is killed.
async fn write_until_killed(path: &Path, round: &str) {
    let store = Arc::new(SledStore::open(path, StoreOptions::default()).unwrap());
    for task in 0..4 {
        let (store, round) = (store.clone(), round.to_owned());
        tokio::spawn(async move {
            for number in 0.. {
                let key = format!("{round}-{task}-{number}");
                store.keep(delivery(&key)).await.unwrap();
                acknowledged(&key);
            }
        });
    }
    loop {
        let mut decision = Decision::new();
        let mut register = decision.rests_on(store.register().await.unwrap()).unwrap_or_default();
        let count = register.cursors.get("edges").map_or(0, |count| count.parse::<u64>().unwrap()) + 1;
        register.cursors.insert("edges".to_owned(), count.to_string());
        decision.write(Write::PutEdge(Box::new(edge(store.new_id()))));
        decision.write(Write::PutRegister(Box::new(register)));
        store.commit(decision).await.unwrap();
        acknowledged(&format!("edges={count}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill_at_any_instant() {
    if let Ok(victim) = std::env::var(VICTIM) {
        let (round, path) = victim.split_once(' ').unwrap();
        write_until_killed(Path::new(path), round).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut kept = Vec::new();
    let mut edges = 0_u64;
    let mut last = 0;
    for round in 0..6_usize {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "what_was_acknowledged_survives_a_kill_at_any_instant", "--nocapture"])
            .env(VICTIM, format!("{round} {}", folder.path().display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Killed after another number of answers each time; what it still said before it died counts.
        let enough = 1 + round * 137 % 400;
        let mut heard = 0;
        for line in BufReader::new(victim.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            // The last line may be cut short; then it was not said.
            let Some(what) = line.split("ack ").nth(1) else { continue };
            match what.strip_prefix("edges=") {
                Some(count) => edges = edges.max(count.parse().unwrap()),
                None => kept.push(what.to_owned()),
            }
            heard += 1;
            if heard == enough {
                victim.kill().unwrap();
            }
        }
        victim.wait().unwrap();
        assert!(heard >= enough, "it ended by itself");

        let store = SledStore::open(folder.path(), StoreOptions::default()).unwrap();
        let inbox = store.inbox().await.unwrap();
        for key in &kept {
            assert_eq!(store.keep(delivery(key)).await.unwrap(), Kept::Before, "{key} is lost");
        }
        for id in &inbox {
            assert!(store.inbox_entry(*id).await.unwrap().is_some());
        }
        let register = store.register().await.unwrap().value.unwrap_or_default();
        let count = register.cursors.get("edges").map_or(0, |count| count.parse::<u64>().unwrap());
        assert!(count >= edges, "{edges} were acknowledged, {count} are there");
        let all = store.edges().await.unwrap();
        assert_eq!(all.len() as u64, count, "a decision is there by half");
        let backlog = store.backlog().await.unwrap();
        assert_eq!((backlog.inbox, backlog.edges), (inbox.len() as u64, count));
        let next = store.new_id();
        assert!(inbox.iter().all(|id| id.0 < next) && all.iter().all(|edge| edge.id.0 < next) && next > last);
        last = next;
    }
}
