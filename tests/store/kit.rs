//! What the store's tests are made of.

use std::collections::BTreeMap;
use std::path::Path;

use flaglink::domain::{
    Cause, DeadLetter, DeadThing, Decision, Delivery, DeliverySource, Edge, EdgeId, EdgeKind, FlagRef,
    InboxId, InstanceId, Link, NoteSource, Noteable, NoteableKind, NoteableRecord, Person, Purpose, Reaction,
    Write,
};
use flaglink::store::Store;
use flaglink::store::sled::{SledStore, StoreOptions};
use jiff::Timestamp;
use tempfile::TempDir;

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

pub(crate) fn open(path: &Path) -> SledStore {
    match SledStore::open(path, StoreOptions { cache_bytes: 4 * 1024 * 1024, ..StoreOptions::default() }) {
        Ok(store) => store,
        Err(error) => panic!("{error}"),
    }
}

/// So many seconds after a fixed moment.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

pub(crate) fn issue(iid: u64) -> Noteable {
    Noteable { instance: InstanceId("main".to_owned()), project: 7, kind: NoteableKind::Issue, iid }
}

pub(crate) fn flag(key: &str) -> FlagRef {
    FlagRef { provider: "flagsmith".to_owned(), scope: "12".to_owned(), key: key.to_owned() }
}

pub(crate) fn person() -> Person {
    Person { id: 3, username: "kim".to_owned() }
}

pub(crate) fn linked(noteable: &Noteable, flags: &[FlagRef]) -> NoteableRecord {
    let mut record = NoteableRecord::new(noteable.clone());
    record.view.web_url = format!("https://gitlab.example.com/shop/-/issues/{}", noteable.iid);
    record.links = flags
        .iter()
        .map(|flag| Link {
            flag: flag.clone(),
            internal_id: format!("id of {}", flag.key),
            by: person(),
            at: at(0),
            from: NoteSource::Note(4711),
        })
        .collect();
    record
}

pub(crate) fn hook(name: &str) -> DeliverySource {
    DeliverySource::Gitlab { hook: name.to_owned() }
}

pub(crate) fn delivery(key: Option<&str>, body: &[u8]) -> Delivery {
    Delivery {
        source: hook("one"),
        key: key.map(str::to_owned),
        headers: BTreeMap::from([("x-gitlab-event".to_owned(), "Note Hook".to_owned())]),
        body: body.to_vec().into(),
        received_at: at(0),
    }
}

pub(crate) fn edge(id: u64) -> Edge {
    let reaction = Reaction::Taken;
    let cause = Cause {
        noteable: issue(1),
        source: Some(NoteSource::Note(4711)),
        command: 0,
        purpose: Purpose::React(reaction),
    };
    Edge::new(EdgeId(id), cause, EdgeKind::React { on: NoteSource::Note(4711), reaction }, None, at(0))
}

pub(crate) fn letter(id: u64, what: DeadThing, when: i64) -> DeadLetter {
    DeadLetter { id, at: at(when), begun: None, reason: "GitLab says 404".to_owned(), attempts: 5, what }
}

pub(crate) fn dead_entry(id: InboxId, when: i64) -> Write {
    Write::InboxDead(letter(id.0, DeadThing::Inbox(id), when))
}

pub(crate) fn writes(writes: impl IntoIterator<Item = Write>) -> Decision {
    Decision { reads: Vec::new(), writes: writes.into_iter().collect() }
}

pub(crate) async fn commit(store: &SledStore, all: impl IntoIterator<Item = Write>) {
    store.commit(writes(all)).await.unwrap();
}

/// Bytes that do not compress, the same ones every time.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_be_bytes()
    };
    std::iter::repeat_with(step).flatten().take(len).collect()
}
