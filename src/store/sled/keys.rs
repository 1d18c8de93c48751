//! The keys of the one tree.
//!
//! Every key starts with one byte that says what it leads to. Names in keys are written so that no name is
//! the beginning of another one and so that keys sort as the names do; a name longer than [`LONGEST`] bytes
//! ends in its digest, which keeps the database's pages small whatever people call their flags.

use sha2::{Digest, Sha256};

use crate::domain::{
    DeliverySource, EdgeId, FlagRef, HookTarget, InboxId, Level, NoteKey, NoteSource, Noteable, NoteableKind,
    RecordKey,
};

/// A key of the tree.
pub(super) type Key = Vec<u8>;

/// The names of what a key leads to.
pub(super) mod kind {
    /// The body of a delivery.
    pub(in super::super) const BODY: u8 = b'b';
    /// What `check` writes.
    pub(in super::super) const PROBE: u8 = b'c';
    /// A dead letter, by its number.
    pub(in super::super) const LETTER: u8 = b'd';
    /// An edge that waits.
    pub(in super::super) const EDGE: u8 = b'e';
    /// A flag's record.
    pub(in super::super) const FLAG: u8 = b'f';
    /// A registered webhook's record.
    pub(in super::super) const HOOK: u8 = b'h';
    /// Flag and noteable that are linked.
    pub(in super::super) const INDEX: u8 = b'i';
    /// A keyed delivery that came in once.
    pub(in super::super) const DELIVERY: u8 = b'k';
    /// A noteable that has links.
    pub(in super::super) const LINKED: u8 = b'l';
    /// Up to where numbers may have been given.
    pub(in super::super) const NUMBERS: u8 = b'm';
    /// A noteable's record.
    pub(in super::super) const NOTEABLE: u8 = b'n';
    /// A dead letter, by the moment when it was given up.
    pub(in super::super) const LETTER_BY_TIME: u8 = b'o';
    /// An inbox entry that waits.
    pub(in super::super) const ENTRY: u8 = b'q';
    /// The installation's record.
    pub(in super::super) const REGISTER: u8 = b'r';
    /// A stale level.
    pub(in super::super) const STALE: u8 = b's';
    /// A text's record.
    pub(in super::super) const NOTE: u8 = b't';
    /// The body of a delivery without key that waits.
    pub(in super::super) const WAITING_BODY: u8 = b'u';
    /// What did not fit into the value of another key.
    pub(in super::super) const PIECE: u8 = b'x';
    /// An inbox entry that was given up.
    pub(in super::super) const DEAD_ENTRY: u8 = b'z';
}

/// The record of the schema version. It is no [`Cell`](super::cell::Cell), so that every version can read it.
pub(super) const SCHEMA: &[u8] = b"Schema";

/// Names are kept whole in keys up to this many bytes.
const LONGEST: usize = 200;

fn push_name(key: &mut Key, name: &str) {
    let bytes = name.as_bytes();
    for byte in bytes.iter().take(LONGEST) {
        key.push(*byte);
        if *byte == 0 {
            key.push(0xFF);
        }
    }
    if bytes.len() > LONGEST {
        key.extend_from_slice(&[0, 2]);
        key.extend_from_slice(&Sha256::digest(bytes));
    } else {
        key.extend_from_slice(&[0, 1]);
    }
}

fn push_noteable(key: &mut Key, noteable: &Noteable) {
    push_name(key, &noteable.instance.0);
    key.extend_from_slice(&noteable.project.to_be_bytes());
    key.push(match noteable.kind {
        NoteableKind::Issue => 0,
        NoteableKind::MergeRequest => 1,
    });
    key.extend_from_slice(&noteable.iid.to_be_bytes());
}

fn push_flag(key: &mut Key, flag: &FlagRef) {
    push_name(key, &flag.provider);
    push_name(key, &flag.scope);
    push_name(key, &flag.key);
}

