//! A command that an admin takes out of the dead letters: whoever wrote it is not left with 👀 alone.

use jiff::Timestamp;

use super::command_taken::sign_of_batch;
use super::replies::{self, Reply};
use crate::domain::{
    CommandStatus, Decision, Edge, EdgeKind, NoteKey, NoteRecord, Outcome, Purpose, SwitchEnd,
    SwitchProgress, Write,
};
use crate::markdown::{Templates, reply};
use crate::store::{Store, StoreError};

/// Adds to `decision` that the command is over, and how the person sees it: the reaction of its batch once all of that is
/// over, and a reply where one had promised that the command would still run, or where its switch had begun. (Nobody has looked up
/// the role of the others, and people without one get no mail.) Returns why it cannot be dropped, if it cannot.
pub async fn drop_command(
    store: &dyn Store,
    templates: &Templates,
    now: Timestamp,
    decision: &mut Decision,
    note: &NoteKey,
    place: usize,
) -> Result<Option<&'static str>, StoreError> {
    let Some(mut record) = take_note(store, decision, note).await? else { return Ok(None) };
    let before = record.clone();
    let taken = record.commands.get_mut(place).filter(|command| command.status == CommandStatus::Taken);
    let Some(command) = taken else {
        decision.write(Write::PutNote(Box::new(before)));
        return Ok(None);
    };
    if let Some(SwitchProgress::UnderWay { edge, .. }) = &command.switch
        && let Some(begun) = store.edge(*edge).await?
    {
        decision.write(Write::PutNote(Box::new(before)));
        return Ok(Some(under_way(&begun)));
    }
    let outcome = match &command.switch {
        Some(SwitchProgress::Ended(end)) if end.is_done() => Outcome::Done,
        _ => Outcome::NotDone,
    };
    let text = match &command.switch {
        _ if outcome == Outcome::Done => None,
        Some(SwitchProgress::UnderWay { .. } | SwitchProgress::Ended(SwitchEnd::NeverKnown(_))) => {
            Some(reply::dropped_unknown())
        }
        Some(SwitchProgress::Ended(_)) => Some(reply::dropped()),
        None => command.told_waiting.then(reply::dropped),
    };
    command.status = CommandStatus::Over(outcome);
    record.handled_at = now;
    if let Some(text) = text {
        let answer = Reply { command: place, purpose: Purpose::Answer, text };
        replies::queue_in(store, templates, now, decision, &record, answer).await?;
    }
    if let Some(sign) = sign_of_batch(store, now, &record, place) {
        decision.write(Write::PutEdge(Box::new(sign)));
    }
    decision.write(Write::PutNote(Box::new(record)));
    Ok(None)
}

fn under_way(begun: &Edge) -> &'static str {
    match begun.kind {
        EdgeKind::Job(_) => {
            "what it began is under way; when that has come to an end the command goes on by itself"
        }
        _ => "its switch is under way; when that has come to an end the command goes on by itself",
    }
}

/// The text's record: as the decision is about to write it, else as it is kept.
async fn take_note(
    store: &dyn Store,
    decision: &mut Decision,
    note: &NoteKey,
) -> Result<Option<NoteRecord>, StoreError> {
    let written = decision
        .writes
        .iter()
        .position(|write| matches!(write, Write::PutNote(record) if &record.note == note));
    if let Some(place) = written
        && let Write::PutNote(record) = decision.writes.remove(place)
    {
        return Ok(Some(*record));
    }
    Ok(decision.rests_on(store.note(note).await?))
}
