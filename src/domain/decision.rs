//! What the bot makes of one event, to be written in one transaction.

use jiff::Timestamp;

use super::{
    DeadLetter, Edge, EdgeId, Event, FlagRecord, FlagRef, HookRecord, HookTarget, InboxId, Level, NoteKey,
    NoteRecord, Noteable, NoteableRecord, Register,
};

/// The version of a record: grows with each write. 0 is a record that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Rev(pub u64);

/// Names a record whose version a decision depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKey {
    /// A noteable's record.
    Noteable(Noteable),
    /// A text's record.
    Note(NoteKey),
    /// A flag's record.
    Flag(FlagRef),
    /// A registered webhook's record.
    Hook(HookTarget),
    /// The installation's record.
    Register,
    /// A dead letter, by its number.
    Letter(u64),
}

/// A record as it was read, with its version.
#[derive(Debug, Clone)]
pub struct Seen<T> {
    /// Which record.
    pub key: RecordKey,
    /// Its version.
    pub rev: Rev,
    /// The record; `None` where there is none.
    pub value: Option<T>,
}

/// A version that a decision read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// Which record.
    pub key: RecordKey,
    /// Its version.
    pub rev: Rev,
}

/// One write of a decision.
#[derive(Debug, Clone)]
pub enum Write {
    /// Writes a noteable's record. The store keeps its own index from flags to noteables by it.
    PutNoteable(Box<NoteableRecord>),
    /// Writes a text's record.
    PutNote(Box<NoteRecord>),
    /// Writes a flag's record.
    PutFlag(Box<FlagRecord>),
    /// Writes a registered webhook's record.
    PutHook(Box<HookRecord>),
    /// A webhook is registered no more: its record is deleted.
    HookGone(HookTarget),
    /// Writes the installation's record.
    PutRegister(Box<Register>),
    /// An inbox entry is done with: it is deleted, its key is remembered.
    InboxDone(InboxId),
    /// An inbox entry is to be tried again.
    InboxLater {
        /// Which.
        id: InboxId,
        /// Not before this moment.
        not_before: Timestamp,
        /// Why; for people.
        reason: String,
    },
    /// An inbox entry is given up: the dead letter names it, and it is kept with it.
    InboxDead(DeadLetter),
    /// An inbox entry that was given up waits again, as if it had never been tried.
    InboxAgain(InboxId),
    /// A new event for the inbox, under a number from [`Store::new_id`](crate::store::Store::new_id).
    QueueEvent(InboxId, Event),
    /// Writes an edge: a new one, or one that was tried.
    PutEdge(Box<Edge>),
    /// An edge is done: it is deleted.
    EdgeDone(EdgeId),
    /// An edge is given up: it moves to the dead letters.
    EdgeDead(DeadLetter),
    /// A dead letter is dealt with: it is deleted, with the inbox entry that it is about.
    LetterDone(u64),
    /// Something outside may not be true any more.
    MarkStale(Level, Timestamp),
    /// A level was made true as of this generation; a later generation stays stale.
    LevelTrue(Level, u64),
    /// When something was last sent for a stale level whose answer is not known.
    LevelSent(Level, Option<Timestamp>),
    /// A level could not be made true; it is to be tried again.
    LevelLater {
        /// Which.
        level: Level,
        /// Not before this moment.
        not_before: Timestamp,
        /// Why; for people.
        reason: String,
    },
}

/// What the bot makes of one event: reads that must still hold, and writes.
#[derive(Debug, Clone, Default)]
pub struct Decision {
    /// What it rests on. If any of it has changed when it is committed, nothing is written and the bot decides again.
    pub reads: Vec<Read>,
    /// What it writes, all or nothing, in order.
    pub writes: Vec<Write>,
}

impl Decision {
    /// An empty decision.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the decision depend on a record as it was read, and hands the record out.
    pub fn rests_on<T>(&mut self, seen: Seen<T>) -> Option<T> {
        self.reads.push(Read { key: seen.key, rev: seen.rev });
        seen.value
    }

    /// Marks stale what stands on the flag in its own service because of linked work.
    pub fn mark_flag_stale(&mut self, flag: &FlagRef, now: Timestamp) {
        self.write(Write::MarkStale(Level::BackLinks(flag.clone()), now));
        self.write(Write::MarkStale(Level::Tags(flag.clone()), now));
    }

    /// Adds a write.
    pub fn write(&mut self, write: Write) {
        self.writes.push(write);
    }
}
