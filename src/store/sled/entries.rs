//! Inbox entries in the tree, whether they wait or were given up.

use super::fault::Fault;
use super::keys;
use super::stored::{Remembered, StoredEntry};
use super::txn::Txn;
use crate::domain::InboxId;

/// An entry that waits (`true`) or was given up (`false`).
pub(super) fn find(txn: &Txn<'_>, id: InboxId) -> Result<Option<(StoredEntry, bool)>, Fault> {
    if let Some(entry) = txn.read(&keys::entry(id))? {
        return Ok(Some((entry, true)));
    }
    Ok(txn.read(&keys::dead_entry(id))?.map(|entry| (entry, false)))
}

/// A body without key is a repeat only while the first one waits.
pub(super) fn forget_waiting_body(txn: &mut Txn<'_>, entry: &StoredEntry, id: InboxId) -> Result<(), Fault> {
    let Some(key) = entry.waiting_body() else { return Ok(()) };
    match txn.read::<Remembered>(&key)? {
        Some(memory) if memory.id == id => txn.delete(key),
        _ => Ok(()),
    }
}
