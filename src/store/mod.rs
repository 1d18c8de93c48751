//! What flaglink keeps, behind one trait in the words of [`domain`](crate::domain).

pub mod export;
pub mod sled;

use std::collections::BTreeMap;

use async_trait::async_trait;

pub use self::sled::{OpenError, SledStore, StoreOptions};

use crate::domain::{
    DeadLetter, Decision, Delivery, Edge, EdgeId, FlagRecord, FlagRef, HookRecord, HookTarget, InboxEntry,
    InboxId, Kept, NoteKey, NoteRecord, Noteable, NoteableRecord, Register, Seen, Stale,
};

/// Why the store could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk is full, read-only or broken. Nothing was half-kept; later it may work again.
    #[error("the store cannot be written: {0}")]
    Unwritable(String),
    /// So much waits that nothing more is taken. Nothing was kept; when less waits it works again.
    #[error("{0} deliveries and commands wait, and no more are taken")]
    Full(u64),
    /// What is on disk cannot be read.
    #[error("the store is damaged: {0}")]
    Damaged(String),
}

/// Why a decision was not committed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// Something that the decision rests on has changed meanwhile: decide again.
    #[error("something that the decision rests on has changed meanwhile")]
    Conflict,
    /// The store failed; nothing of the decision was written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How much waits, for metrics and readiness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Inbox entries.
    pub inbox: u64,
    /// Edges.
    pub edges: u64,
    /// Stale levels.
    pub stale: u64,
    /// Dead letters.
    pub dead: u64,
}

/// The dead letters, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadTally {
    /// How many, by kind: one of [`DeadTally::KINDS`].
    pub kinds: BTreeMap<&'static str, u64>,
    /// When the oldest was given up.
    pub oldest: Option<jiff::Timestamp>,
}

impl DeadTally {
    /// All kinds. `other` is what another version wrote, and whatever lies behind the first [`DeadTally::LOOKED_AT`].
    pub const KINDS: [&'static str; 11] = [
        "delivery",
        "event",
        "reply",
        "react",
        "switch",
        "job",
        "panel",
        "label",
        "back_links",
        "tags",
        "other",
    ];
    /// So many letters are told apart.
    pub const LOOKED_AT: usize = 1_000;
}

/// The store. All of it is durable: when a call that writes returns `Ok`, it is fsynced.
///
/// Reads see every commit that has returned. A decision is checked and written by one committer, so
/// commits are serialisable; many waiting commits share one fsync.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// A number that was never given before and is greater than all before it. Gaps are harmless.
    fn new_id(&self) -> u64;

    /// Keeps a delivery, unless it is a repeat, or as much waits as may wait ([`StoreError::Full`]). A repeat of one that is being written returns only
    /// when that one is on disk too.
    async fn keep(&self, delivery: Delivery) -> Result<Kept, StoreError>;

    /// Checks that everything the decision rests on is unchanged, then writes all of it or nothing.
    async fn commit(&self, decision: Decision) -> Result<(), CommitError>;

    /// A noteable's record.
    async fn noteable(&self, noteable: &Noteable) -> Result<Seen<NoteableRecord>, StoreError>;

    /// A text's record.
    async fn note(&self, note: &NoteKey) -> Result<Seen<NoteRecord>, StoreError>;

    /// A flag's record.
    async fn flag(&self, flag: &FlagRef) -> Result<Seen<FlagRecord>, StoreError>;

    /// The installation's record.
    async fn register(&self) -> Result<Seen<Register>, StoreError>;

    /// A registered webhook's record.
    async fn hook(&self, target: &HookTarget) -> Result<Seen<HookRecord>, StoreError>;

    /// The records of all registered webhooks, in the order of their keys.
    async fn hooks(&self) -> Result<Vec<HookRecord>, StoreError>;

    /// The noteables that link the flag, in the order of their keys.
    async fn noteables_of(&self, flag: &FlagRef) -> Result<Vec<Noteable>, StoreError>;

    /// Whether anything links the flag.
    async fn is_linked(&self, flag: &FlagRef) -> Result<bool, StoreError> {
        Ok(!self.noteables_of(flag).await?.is_empty())
    }

    /// The flags of that provider that something links, in the order of their keys.
    async fn linked_flags(&self, provider: &str) -> Result<Vec<FlagRef>, StoreError>;

    /// The flags of that provider on which, as far as is known, something stands because of linked work, whether or not anything
    /// links them now; in the order of their keys.
    async fn marked_flags(&self, provider: &str) -> Result<Vec<FlagRef>, StoreError>;

    /// The names of all providers whose flags are linked.
    async fn providers_in_use(&self) -> Result<Vec<String>, StoreError>;

    /// Up to `limit` noteable records that have at least one link, in the order of their keys, after the given one.
    async fn linked_noteables(
        &self,
        after: Option<&Noteable>,
        limit: usize,
    ) -> Result<Vec<NoteableRecord>, StoreError>;

    /// The numbers of all inbox entries that wait (dead ones do not), in order.
    async fn inbox(&self) -> Result<Vec<InboxId>, StoreError>;

    /// One inbox entry, also a dead one; `None` if it is done with.
    async fn inbox_entry(&self, id: InboxId) -> Result<Option<InboxEntry>, StoreError>;

    /// The same without the body of a delivery, which may be large: for whoever only wants to know what waits.
    async fn inbox_entry_without_body(&self, id: InboxId) -> Result<Option<InboxEntry>, StoreError> {
        self.inbox_entry(id).await
    }

    /// All edges that wait, in order.
    async fn edges(&self) -> Result<Vec<Edge>, StoreError>;

    /// One edge that waits.
    async fn edge(&self, id: EdgeId) -> Result<Option<Edge>, StoreError>;

    /// All stale levels.
    async fn stale(&self) -> Result<Vec<Stale>, StoreError>;

    /// One level, if it is stale.
    async fn stale_level(&self, level: &crate::domain::Level) -> Result<Option<Stale>, StoreError>;

    /// Up to `limit` dead letters, oldest first. One that another version wrote is among them, as far as it can be read.
    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, StoreError>;

    /// One dead letter.
    async fn dead_letter(&self, id: u64) -> Result<Seen<DeadLetter>, StoreError>;

    /// How many dead letters there are of each kind, and the age of the oldest. Costs what so many letters cost to read.
    async fn dead_tally(&self) -> Result<DeadTally, StoreError>;

    /// How much waits.
    async fn backlog(&self) -> Result<Backlog, StoreError>;

    /// Whether new deliveries are taken now, as far as is known; what was taken is worked off in any case.
    fn takes(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Writes and reads a small record, durably: whether the store can be written now. Tries to open the
    /// database anew where it has failed before.
    async fn check(&self) -> Result<(), StoreError>;

    /// Deletes what is over and older than `before`: delivery keys, records of texts of which no command can run any more, and
    /// records of noteables and flags that no link needs. Returns how many were deleted.
    async fn sweep(&self, before: jiff::Timestamp) -> Result<u64, StoreError>;
}
