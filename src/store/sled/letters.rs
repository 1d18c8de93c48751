//! Dead letters in the tree. What another version wrote is read as far as it can be, and never changed.

use jiff::Timestamp;
use serde::Deserialize;

use super::cell::{self, Cell};
use super::entries;
use super::fault::Fault;
use super::keys::{self, kind};
use super::stored::{Remembered, StoredEntry, StoredInbound};
use super::txn::Txn;
use super::view;
use crate::domain::{DeadLetter, DeadThing, EdgeKind, InboxId, Level, RecordKey, Rev, Seen};
use crate::store::DeadTally;

/// What every version writes of a dead letter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Head {
    at: Option<Timestamp>,
    begun: Option<Timestamp>,
    reason: String,
    attempts: u32,
}

/// Takes an entry out of the dead letters and lets it wait again, as if it had never been tried.
pub(super) fn revive(txn: &mut Txn<'_>, id: InboxId, mut entry: StoredEntry) -> Result<StoredEntry, Fault> {
    entry.attempts = 0;
    entry.not_before = None;
    entry.last_reason = None;
    entry.revived = true;
    txn.delete(keys::dead_entry(id))?;
    forget(txn, id.0)?;
    txn.put(keys::entry(id), &entry)?;
    if let (Some(key), StoredInbound::Delivery(delivery)) = (entry.waiting_body(), &entry.what) {
        // An equal body may have come in meanwhile and wait: then that one is what a repeat repeats.
        if !txn.has(&key)? {
            txn.put(key, &Remembered { id, at: delivery.received_at })?;
        }
    }
    Ok(entry)
}

/// Keeps a dead letter, with the inbox entry that it is about.
pub(super) fn bury(txn: &mut Txn<'_>, letter: &DeadLetter) -> Result<(), Fault> {
    let id = match &letter.what {
        DeadThing::Inbox(id) => {
            // What is done with cannot be given up any more: the letter would name nothing.
            let Some((mut entry, waits)) = entries::find(txn, *id)? else { return Ok(()) };
            if waits {
                entries::forget_waiting_body(txn, &entry, *id)?;
                txn.delete(keys::entry(*id))?;
            }
            entry.attempts = letter.attempts;
            entry.not_before = None;
            entry.last_reason = Some(letter.reason.clone());
            txn.put(keys::dead_entry(*id), &entry)?;
            id.0
        }
        DeadThing::Edge(edge) => {
            txn.delete(keys::edge(edge.id))?;
            edge.id.0
        }
        // Whether it is still stale is up to `LevelTrue` beside it, which knows the generation that was given up.
        DeadThing::Level(_) => letter.id,
        // It lies where it was read from.
        DeadThing::Unknown(_) => return Ok(()),
    };
    // The number of what was given up is the letter's: under it both are found and dealt with.
    let letter = DeadLetter { id, ..letter.clone() };
    forget(txn, id)?;
    txn.put(keys::letter_by_time(letter.at, id), &id)?;
    txn.put(keys::letter(id), &letter)
}

/// Deletes a dead letter, if there is one.
pub(super) fn forget(txn: &mut Txn<'_>, id: u64) -> Result<(), Fault> {
    let Some(letter) = txn.read::<Head>(&keys::letter(id))? else { return Ok(()) };
    if let Some(at) = letter.at {
        txn.delete(keys::letter_by_time(at, id))?;
    }
    txn.delete(keys::letter(id))
}

/// A dead letter is dealt with: nothing of it stays, nor of the inbox entry that it is about.
pub(super) fn done(txn: &mut Txn<'_>, id: u64) -> Result<(), Fault> {
    if !txn.has(&keys::letter(id))? {
        return Ok(());
    }
    let entry = InboxId(id);
    if txn.has(&keys::dead_entry(entry))? {
        txn.delete(keys::dead_entry(entry))?;
        txn.delete(keys::body(entry))?;
    }
    forget(txn, id)
}

fn letter(cell: &Cell, id: u64) -> Result<DeadLetter, Fault> {
    let raw = cell.packed.unpack()?;
    if let Ok(letter) = serde_json::from_slice(&raw) {
        return Ok(letter);
    }
    let Head { at, begun, reason, attempts } = serde_json::from_slice(&raw).unwrap_or_default();
    let text = String::from_utf8_lossy(&raw).into_owned();
    let at = at.unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(DeadLetter { id, at, begun, reason, attempts, what: DeadThing::Unknown(text) })
}

/// One dead letter with its version.
pub(super) fn seen(tree: &::sled::Tree, id: u64) -> Result<Seen<DeadLetter>, Fault> {
    let cell = cell::read(tree, &keys::letter(id))?;
    let rev = Rev(cell.as_ref().map_or(0, |cell| cell.rev));
    let value = cell.map(|cell| letter(&cell, id)).transpose()?;
    Ok(Seen { key: RecordKey::Letter(id), rev, value })
}

/// Up to `limit` dead letters, those first that were given up first.
pub(super) fn oldest(tree: &::sled::Tree, limit: usize) -> Result<Vec<DeadLetter>, Fault> {
    let mut letters = Vec::new();
    for pair in tree.scan_prefix([kind::LETTER_BY_TIME]) {
        if letters.len() >= limit {
            break;
        }
        let (key, head) = pair?;
        let id: u64 = view::decoded(&cell::whole(tree, &key, &head)?)?;
        // Where another version has kept the moment in another way, the letter may be gone and the moment not.
        letters.extend(seen(tree, id)?.value);
    }
    Ok(letters)
}

/// Counts the dead letters, of which there are `all`.
pub(super) fn tally(tree: &::sled::Tree, all: u64) -> Result<DeadTally, Fault> {
    let letters = oldest(tree, DeadTally::LOOKED_AT)?;
    let mut tally = DeadTally { oldest: letters.first().map(|letter| letter.at), ..DeadTally::default() };
    for letter in &letters {
        *tally.kinds.entry(kind_of(tree, &letter.what)?).or_default() += 1;
    }
    let unseen = all.saturating_sub(letters.len() as u64);
    if unseen > 0 {
        *tally.kinds.entry("other").or_default() += unseen;
    }
    Ok(tally)
}

fn kind_of(tree: &::sled::Tree, what: &DeadThing) -> Result<&'static str, Fault> {
    Ok(match what {
        // Without its body, which lies apart.
        DeadThing::Inbox(id) => match view::value::<StoredEntry>(tree, &keys::dead_entry(*id)) {
            Ok(Some(StoredEntry { what: StoredInbound::Delivery(_), .. })) => "delivery",
            Ok(Some(StoredEntry { what: StoredInbound::Event(_), .. })) => "event",
            Err(fault) if fault.is_fatal() => return Err(fault),
            Ok(_) | Err(_) => "other",
        },
        DeadThing::Edge(edge) => match edge.kind {
            EdgeKind::Reply { .. } => "reply",
            EdgeKind::React { .. } => "react",
            EdgeKind::Switch(_) => "switch",
            EdgeKind::Job(_) => "job",
        },
        DeadThing::Level(Level::Panel(_)) => "panel",
        DeadThing::Level(Level::Label(_)) => "label",
        DeadThing::Level(Level::BackLinks(_)) => "back_links",
        DeadThing::Level(Level::Tags(_)) => "tags",
        DeadThing::Unknown(_) => "other",
    })
}
