//! The store on a disk that refuses: nothing is half-kept, and when the disk is well again so is the store.
//!
//! The only test in this program, because what it does to the disk it does to the whole process: it limits
//! how large its files may get (`prlimit`, part of util-linux), so that every write fails for real.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test ends at the first surprise")]

use std::collections::BTreeMap;
use std::process::Command;

use flaglink::domain::{Decision, Delivery, DeliverySource, Kept, Register, Write};
use flaglink::store::sled::{SledStore, StoreOptions};
use flaglink::store::{Backlog, CommitError, Store, StoreError};
use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

/// Lets files grow up to so many bytes.
fn limit(bytes: &str) {
    let done = Command::new("prlimit")
        .arg(format!("--fsize={bytes}:unlimited"))
        .arg(format!("--pid={}", std::process::id()))
        .status()
        .unwrap();
    assert!(done.success());
}

fn delivery(key: &str) -> Delivery {
    Delivery {
        source: DeliverySource::Gitlab { hook: String::new() },
        key: Some(key.to_owned()),
        headers: BTreeMap::new(),
        body: key.repeat(500).into_bytes().into(),
        received_at: Timestamp::UNIX_EPOCH,
    }
}

fn register(count: usize) -> Decision {
    let mut register = Register::default();
    register.cursors.insert("count".to_owned(), count.to_string());
    Decision { reads: Vec::new(), writes: vec![Write::PutRegister(Box::new(register))] }
}

#[tokio::test]
async fn a_disk_that_refuses_costs_nothing_but_the_answer() {
    // Without a handler this signal, which tells of a file that may not grow, ends the process.
    const SIGXFSZ: i32 = 25;
    let _handled = signal(SignalKind::from_raw(SIGXFSZ)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path(), StoreOptions::default()).unwrap();
    let mut kept = Vec::new();
    for round in 0..4 {
        let before = format!("before {round}");
        let Kept::New(id) = store.keep(delivery(&before)).await.unwrap() else { panic!() };
        kept.push(id);
        store.commit(register(round)).await.unwrap();

        limit("0");
        let refused = [
            store.keep(delivery(&format!("while {round}"))).await.map(|_| ()),
            store.keep(delivery(&before)).await.map(|_| ()),
            store.check().await,
            store.inbox().await.map(|_| ()),
        ];
        for answer in refused {
            assert!(matches!(answer, Err(StoreError::Unwritable(_))), "{answer:?}");
        }
        let refused = store.commit(register(99)).await;
        assert!(matches!(refused, Err(CommitError::Store(StoreError::Unwritable(_)))), "{refused:?}");

        limit("unlimited");
        store.check().await.unwrap();
        assert_eq!(store.work().reopened, round as u64 + 1);
        assert_eq!(store.inbox().await.unwrap(), kept, "all that was kept, and nothing else");
        for id in &kept {
            assert!(store.inbox_entry(*id).await.unwrap().is_some());
        }
        let expected = Backlog { inbox: kept.len() as u64, ..Backlog::default() };
        assert_eq!(store.backlog().await.unwrap(), expected);
        let found = store.register().await.unwrap().value.unwrap();
        assert_eq!(found.cursors["count"], round.to_string());
        assert_eq!(store.keep(delivery(&before)).await.unwrap(), Kept::Before);
        // What was refused is new when it comes again.
        let Kept::New(id) = store.keep(delivery(&format!("while {round}"))).await.unwrap() else { panic!() };
        assert!(kept.last().is_some_and(|last| id > *last));
        kept.push(id);
    }
    drop(store);
    let store = SledStore::open(folder.path(), StoreOptions::default()).unwrap();
    assert_eq!(store.inbox().await.unwrap(), kept);
}
