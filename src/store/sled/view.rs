//! Looking at the tree.

use serde::de::DeserializeOwned;

use super::cell::{self, Cell};
use super::fault::Fault;
use super::keys::{self, Key, kind};
use super::stored::{StoredEntry, StoredInbound};
use crate::domain::{
    FlagRecord, FlagRef, InboxEntry, InboxId, Noteable, NoteableRecord, RecordKey, Rev, Seen,
};

pub(super) fn decoded<T: DeserializeOwned>(cell: &Cell) -> Result<T, Fault> {
    Ok(serde_json::from_slice(&cell.packed.unpack()?)?)
}

/// The value of a key.
pub(super) fn value<T: DeserializeOwned>(tree: &::sled::Tree, key: &[u8]) -> Result<Option<T>, Fault> {
    cell::read(tree, key)?.map(|cell| decoded(&cell)).transpose()
}

/// A record with its version.
pub(super) fn seen<T: DeserializeOwned>(tree: &::sled::Tree, key: RecordKey) -> Result<Seen<T>, Fault> {
    let cell = cell::read(tree, &keys::record(&key))?;
    let rev = Rev(cell.as_ref().map_or(0, |cell| cell.rev));
    let value = cell.map(|cell| decoded(&cell)).transpose()?;
    Ok(Seen { key, rev, value })
}

/// All values whose keys begin with `prefix`, in the order of the keys.
pub(super) fn all<T: DeserializeOwned>(tree: &::sled::Tree, prefix: &[u8]) -> Result<Vec<T>, Fault> {
    let mut values = Vec::new();
    for pair in tree.scan_prefix(prefix) {
        let (key, head) = pair?;
        values.push(decoded(&cell::whole(tree, &key, &head)?)?);
    }
    Ok(values)
}

/// The number in a key that has one.
pub(super) fn number_in(key: &[u8]) -> Result<u64, Fault> {
    let number = key.get(1..9).and_then(|bytes| bytes.try_into().ok());
    number.map(u64::from_be_bytes).ok_or_else(|| Fault::damaged("a key is cut short".to_owned()))
}

/// The numbers of the inbox entries that wait.
pub(super) fn inbox(tree: &::sled::Tree) -> Result<Vec<InboxId>, Fault> {
    tree.scan_prefix([kind::ENTRY]).keys().map(|key| Ok(InboxId(number_in(&key?)?))).collect()
}

/// One inbox entry, also a dead one; with the body of a delivery only where it is wanted.
pub(super) fn inbox_entry(tree: &::sled::Tree, id: InboxId, body: bool) -> Result<Option<InboxEntry>, Fault> {
    let entry: Option<StoredEntry> = match value(tree, &keys::entry(id))? {
        Some(entry) => Some(entry),
        None => value(tree, &keys::dead_entry(id))?,
    };
    let Some(entry) = entry else { return Ok(None) };
    let body = match &entry.what {
        StoredInbound::Delivery(_) if body => cell::read(tree, &keys::body(id))?
            .ok_or_else(|| Fault::damaged("the body of a delivery is missing".to_owned()))?
            .packed
            .unpack()?,
        StoredInbound::Delivery(_) | StoredInbound::Event(_) | StoredInbound::Unknown(_) => {
            bytes::Bytes::new()
        }
    };
    Ok(Some(entry.whole(id, body)))
}

/// The noteables that link a flag.
pub(super) fn noteables_of(tree: &::sled::Tree, flag: &FlagRef) -> Result<Vec<Noteable>, Fault> {
    let pairs: Vec<(FlagRef, Noteable)> = all(tree, &keys::index_of_flag(flag))?;
    Ok(pairs.into_iter().map(|(_, noteable)| noteable).collect())
}

/// Whether anything links the flag.
pub(super) fn is_linked(tree: &::sled::Tree, flag: &FlagRef) -> Result<bool, Fault> {
    Ok(tree.scan_prefix(keys::index_of_flag(flag)).next().transpose()?.is_some())
}

/// The flags of a provider that are linked, each once: from one it goes straight to the next, however many
/// noteables link it.
pub(super) fn linked_flags(tree: &::sled::Tree, provider: &str) -> Result<Vec<FlagRef>, Fault> {
    let prefix = keys::index_of_provider(provider);
    distinct(tree, &prefix, keys::index_of_flag)
}

/// The flags of a provider on which something stands because of linked work.
pub(super) fn marked_flags(tree: &::sled::Tree, provider: &str) -> Result<Vec<FlagRef>, Fault> {
    let mut flags = Vec::new();
    for pair in tree.scan_prefix(keys::flags_of_provider(provider)) {
        let (key, head) = pair?;
        let record: FlagRecord = decoded(&cell::whole(tree, &key, &head)?)?;
        if record.is_marked() {
            flags.push(record.flag.flag);
        }
    }
    Ok(flags)
}

/// The providers of all linked flags, each once.
pub(super) fn providers_in_use(tree: &::sled::Tree) -> Result<Vec<String>, Fault> {
    let flags = distinct(tree, &[kind::INDEX], |flag| keys::index_of_provider(&flag.provider))?;
    Ok(flags.into_iter().map(|flag| flag.provider).collect())
}

fn distinct(
    tree: &::sled::Tree,
    prefix: &[u8],
    group: impl Fn(&FlagRef) -> Key,
) -> Result<Vec<FlagRef>, Fault> {
    let mut flags = Vec::new();
    let mut from = prefix.to_vec();
    while let Some(pair) = tree.range(from..).next() {
        let (key, head) = pair?;
        if !key.starts_with(prefix) {
            break;
        }
        let (flag, _): (FlagRef, Noteable) = decoded(&cell::whole(tree, &key, &head)?)?;
        // No key of another group begins with this group's, and none has 0xFF where a name ends.
        from = group(&flag);
        from.push(0xFF);
        flags.push(flag);
    }
    Ok(flags)
}

/// Up to `limit` records of noteables that have links.
pub(super) fn linked_noteables(
    tree: &::sled::Tree,
    after: Option<&Noteable>,
    limit: usize,
) -> Result<Vec<NoteableRecord>, Fault> {
    let mut from = after.map_or_else(|| vec![kind::LINKED], keys::linked);
    if after.is_some() {
        // The next key that there can be.
        from.push(0);
    }
    let mut records = Vec::new();
    for key in tree.range(from..).keys() {
        let key = key?;
        if records.len() >= limit || key.first() != Some(&kind::LINKED) {
            break;
        }
        let record = value(tree, &keys::noteable_of_linked(&key))?
            .ok_or_else(|| Fault::damaged("the record of a linked noteable is missing".to_owned()))?;
        records.push(record);
    }
    Ok(records)
}
