//! The store on sled 0.34: one tree, one committer, one owner.
//!
//! Everything lies in one tree, so that one batch is one transaction. Reads go straight to the tree;
//! everything that writes goes through the [committer](commit), which alone holds the reins of the disk.
//! After an I/O error sled refuses everything for good, so the handle is then dropped, and opened anew when
//! something is next to be written.

mod apply;
mod cell;
mod commit;
mod database;
mod entries;
mod fault;
mod keys;
mod letters;
mod lock;
mod marker;
mod open;
mod open_error;
mod options;
mod place;
mod reserve;
mod schema;
mod shared;
mod stored;
mod sweep;
mod txn;
mod user;
mod view;
mod visits;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::oneshot;

pub use self::marker::schema_in;
pub use self::open_error::{OpenError, Owner};
pub use self::options::StoreOptions;
pub use self::schema::SCHEMA_VERSION;
pub use self::user::user_name;
pub use self::visits::Visits;

use self::commit::{Committer, Request};
use self::fault::Fault;
use self::keys::kind;
use self::lock::Lock;
use self::shared::Shared;
use self::stored::Ready;
use super::{Backlog, CommitError, DeadTally, Store, StoreError};
use crate::domain::{
    DeadLetter, Decision, Delivery, Edge, EdgeId, FlagRecord, FlagRef, HookRecord, HookTarget, InboxEntry,
    InboxId, Kept, Level, NoteKey, NoteRecord, Noteable, NoteableRecord, RecordKey, Register, Seen, Stale,
};

/// Larger bodies are digested and compressed off the async threads.
const LARGE: usize = 64 * 1024;

/// What the store has done since it was opened, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Requests that went through the committer.
    pub requests: u64,
    /// How often the disk was waited for; many requests share one.
    pub syncs: u64,
    /// How often the database was opened anew after an error.
    pub reopened: u64,
}

/// The store on sled. Closed when it is dropped; that waits for what was asked before.
#[derive(Debug)]
pub struct SledStore {
    path: PathBuf,
    shared: Arc<Shared>,
    /// `None` while it is being dropped.
    requests: Option<Sender<Request>>,
    committer: Option<JoinHandle<()>>,
    /// Let go of last.
    _lock: Lock,
}

impl SledStore {
    /// Opens the store in the folder `path`, or makes one there. Blocks for as long as the disk takes.
    ///
    /// # Errors
    /// Says what is wrong and what to do, for people.
    pub fn open(path: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        let (place, lock, database) = open::open(path, &options)?;
        let damaged = |fault: Fault| OpenError::Damaged {
            path: path.to_owned(),
            what: StoreError::from(fault).to_string(),
        };
        let shared = Arc::new(Shared::new(place, options, database).map_err(damaged)?);
        let (requests, queue) = mpsc::channel();
        let committer = Committer::new(shared.clone());
        let committer = std::thread::Builder::new()
            .name("store committer".to_owned())
            .spawn(move || committer.run(&queue))
            .map_err(|error| OpenError::of_io(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            shared,
            requests: Some(requests),
            committer: Some(committer),
            _lock: lock,
        })
    }

    /// Who has the store in that folder open now, for people; `None` where nobody has, as far as can be told. Takes nothing.
    pub fn in_use_by(path: &Path) -> Option<String> {
        lock::holder(path).map(|owner| owner.to_string())
    }

    /// The store's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the store has done since it was opened.
    pub fn work(&self) -> Work {
        Work {
            requests: self.shared.asked.load(Ordering::Relaxed),
            syncs: self.shared.syncs.load(Ordering::Relaxed),
            reopened: self.shared.reopened.load(Ordering::Relaxed),
        }
    }

    /// Reads off the async threads: sled may have to wait for the disk, or for a batch that is being applied.
    async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&::sled::Tree) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = self.shared.clone();
        match tokio::task::spawn_blocking(move || shared.read(look)).await {
            Ok(answer) => answer,
            Err(error) if error.is_panic() => {
                Err(StoreError::Damaged("the database library gave up on what was read".to_owned()))
            }
            Err(_) => Err(closing()),
        }
    }

    /// Asks the committer and waits for its answer. Once asked, it is done also if nobody waits any more.
    async fn ask<T, E: From<StoreError>>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, E>>) -> Request,
    ) -> Result<T, E> {
        let (answer, wait) = oneshot::channel();
        let asked = self.requests.as_ref().is_some_and(|to| to.send(request(answer)).is_ok());
        if !asked {
            return Err(closing().into());
        }
        match wait.await {
            Ok(answer) => answer,
            Err(_) => {
                Err(StoreError::Damaged("the database library gave up on what was written".to_owned()).into())
            }
        }
    }
}

fn closing() -> StoreError {
    StoreError::Unwritable("flaglink is shutting down".to_owned())
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(committer) = self.committer.take()
            && committer.join().is_err()
        {
            tracing::error!("the store's committer did not end well");
        }
        // Waits for reads that still run, so that the files are let go of before the lock is.
        self.shared.shut(closing());
    }
}

#[async_trait]
impl Store for SledStore {
    fn new_id(&self) -> u64 {
        self.shared.next_number()
    }