fn numbered(kind: u8, number: u64) -> Key {
    let mut key = vec![kind];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn of_noteable(kind: u8, noteable: &Noteable) -> Key {
    let mut key = vec![kind];
    push_noteable(&mut key, noteable);
    key
}

/// A noteable's record.
pub(super) fn noteable(noteable: &Noteable) -> Key {
    of_noteable(kind::NOTEABLE, noteable)
}

/// The sign that a noteable has links. Sorts as the noteables do.
pub(super) fn linked(noteable: &Noteable) -> Key {
    of_noteable(kind::LINKED, noteable)
}

/// The record of the noteable that a [`linked`] key stands for.
pub(super) fn noteable_of_linked(linked: &[u8]) -> Key {
    let mut key = vec![kind::NOTEABLE];
    key.extend(linked.iter().skip(1));
    key
}

/// A text's record.
pub(super) fn note(note: &NoteKey) -> Key {
    let mut key = of_noteable(kind::NOTE, &note.noteable);
    match note.source {
        NoteSource::Description => key.push(0),
        NoteSource::Note(id) => {
            key.push(1);
            key.extend_from_slice(&id.to_be_bytes());
        }
    }
    key
}

/// A flag's record.
pub(super) fn flag(flag: &FlagRef) -> Key {
    let mut key = vec![kind::FLAG];
    push_flag(&mut key, flag);
    key
}

/// The beginning of the keys of all records of flags of a provider.
pub(super) fn flags_of_provider(provider: &str) -> Key {
    let mut key = vec![kind::FLAG];
    push_name(&mut key, provider);
    key
}

/// A registered webhook's record.
pub(super) fn hook(target: &HookTarget) -> Key {
    let mut key = vec![kind::HOOK];
    push_name(&mut key, &target.to_string());
    key
}

/// The installation's record.
pub(super) fn register() -> Key {
    vec![kind::REGISTER]
}

/// Where a record is.
pub(super) fn record(record: &RecordKey) -> Key {
    match record {
        RecordKey::Noteable(key) => noteable(key),
        RecordKey::Note(key) => note(key),
        RecordKey::Flag(key) => flag(key),
        RecordKey::Hook(target) => hook(target),
        RecordKey::Register => register(),
        RecordKey::Letter(id) => letter(*id),
    }
}

/// That this noteable links this flag.
pub(super) fn index(flag: &FlagRef, noteable: &Noteable) -> Key {
    let mut key = index_of_flag(flag);
    push_noteable(&mut key, noteable);
    key
}

/// The beginning of all [`index`] keys of a flag.
pub(super) fn index_of_flag(flag: &FlagRef) -> Key {
    let mut key = vec![kind::INDEX];
    push_flag(&mut key, flag);
    key
}

/// The beginning of all [`index`] keys of a provider.
pub(super) fn index_of_provider(provider: &str) -> Key {
    let mut key = vec![kind::INDEX];
    push_name(&mut key, provider);
    key
}

/// An inbox entry that waits.
pub(super) fn entry(id: InboxId) -> Key {
    numbered(kind::ENTRY, id.0)
}

/// An inbox entry that was given up.
pub(super) fn dead_entry(id: InboxId) -> Key {
    numbered(kind::DEAD_ENTRY, id.0)
}

/// The body of the delivery in an inbox entry.
pub(super) fn body(id: InboxId) -> Key {
    numbered(kind::BODY, id.0)
}

/// An edge that waits.
pub(super) fn edge(id: EdgeId) -> Key {
    numbered(kind::EDGE, id.0)
}

/// A dead letter.
pub(super) fn letter(id: u64) -> Key {
    numbered(kind::LETTER, id)
}

/// A dead letter by the moment when it was given up. Sorts as the moments do.
pub(super) fn letter_by_time(at: jiff::Timestamp, id: u64) -> Key {
    // Flipping the sign bit makes two's complement sort as unsigned bytes do.
    let at = at.as_microsecond().cast_unsigned() ^ (1 << 63);
    let mut key = numbered(kind::LETTER_BY_TIME, at);
    key.extend_from_slice(&id.to_be_bytes());
    key
}

/// A stale level.
pub(super) fn stale(level: &Level) -> Key {
    let mut key = vec![kind::STALE];
    match level {
        Level::Panel(noteable) => {
            key.push(0);
            push_noteable(&mut key, noteable);
        }
        Level::Label(noteable) => {
            key.push(1);
            push_noteable(&mut key, noteable);
        }
        Level::BackLinks(flag) => {
            key.push(2);
            push_flag(&mut key, flag);
        }
        Level::Tags(flag) => {
            key.push(3);
            push_flag(&mut key, flag);
        }
    }
    key
}

fn push_source(digest: &mut Sha256, source: &DeliverySource) {
    let (kind, name) = match source {
        DeliverySource::Gitlab { hook } => (0, hook),
        DeliverySource::Provider { name } => (1, name),
    };
    digest.update([kind]);
    digest.update((name.len() as u64).to_be_bytes());
    digest.update(name);
}

fn digested(kind: u8, source: &DeliverySource, what: &[u8]) -> Key {
    let mut digest = Sha256::new();
    push_source(&mut digest, source);
    digest.update(what);
    let mut key = vec![kind];
    key.extend_from_slice(&digest.finalize());
    key
}

/// A delivery that carries a key: by source and key.
pub(super) fn delivery(source: &DeliverySource, key: &str) -> Key {
    digested(kind::DELIVERY, source, key.as_bytes())
}

/// A delivery without key: by source and body.
pub(super) fn waiting_body(source: &DeliverySource, body: &[u8]) -> Key {
    digested(kind::WAITING_BODY, source, body)
}

/// Up to where numbers may have been given.
pub(super) fn numbers() -> Key {
    vec![kind::NUMBERS]
}

/// What `check` writes.
pub(super) fn probe() -> Key {
    vec![kind::PROBE]
}

/// The continuation of the value of `key`.
pub(super) fn piece(key: &[u8], place: u32) -> Key {
    let mut piece = vec![kind::PIECE];
    piece.extend_from_slice(key);
    piece.extend_from_slice(&place.to_be_bytes());
    piece
}
