//! However many deliveries have gone through it, the store stays as large as what is kept in it.
//!
//! `FLAGLINK_DELIVERIES=1000000 cargo test --test store_sled -- flat` goes on for longer than the few thousand of an ordinary run.

use std::path::Path;

use flaglink::bot::limits::REMEMBERED;
use flaglink::domain::{
    CommandRecord, CommandStatus, Delivery, Event, InboxId, Kept, NoteHint, NoteKey, NoteRecord, NoteSource,
    NoteableKind, NoteableRecord, Outcome, ReplyBudget, Write,
};
use flaglink::store::sled::SledStore;
use flaglink::store::{Backlog, Store};
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use crate::kit::{at, commit, delivery, folder, issue, noise, open, person};

/// The days over which they come.
const DAYS: u32 = 100;
/// So many are under way at a time.
const TOGETHER: u64 = 64;

/// What lies in the folder, in bytes on the disk.
fn size(folder: &Path) -> u64 {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|file| {
            let file = file.unwrap();
            let about = file.metadata().unwrap();
            if about.is_dir() {
                size(&file.path())
            } else {
                std::os::unix::fs::MetadataExt::blocks(&about) * 512
            }
        })
        .sum()
}

/// A webhook comes in, a comment's command is taken and run, and all of it is over.
async fn goes_through(store: &SledStore, number: u64, now: Timestamp) {
    // Most are a few KB, one in a hundred is a long merge request; half of what is in them compresses.
    let len = if number.is_multiple_of(100) { 100_000 } else { 3_000 };
    let mut body = noise(len / 2);
    body.resize(len, b' ');
    let mut incoming: Delivery = delivery(Some(&format!("key {number}")), &body);
    incoming.received_at = now;
    let Kept::New(id) = store.keep(incoming).await.unwrap() else { panic!("it is new") };
    let note = NoteKey { noteable: issue(number / 20), source: NoteSource::Note(number) };
    let hint = NoteHint {
        project: 7,
        kind: NoteableKind::Issue,
        iid: number / 20,
        source: note.source,
        discussion: None,
        by_another: false,
    };
    let event = InboxId(store.new_id());
    let record = |status| NoteRecord {
        note: note.clone(),
        author: person(),
        internal: false,
        discussion: None,
        commands: vec![CommandRecord {
            text: "/flag link checkout_v2".to_owned(),
            batch: 0,
            written_at: now,
            status,
            told_waiting: false,
            switch: None,
        }],
        refused_edit: None,
        handled_at: now,
    };
    let taken = Box::new(record(CommandStatus::Taken));
    commit(
        store,
        [Write::InboxDone(id), Write::PutNote(taken), Write::QueueEvent(event, Event::NoteWritten(hint))],
    )
    .await;
    // One in fifty is left as it was: its project lost its rule.
    let status =
        if number.is_multiple_of(50) { CommandStatus::Taken } else { CommandStatus::Over(Outcome::Done) };
    let mut replied = NoteableRecord::new(note.noteable.clone());
    replied.replies.insert(3, ReplyBudget { at: vec![now], told_at: None });
    let writes = [Write::PutNote(Box::new(record(status))), Write::PutNoteable(Box::new(replied))];
    commit(store, writes.into_iter().chain([Write::InboxDone(event)])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_stays_flat_over_any_number_of_deliveries() {
    let deliveries: u64 =
        std::env::var("FLAGLINK_DELIVERIES").ok().and_then(|n| n.parse().ok()).unwrap_or(6_000);
    let folder = folder();
    let store = std::sync::Arc::new(open(folder.path()));
    let day = deliveries / u64::from(DAYS);
    let mut sizes = Vec::new();
    for today in 0..u64::from(DAYS) {
        let now = at(0) + SignedDuration::from_hours(24 * i64::try_from(today).unwrap());
        let mut under_way = JoinSet::new();
        for number in today * day..(today + 1) * day {
            if under_way.len() as u64 >= TOGETHER {
                under_way.join_next().await.unwrap().unwrap();
            }
            let store = store.clone();
            under_way.spawn(async move { goes_through(&store, number, now).await });
        }
        while let Some(done) = under_way.join_next().await {
            done.unwrap();
        }
        store.sweep(now - SignedDuration::try_from(REMEMBERED).unwrap()).await.unwrap();
        sizes.push(size(folder.path()));
        if today % 10 == 9 {
            println!("day {}: {} KiB", today + 1, sizes.last().unwrap() / 1024);
        }
    }
    // After as many days as things are remembered, as much is forgotten every day as comes in. What lies between is what the
    // database has not cleaned up yet.
    let most = |days: &[u64]| *days.iter().max().unwrap();
    let (early, late) = (most(&sizes[15..40]), most(&sizes[75..]));
    assert!(late < early + early / 4 + 1024 * 1024, "it grows: {sizes:?}");
    assert_eq!(store.backlog().await.unwrap(), Backlog::default());
    drop(store);
    let (store, reopened) = (open(folder.path()), size(folder.path()));
    assert!(reopened < late + late / 4 + 1024 * 1024, "it grows when it is opened: {reopened} from {late}");
    // Once more than that many days have gone by without anything, nothing is left of all that but what the store needs for itself.
    store.sweep(at(0) + SignedDuration::from_hours(24 * i64::from(DAYS))).await.unwrap();
    let again = delivery(Some(&format!("key {}", deliveries - 1)), b"{}");
    assert!(matches!(store.keep(again).await.unwrap(), Kept::New(_)), "the last one is forgotten too");
}
