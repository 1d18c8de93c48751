//! A store that is held only while something is asked of it: for whoever has to wait for others in between.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, sleep, sleep_until};

use super::{OpenError, SledStore, StoreOptions};
use crate::domain::{
    DeadLetter, Decision, Delivery, Edge, EdgeId, FlagRecord, FlagRef, HookRecord, HookTarget, InboxEntry,
    InboxId, Kept, Level, NoteKey, NoteRecord, Noteable, NoteableRecord, RecordKey, Register, Rev, Seen,
    Stale,
};
use crate::store::{Backlog, CommitError, DeadTally, Store, StoreError};

/// So long nothing is asked before it is let go of.
const IDLE: Duration = Duration::from_millis(100);
/// However much is asked, it is let go of after this time.
const LONGEST: Duration = Duration::from_secs(1);
/// For so long it is left to others then: longer than whoever waits for it takes to look again.
const PAUSE: Duration = Duration::from_millis(150);
/// How long one that somebody else has is waited for: somebody may only have looked whether it is free.
const PATIENCE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(20);
/// Numbers are given from so far ahead while it is not open: a daemon that has it meanwhile gives those in between.
const AHEAD: u64 = 1 << 24;

/// A store on sled that others may have between two questions. What is kept of webhooks and of the installation is read once, and
/// again when something is written.
#[derive(Debug)]
pub struct Visits {
    path: PathBuf,
    options: StoreOptions,
    visit: Arc<Mutex<Visit>>,
    number: AtomicU64,
}

#[derive(Debug, Default)]
struct Visit {
    open: Option<Open>,
    let_go: Option<Instant>,
    /// Somebody else has it for good, as far as is known: that is not waited for again.
    is_theirs: bool,
    known: Option<Known>,
}

#[derive(Debug)]
struct Open {
    store: SledStore,
    since: Instant,
    used: Instant,
}

impl Open {
    fn new(store: SledStore) -> Self {
        let now = Instant::now();
        Self { store, since: now, used: now }
    }

    fn due(&self) -> Instant {
        (self.used + IDLE).min(self.since + LONGEST)
    }
}

/// What was read of it.
#[derive(Debug)]
struct Known {
    register: Seen<Register>,
    hooks: Vec<HookRecord>,
    each: HashMap<HookTarget, Seen<HookRecord>>,
}

impl Known {
    async fn read(store: &SledStore) -> Result<Self, StoreError> {
        let (register, hooks) = (store.register().await?, store.hooks().await?);
        let mut each = HashMap::new();
        for hook in &hooks {
            each.insert(hook.target.clone(), store.hook(&hook.target).await?);
        }
        Ok(Self { register, hooks, each })
    }
}

/// Asks the open store.
macro_rules! ask {
    ($self:ident, $store:ident => $asked:expr) => {{
        let mut visit = $self.open().await?;
        let $store = visit.store()?;
        let answer = $asked.await;
        visit.used();
        answer
    }};
}

impl Visits {
    /// The store in the folder `path`, which is made where it is missing.
    ///
    /// # Errors
    /// As for [`SledStore::open`].
    pub async fn begin(path: &Path, options: StoreOptions) -> Result<Self, OpenError> {
        let store = open(path, &options).await?;
        let number = AtomicU64::new(store.new_id());
        let visit = Arc::new(Mutex::new(Visit { open: Some(Open::new(store)), ..Visit::default() }));
        tokio::spawn(let_go_in_time(Arc::downgrade(&visit)));
        Ok(Self { path: path.to_owned(), options, visit, number })
    }

