//! Forgetting what is over and old.
//!
//! What is looked at here may change before the committer comes to it, so it looks again at what decides.

use std::collections::HashSet;
use std::ops::Bound;

use jiff::Timestamp;

use super::cell;
use super::fault::Fault;
use super::keys::{self, Key, kind};
use super::stored::{Remembered, StoredEntry, StoredInbound};
use super::txn::Txn;
use crate::domain::{CommandStatus, Event, FlagRecord, Level, NoteRecord, NoteableRecord, PanelRecord};

/// So many keys are looked at in one go; the committer waits for no longer than that.
const PAGE: usize = 500;

/// What one look has found.
pub(super) struct Page {
    /// What may be forgotten, as it seems; the committer looks again.
    pub(super) old: Vec<Key>,
    /// Where to go on; `None` at the end.
    pub(super) next: Option<Key>,
}

/// The kinds of keys that are swept.
pub(super) const SWEPT: [u8; 4] = [kind::DELIVERY, kind::NOTE, kind::NOTEABLE, kind::FLAG];

/// The texts that a command waits to be run from, or has been given up from and can be tried again.
///
/// A text that was handled long ago and is not among them never comes to be again: with a new command it is handled anew.
pub(super) fn texts_in_use(tree: &::sled::Tree) -> Result<HashSet<Key>, Fault> {
    let mut texts = HashSet::new();
    for kind in [kind::ENTRY, kind::DEAD_ENTRY] {
        for pair in tree.scan_prefix([kind]) {
            let (key, head) = pair?;
            let raw = cell::whole(tree, &key, &head)?.packed.unpack()?;
            let entry: StoredEntry = serde_json::from_slice(&raw)?;
            if let StoredInbound::Event(Event::CommandTaken { note, .. }) = &entry.what {
                texts.insert(keys::note(note));
            }
        }
    }
    Ok(texts)
}

/// Looks through the next keys of one kind. `in_use`: see [`texts_in_use`].
pub(super) fn look(
    tree: &::sled::Tree,
    kind: u8,
    after: Option<&Key>,
    before: Timestamp,
    in_use: &HashSet<Key>,
) -> Result<Page, Fault> {
    let from = after.map_or(Bound::Included(vec![kind]), |key| Bound::Excluded(key.clone()));
    let mut page = Page { old: Vec::new(), next: None };
    let mut looked_at = 0;
    for pair in tree.range::<Key, _>((from, Bound::Excluded(vec![kind + 1]))) {
        let (key, head) = pair?;
        let raw = cell::whole(tree, &key, &head)?.packed.unpack()?;
        let old = match kind {
            kind::DELIVERY => serde_json::from_slice::<Remembered>(&raw)?.at < before,
            kind::NOTE => {
                let record: NoteRecord = serde_json::from_slice(&raw)?;
                record.handled_at < before && (is_over(&record) || !in_use.contains(key.as_ref()))
            }
            kind::NOTEABLE => holds_nothing(&serde_json::from_slice(&raw)?, before),
            kind::FLAG => is_at_rest(&serde_json::from_slice(&raw)?, before),
            _ => false,
        };
        if old {
            page.old.push(key.to_vec());
        }
        looked_at += 1;
        if looked_at == PAGE {
            page.next = Some(key.to_vec());
            break;
        }
    }
    Ok(page)
}

/// Forgets those of the keys that may still be forgotten; returns how many.
pub(super) fn forget(txn: &mut Txn<'_>, keys: Vec<Key>, before: Timestamp) -> Result<u64, Fault> {
    let mut forgotten = 0;
    for key in keys {
        if may_be_forgotten(txn, &key, before)? {
            txn.delete(key)?;
            forgotten += 1;
        }
    }
    Ok(forgotten)
}

fn may_be_forgotten(txn: &Txn<'_>, key: &[u8], before: Timestamp) -> Result<bool, Fault> {
    match key.first() {
        Some(&kind::DELIVERY) => {
            let Some(memory) = txn.read::<Remembered>(key)? else { return Ok(false) };
            Ok(memory.at < before
                && !txn.has(&keys::entry(memory.id))?
                && !txn.has(&keys::dead_entry(memory.id))?)
        }
        Some(&kind::NOTE) => {
            Ok(txn.read::<NoteRecord>(key)?.is_some_and(|record| record.handled_at < before))
        }
        Some(&kind::NOTEABLE) => {
            let Some(record) = txn.read::<NoteableRecord>(key)? else { return Ok(false) };
            let stale = |level| txn.has(&keys::stale(&level));
            Ok(holds_nothing(&record, before)
                && !stale(Level::Panel(record.noteable.clone()))?
                && !stale(Level::Label(record.noteable.clone()))?)
        }
        Some(&kind::FLAG) => {
            let Some(record) = txn.read::<FlagRecord>(key)? else { return Ok(false) };
            let flag = &record.flag.flag;
            Ok(is_at_rest(&record, before)
                && !txn.has(&keys::stale(&Level::BackLinks(flag.clone())))?
                && !txn.has(&keys::stale(&Level::Tags(flag.clone())))?
                && !txn.has_under(&keys::index_of_flag(flag))?)
        }
        _ => Ok(false),
    }
}

/// Whether nothing of a text can run any more.
fn is_over(record: &NoteRecord) -> bool {
    record.commands.iter().all(|command| matches!(command.status, CommandStatus::Over(_)))
}

/// Whether a noteable's record says nothing any more: no flag was ever linked there, and no reply of late counts. One that had
/// links keeps its history, and its panel is edited when there are links again.
fn holds_nothing(record: &NoteableRecord, before: Timestamp) -> bool {
    let replies = |at: &Timestamp| *at < before;
    record.links.is_empty()
        && record.history.is_empty()
        && record.hidden.is_none()
        && record.panel == PanelRecord::default()
        && record.label_sending.is_none()
        && record.label_added.is_none()
        && !record.label_refused
        && record.replies.values().all(|budget| budget.at.iter().chain(&budget.told_at).all(replies))
}

/// Whether nothing was seen or changed of a flag for long, and nothing of ours stands on it. Whether it is linked is another
/// question.
fn is_at_rest(record: &FlagRecord, before: Timestamp) -> bool {
    record.seen_at < before
        && !record.is_marked()
        && record.history.iter().all(|change| change.at < before)
        && record.asked.iter().all(|asked| asked.at < before)
}
