//! What each write of a decision means in the tree.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::entries;
use super::fault::Fault;
use super::keys;
use super::letters;
use super::stored::{Ready, Remembered, StoredEntry, StoredInbound};
use super::txn::Txn;
use crate::domain::{Decision, EdgeId, FlagRef, InboxId, Kept, Level, NoteableRecord, Stale, Write};
use crate::store::StoreError;

/// Why a decision was not taken into the group.
pub(super) enum Refusal {
    /// Something that it rests on has changed.
    Conflict,
    /// It could not be worked out.
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Checks what a decision rests on, and writes it.
pub(super) fn decision(txn: &mut Txn<'_>, decision: &Decision) -> Result<(), Refusal> {
    for read in &decision.reads {
        if txn.rev(&keys::record(&read.key))? != read.rev.0 {
            return Err(Refusal::Conflict);
        }
    }
    for write in &decision.writes {
        self::write(txn, write)?;
    }
    Ok(())
}

/// The greatest number that a decision brings along, so that no later number is smaller.
pub(super) fn greatest_number(decision: &Decision) -> u64 {
    let number = |write: &Write| match write {
        Write::QueueEvent(id, _) => id.0,
        Write::PutEdge(edge) => edge.id.0,
        Write::InboxDead(letter) | Write::EdgeDead(letter) => letter.id,
        _ => 0,
    };
    decision.writes.iter().map(number).max().unwrap_or(0)
}

fn write(txn: &mut Txn<'_>, write: &Write) -> Result<(), Fault> {
    match write {
        Write::PutNoteable(record) => put_noteable(txn, record),
        Write::PutNote(record) => txn.put(keys::note(&record.note), record),
        Write::PutFlag(record) => txn.put(keys::flag(&record.flag.flag), record),
        Write::PutHook(record) => txn.put(keys::hook(&record.target), record),
        Write::HookGone(target) => txn.delete(keys::hook(target)),
        Write::PutRegister(register) => txn.put(keys::register(), register),
        Write::InboxDone(id) => inbox_done(txn, *id),
        Write::InboxLater { id, not_before, reason } => inbox_later(txn, *id, *not_before, reason),
        Write::InboxAgain(id) => match entries::find(txn, *id)? {
            Some((entry, false)) => letters::revive(txn, *id, entry).map(|_| ()),
            Some((_, true)) | None => Ok(()),
        },
        Write::LetterDone(id) => letters::done(txn, *id),
        Write::QueueEvent(id, event) => {
            let mut entry = StoredEntry::new(StoredInbound::Event(event.clone()));
            entry.since = Some(Timestamp::now());
            txn.put(keys::entry(*id), &entry)
        }
        Write::PutEdge(edge) => {
            letters::forget(txn, edge.id.0)?;
            txn.put(keys::edge(edge.id), edge)
        }
        Write::EdgeDone(EdgeId(id)) => {
            letters::forget(txn, *id)?;
            txn.delete(keys::edge(EdgeId(*id)))
        }
        Write::InboxDead(letter) | Write::EdgeDead(letter) => letters::bury(txn, letter),
        Write::MarkStale(level, now) => mark_stale(txn, level, *now),
        Write::LevelTrue(level, generation) => {
            let stale: Option<Stale> = txn.read(&keys::stale(level))?;
            match stale {
                Some(stale) if stale.generation == *generation => txn.delete(keys::stale(level)),
                _ => Ok(()),
            }
        }
        Write::LevelSent(level, sent_at) => {
            let Some(mut stale) = txn.read::<Stale>(&keys::stale(level))? else { return Ok(()) };
            stale.sent_at = *sent_at;
            txn.put(keys::stale(level), &stale)
        }
        Write::LevelLater { level, not_before, reason } => {
            let Some(mut stale) = txn.read::<Stale>(&keys::stale(level))? else { return Ok(()) };
            stale.attempts = stale.attempts.saturating_add(1);
            stale.not_before = Some(*not_before);
            stale.last_reason = Some(reason.clone());
            txn.put(keys::stale(level), &stale)
        }
    }
}

/// Writes a noteable's record and keeps the index from flags to noteables true to it.
fn put_noteable(txn: &mut Txn<'_>, record: &NoteableRecord) -> Result<(), Fault> {
    fn flags(record: &NoteableRecord) -> BTreeSet<&FlagRef> {
        record.links.iter().map(|link| &link.flag).collect()
    }
    let noteable = &record.noteable;
    let before: Option<NoteableRecord> = txn.read(&keys::noteable(noteable))?;
    let was = before.as_ref().map(flags).unwrap_or_default();
    let is = flags(record);
    for flag in was.difference(&is) {
        txn.delete(keys::index(flag, noteable))?;
    }
    for flag in is.difference(&was) {
        txn.put(keys::index(flag, noteable), &(flag, noteable))?;
    }
    match (was.is_empty(), is.is_empty()) {
        (true, false) => txn.put(keys::linked(noteable), &())?,
        (false, true) => txn.delete(keys::linked(noteable))?,
        _ => {}
    }
    txn.put(keys::noteable(noteable), record)
}

fn inbox_done(txn: &mut Txn<'_>, id: InboxId) -> Result<(), Fault> {
    let Some((entry, waits)) = entries::find(txn, id)? else { return Ok(()) };
    if waits {
        entries::forget_waiting_body(txn, &entry, id)?;
    }
    txn.delete(keys::entry(id))?;
    txn.delete(keys::dead_entry(id))?;
    txn.delete(keys::body(id))?;
    letters::forget(txn, id.0)
}

fn inbox_later(txn: &mut Txn<'_>, id: InboxId, not_before: Timestamp, reason: &str) -> Result<(), Fault> {
    let Some((mut entry, waits)) = entries::find(txn, id)? else { return Ok(()) };
    if !waits {
        entry = letters::revive(txn, id, entry)?;
    } else {
        entry.attempts = entry.attempts.saturating_add(1);
    }
    entry.not_before = Some(not_before);
    entry.last_reason = Some(reason.to_owned());
    txn.put(keys::entry(id), &entry)
}

fn mark_stale(txn: &mut Txn<'_>, level: &Level, now: Timestamp) -> Result<(), Fault> {
    let key = keys::stale(level);
    // The version of this write, not a count: a level that was true for a while must not come back with a
    // generation that somebody may still be about to finish.
    let generation = txn.rev_of_writes();
    let stale = match txn.read::<Stale>(&key)? {
        Some(stale) => Stale { generation, ..stale },
        None => Stale {
            level: level.clone(),
            generation,
            since: now,
            attempts: 0,
            not_before: None,
            last_reason: None,
            sent_at: None,
        },
    };
    txn.put(key, &stale)
}

/// Keeps a delivery, unless it is a repeat. `id` is its number if it is new; `takes` says whether new ones are taken.
pub(super) fn keep(
    txn: &mut Txn<'_>,
    ready: &Ready,
    id: InboxId,
    takes: Result<(), StoreError>,
) -> Result<Result<Kept, StoreError>, Fault> {
    if let Some(memory) = txn.read::<Remembered>(&ready.memory)? {
        if ready.keyed
            && !txn.has(&keys::entry(memory.id))?
            && let Some(entry) = txn.read(&keys::dead_entry(memory.id))?
        {
            letters::revive(txn, memory.id, entry)?;
            return Ok(Ok(Kept::Revived(memory.id)));
        }
        return Ok(Ok(Kept::Before));
    }
    if let Err(why) = takes {
        return Ok(Err(why));
    }
    txn.put(ready.memory.clone(), &Remembered { id, at: ready.received_at })?;
    txn.put_packed(keys::body(id), ready.body.clone())?;
    txn.put(keys::entry(id), &ready.entry)?;
    Ok(Ok(Kept::New(id)))
}