    /// Has it open.
    async fn open(&self) -> Result<MutexGuard<'_, Visit>, StoreError> {
        let mut visit = self.visit.lock().await;
        if visit.open.is_some() {
            return Ok(visit);
        }
        if let Some(let_go) = visit.let_go {
            sleep_until(let_go + PAUSE).await;
        }
        let end = Instant::now() + if visit.is_theirs { Duration::ZERO } else { PATIENCE };
        let store = loop {
            match open(&self.path, &self.options).await {
                Ok(store) => break store,
                Err(OpenError::Locked { .. }) if Instant::now() < end => sleep(LOOK).await,
                Err(OpenError::Locked { owner, .. }) => {
                    visit.is_theirs = true;
                    return Err(StoreError::Unwritable(format!(
                        "it is in use by {owner} now. Was flaglink started meanwhile? Then run the command again: the running flaglink does it"
                    )));
                }
                Err(error) => return Err(StoreError::Unwritable(error.to_string())),
            }
        };
        visit.is_theirs = false;
        self.number.fetch_max(store.new_id(), Ordering::Relaxed);
        visit.open = Some(Open::new(store));
        tokio::spawn(let_go_in_time(Arc::downgrade(&self.visit)));
        Ok(visit)
    }

    /// Has what is known of it.
    async fn known<T: Send>(&self, look: impl FnOnce(&Known) -> T + Send) -> Result<T, StoreError> {
        let visit = self.visit.lock().await;
        if let Some(known) = &visit.known {
            return Ok(look(known));
        }
        drop(visit);
        let mut visit = self.open().await?;
        let known = Known::read(visit.store()?).await?;
        let answer = look(&known);
        visit.known = Some(known);
        visit.used();
        Ok(answer)
    }
}

impl Visit {
    fn store(&self) -> Result<&SledStore, StoreError> {
        let closed = || StoreError::Unwritable("it is not open".to_owned());
        self.open.as_ref().map(|open| &open.store).ok_or_else(closed)
    }

    fn used(&mut self) {
        if let Some(open) = &mut self.open {
            open.used = Instant::now();
        }
    }
}

/// Opening reads the disk; it does not belong on a thread that serves others.
async fn open(path: &Path, options: &StoreOptions) -> Result<SledStore, OpenError> {
    let (root, options) = (path.to_owned(), options.clone());
    let opened = tokio::task::spawn_blocking(move || SledStore::open(&root, options)).await;
    opened.unwrap_or_else(|error| Err(OpenError::Damaged { path: path.to_owned(), what: error.to_string() }))
}

/// Lets go of it when its time has come.
async fn let_go_in_time(visit: Weak<Mutex<Visit>>) {
    let mut due = Instant::now() + IDLE;
    loop {
        sleep_until(due).await;
        let Some(visit) = visit.upgrade() else { return };
        let mut visit = visit.lock().await;
        match &visit.open {
            None => return,
            Some(open) if open.due() > Instant::now() => due = open.due(),
            Some(_) => {
                let open = visit.open.take();
                // What is asked meanwhile waits for it.
                let _ = tokio::task::spawn_blocking(move || drop(open)).await;
                visit.let_go = Some(Instant::now());
                return;
            }
        }
    }
}

#[async_trait]
impl Store for Visits {
    fn new_id(&self) -> u64 {
        match self.visit.try_lock() {
            Ok(visit) if visit.open.is_some() => visit.store().map_or_else(|_| self.ahead(), Store::new_id),
            _ => self.ahead(),
        }
    }

    async fn keep(&self, delivery: Delivery) -> Result<Kept, StoreError> {
        ask!(self, store => store.keep(delivery))
    }

    async fn commit(&self, decision: Decision) -> Result<(), CommitError> {
        let mut visit = self.open().await?;
        let committed = visit.store()?.commit(decision).await;
        // The store goes on from the greatest number that it was given.
        self.number.fetch_max(visit.store()?.new_id(), Ordering::Relaxed);
        // Also where somebody else has changed it. What cannot be read again now is read when it is next asked for.
        visit.known = Known::read(visit.store()?).await.ok();
        visit.used();
        committed
    }

