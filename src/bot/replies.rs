//! Replies: where they go, and how many one person gets.

use jiff::Timestamp;

use super::limits::{REPLIES_AN_HOUR, REPLY_WINDOW};
use super::world::World;
use super::{Entry, Trouble};
use crate::domain::{
    Cause, Decision, Edge, EdgeId, EdgeKind, NoteRecord, NoteableRecord, Purpose, RecordKey, Write,
};
use crate::markdown::{Markdown, Templates, reply};
use crate::store::{Store, StoreError};

/// A reply to be queued.
pub(super) struct Reply {
    /// Which command of the text it answers.
    pub(super) command: usize,
    /// What for.
    pub(super) purpose: Purpose,
    /// What it says, without its opening.
    pub(super) text: Markdown,
}

/// Queues a reply within the author's budget on this noteable.
pub(super) async fn queue(
    world: &World,
    entry: Entry,
    decision: &mut Decision,
    note: &NoteRecord,
    reply: Reply,
) -> Result<(), Trouble> {
    Ok(queue_in(world.store(), world.templates(), entry.now, decision, note, reply).await?)
}

/// The same where there is nothing but the store.
///
/// The noteable's record is taken out of the decision's own writes where it is among them, so that both changes stand.
pub(super) async fn queue_in(
    store: &dyn Store,
    templates: &Templates,
    now: Timestamp,
    decision: &mut Decision,
    note: &NoteRecord,
    reply: Reply,
) -> Result<(), StoreError> {
    let mut record = take_noteable(store, decision, note).await?;
    let budget = record.replies.entry(note.author.id).or_default();
    budget.at.retain(|at| now.duration_since(*at).unsigned_abs() < REPLY_WINDOW);
    let (purpose, text) = if budget.at.len() < REPLIES_AN_HOUR {
        budget.at.push(now);
        (reply.purpose, reply.text)
    } else {
        let told = budget.told_at.is_some_and(|at| now.duration_since(at).unsigned_abs() < REPLY_WINDOW);
        if told {
            decision.write(Write::PutNoteable(Box::new(record)));
            return Ok(());
        }
        budget.told_at = Some(now);
        (Purpose::Budget, reply::budget())
    };
    record.replies.retain(|_, budget| {
        budget
            .at
            .iter()
            .chain(&budget.told_at)
            .any(|at| now.duration_since(*at).unsigned_abs() < REPLY_WINDOW)
    });
    decision.write(Write::PutNoteable(Box::new(record)));

    let mut whole = reply::opening(note.note.source);
    whole.push(text);
    decision.write(Write::PutEdge(Box::new(Edge::new(
        EdgeId(store.new_id()),
        Cause::of(&note.note, reply.command, purpose),
        EdgeKind::Reply {
            discussion: note.discussion.clone(),
            internal: note.internal,
            text: whole.finish_in(templates),
            about: Vec::new(),
        },
        Some(note.author.clone()),
        now,
    ))));
    Ok(())
}

async fn take_noteable(
    store: &dyn Store,
    decision: &mut Decision,
    note: &NoteRecord,
) -> Result<NoteableRecord, StoreError> {
    let noteable = &note.note.noteable;
    let written = decision
        .writes
        .iter()
        .position(|write| matches!(write, Write::PutNoteable(record) if &record.noteable == noteable));
    if let Some(place) = written
        && let Write::PutNoteable(record) = decision.writes.remove(place)
    {
        return Ok(*record);
    }
    let key = RecordKey::Noteable(noteable.clone());
    let seen = store.noteable(noteable).await?;
    let read_before = decision.reads.iter().any(|read| read.key == key);
    let value = if read_before { seen.value } else { decision.rests_on(seen) };
    Ok(value.unwrap_or_else(|| NoteableRecord::new(noteable.clone())))
}