    async fn keep(&self, delivery: Delivery) -> Result<Kept, StoreError> {
        let ready = if delivery.body.len() < LARGE {
            Ready::of(delivery)
        } else {
            tokio::task::spawn_blocking(move || Ready::of(delivery)).await.map_err(|_| closing())?
        };
        self.ask(|answer| Request::Keep(Box::new(ready), answer)).await
    }

    async fn commit(&self, decision: Decision) -> Result<(), CommitError> {
        self.ask(|answer| Request::Commit(decision, answer)).await
    }

    async fn noteable(&self, noteable: &Noteable) -> Result<Seen<NoteableRecord>, StoreError> {
        let key = RecordKey::Noteable(noteable.clone());
        self.read(|tree| view::seen(tree, key)).await
    }

    async fn note(&self, note: &NoteKey) -> Result<Seen<NoteRecord>, StoreError> {
        let key = RecordKey::Note(note.clone());
        self.read(|tree| view::seen(tree, key)).await
    }

    async fn flag(&self, flag: &FlagRef) -> Result<Seen<FlagRecord>, StoreError> {
        let key = RecordKey::Flag(flag.clone());
        self.read(|tree| view::seen(tree, key)).await
    }

    async fn register(&self) -> Result<Seen<Register>, StoreError> {
        self.read(|tree| view::seen(tree, RecordKey::Register)).await
    }

    async fn hook(&self, target: &HookTarget) -> Result<Seen<HookRecord>, StoreError> {
        let key = RecordKey::Hook(target.clone());
        self.read(|tree| view::seen(tree, key)).await
    }

    async fn hooks(&self) -> Result<Vec<HookRecord>, StoreError> {
        self.read(|tree| view::all(tree, &[kind::HOOK])).await
    }

    async fn noteables_of(&self, flag: &FlagRef) -> Result<Vec<Noteable>, StoreError> {
        let flag = flag.clone();
        self.read(move |tree| view::noteables_of(tree, &flag)).await
    }

    async fn is_linked(&self, flag: &FlagRef) -> Result<bool, StoreError> {
        let flag = flag.clone();
        self.read(move |tree| view::is_linked(tree, &flag)).await
    }

    async fn linked_flags(&self, provider: &str) -> Result<Vec<FlagRef>, StoreError> {
        let provider = provider.to_owned();
        self.read(move |tree| view::linked_flags(tree, &provider)).await
    }

    async fn marked_flags(&self, provider: &str) -> Result<Vec<FlagRef>, StoreError> {
        let provider = provider.to_owned();
        self.read(move |tree| view::marked_flags(tree, &provider)).await
    }

    async fn providers_in_use(&self) -> Result<Vec<String>, StoreError> {
        self.read(view::providers_in_use).await
    }

    async fn linked_noteables(
        &self,
        after: Option<&Noteable>,
        limit: usize,
    ) -> Result<Vec<NoteableRecord>, StoreError> {
        let after = after.cloned();
        self.read(move |tree| view::linked_noteables(tree, after.as_ref(), limit)).await
    }

    async fn inbox(&self) -> Result<Vec<InboxId>, StoreError> {
        self.read(view::inbox).await
    }

    async fn inbox_entry(&self, id: InboxId) -> Result<Option<InboxEntry>, StoreError> {
        self.read(move |tree| view::inbox_entry(tree, id, true)).await
    }

    async fn inbox_entry_without_body(&self, id: InboxId) -> Result<Option<InboxEntry>, StoreError> {
        self.read(move |tree| view::inbox_entry(tree, id, false)).await
    }

    async fn edges(&self) -> Result<Vec<Edge>, StoreError> {
        self.read(|tree| view::all(tree, &[kind::EDGE])).await
    }

    async fn edge(&self, id: EdgeId) -> Result<Option<Edge>, StoreError> {
        self.read(move |tree| view::value(tree, &keys::edge(id))).await
    }

    async fn stale(&self) -> Result<Vec<Stale>, StoreError> {
        self.read(|tree| view::all(tree, &[kind::STALE])).await
    }

    async fn stale_level(&self, level: &Level) -> Result<Option<Stale>, StoreError> {
        let key = keys::stale(level);
        self.read(move |tree| view::value(tree, &key)).await
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.read(move |tree| letters::oldest(tree, limit)).await
    }

    async fn dead_letter(&self, id: u64) -> Result<Seen<DeadLetter>, StoreError> {
        self.read(move |tree| letters::seen(tree, id)).await
    }

    async fn dead_tally(&self) -> Result<DeadTally, StoreError> {
        let all = self.shared.backlog().dead;
        if all == 0 {
            return Ok(DeadTally::default());
        }
        self.read(move |tree| letters::tally(tree, all)).await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        Ok(*self.shared.backlog())
    }

    fn takes(&self) -> Result<(), StoreError> {
        self.shared.takes()
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.ask(Request::Check).await
    }

    async fn sweep(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut forgotten = 0;
        let in_use = Arc::new(self.read(sweep::texts_in_use).await?);
        for kind in sweep::SWEPT {
            let mut after = None;
            loop {
                let in_use = Arc::clone(&in_use);
                let page =
                    self.read(move |tree| sweep::look(tree, kind, after.as_ref(), before, &in_use)).await?;
                if !page.old.is_empty() {
                    forgotten += self.ask(|answer| Request::Forget(page.old, before, answer)).await?;
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        Ok(forgotten)
    }
}