    async fn noteable(&self, noteable: &Noteable) -> Result<Seen<NoteableRecord>, StoreError> {
        ask!(self, store => store.noteable(noteable))
    }

    async fn note(&self, note: &NoteKey) -> Result<Seen<NoteRecord>, StoreError> {
        ask!(self, store => store.note(note))
    }

    async fn flag(&self, flag: &FlagRef) -> Result<Seen<FlagRecord>, StoreError> {
        ask!(self, store => store.flag(flag))
    }

    async fn register(&self) -> Result<Seen<Register>, StoreError> {
        self.known(|known| known.register.clone()).await
    }

    async fn hook(&self, target: &HookTarget) -> Result<Seen<HookRecord>, StoreError> {
        let none = || Seen { key: RecordKey::Hook(target.clone()), rev: Rev(0), value: None };
        self.known(|known| known.each.get(target).cloned().unwrap_or_else(none)).await
    }

    async fn hooks(&self) -> Result<Vec<HookRecord>, StoreError> {
        self.known(|known| known.hooks.clone()).await
    }

    async fn noteables_of(&self, flag: &FlagRef) -> Result<Vec<Noteable>, StoreError> {
        ask!(self, store => store.noteables_of(flag))
    }

    async fn is_linked(&self, flag: &FlagRef) -> Result<bool, StoreError> {
        ask!(self, store => store.is_linked(flag))
    }

    async fn linked_flags(&self, provider: &str) -> Result<Vec<FlagRef>, StoreError> {
        ask!(self, store => store.linked_flags(provider))
    }

    async fn marked_flags(&self, provider: &str) -> Result<Vec<FlagRef>, StoreError> {
        ask!(self, store => store.marked_flags(provider))
    }

    async fn providers_in_use(&self) -> Result<Vec<String>, StoreError> {
        ask!(self, store => store.providers_in_use())
    }

    async fn linked_noteables(
        &self,
        after: Option<&Noteable>,
        limit: usize,
    ) -> Result<Vec<NoteableRecord>, StoreError> {
        ask!(self, store => store.linked_noteables(after, limit))
    }

    async fn inbox(&self) -> Result<Vec<InboxId>, StoreError> {
        ask!(self, store => store.inbox())
    }

    async fn inbox_entry(&self, id: InboxId) -> Result<Option<InboxEntry>, StoreError> {
        ask!(self, store => store.inbox_entry(id))
    }

    async fn inbox_entry_without_body(&self, id: InboxId) -> Result<Option<InboxEntry>, StoreError> {
        ask!(self, store => store.inbox_entry_without_body(id))
    }

    async fn edges(&self) -> Result<Vec<Edge>, StoreError> {
        ask!(self, store => store.edges())
    }

    async fn edge(&self, id: EdgeId) -> Result<Option<Edge>, StoreError> {
        ask!(self, store => store.edge(id))
    }

    async fn stale(&self) -> Result<Vec<Stale>, StoreError> {
        ask!(self, store => store.stale())
    }

    async fn stale_level(&self, level: &Level) -> Result<Option<Stale>, StoreError> {
        ask!(self, store => store.stale_level(level))
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        ask!(self, store => store.dead_letters(limit))
    }

    async fn dead_letter(&self, id: u64) -> Result<Seen<DeadLetter>, StoreError> {
        ask!(self, store => store.dead_letter(id))
    }

    async fn dead_tally(&self) -> Result<DeadTally, StoreError> {
        ask!(self, store => store.dead_tally())
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        ask!(self, store => store.backlog())
    }

    async fn check(&self) -> Result<(), StoreError> {
        ask!(self, store => store.check())
    }

    async fn sweep(&self, before: Timestamp) -> Result<u64, StoreError> {
        ask!(self, store => store.sweep(before))
    }
}

impl Visits {
    /// A number that no other store gives meanwhile.
    fn ahead(&self) -> u64 {
        self.number.fetch_add(1, Ordering::Relaxed) + AHEAD
    }
}
