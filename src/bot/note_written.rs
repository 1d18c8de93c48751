//! A comment or a description may carry commands: it is read back, and what is new in it is taken.
//!
//! The delivery is a hint only. Whatever it said, only what GitLab returns to the bot's own token counts.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::limits::{COMMAND_AGE, FORGOTTEN};
use super::replies::{self, Reply};
use super::world::{Project, World};
use super::{Entry, Made, Trouble};
use crate::command::{self, Found};
use crate::domain::{
    Cause, CommandRecord, CommandStatus, Decision, Edge, EdgeId, EdgeKind, Event, InboxId, NoteHint, NoteKey,
    NoteRecord, NoteSource, NoteableKind, Outcome, Person, Purpose, Reaction, Write,
};
use crate::gitlab::{Note, NoteType, NoteableDetail};
use crate::markdown::reply;

/// A comment that GitLab does not show is looked for once more after this time before that is believed.
const READ_AGAIN: Duration = Duration::from_secs(2);

/// An issue that was there for so long when it is told to be new may have been moved here.
const MAY_HAVE_MOVED: Duration = Duration::from_secs(2 * 60);
/// GitLab's own note about that may come later than the webhook, by no more than this.
const ARRIVAL_TOLD: Duration = Duration::from_secs(5);

/// How many comments are looked through for GitLab's note about a move.
const LOOK_THROUGH: usize = 1_000;

/// A text as GitLab returned it, with what is to be known about it.
struct Text {
    body: String,
    author: Person,
    created_at: Timestamp,
    internal: bool,
    threaded: bool,
    edited: Edited,
}

/// Who last changed a text.
enum Edited {
    Never,
    ByAuthor(Timestamp),
    ByAnother(Timestamp),
}

enum ReadBack {
    Text(Text),
    Nothing(&'static str),
}

pub(super) async fn decide(world: &World, entry: Entry, hint: &NoteHint) -> Result<Made, Trouble> {
    let Some(project) = world.project(hint.project).await? else { return Ok(Made::Nothing("no_rule")) };
    let me = world.me(&project.rule).await?;
    let since = world.rule_since(&project.rule).await?;
    let Some(detail) = project.gitlab.noteable(hint.project, hint.kind, hint.iid).await? else {
        return Ok(Made::Nothing("noteable_gone"));
    };
    if detail.imported {
        return Ok(Made::Nothing("imported"));
    }
    let text = match read_back(world, &project, hint, &detail).await? {
        ReadBack::Text(text) => text,
        // A large GitLab reads from copies of its database that may be a moment behind.
        ReadBack::Nothing("note_gone") if entry.attempts == 0 => {
            return Err(Trouble::again_in(READ_AGAIN, "GitLab does not show the comment yet"));
        }
        ReadBack::Nothing(reason) => return Ok(Made::Nothing(reason)),
    };
    let found = command::read(&text.body, Some(&me.username));
    if found.is_empty() {
        return Ok(Made::Nothing("no_command"));
    }

    let note = NoteKey { noteable: world.noteable(hint.project, hint.kind, hint.iid), source: hint.source };
    let mut decision = Decision::new();
    let known = decision.rests_on(world.store().note(&note).await?);
    if known.is_some() && hint.source == NoteSource::Description {
        return Ok(Made::Nothing("description_handled"));
    }
    let age = Duration::try_from(entry.now.duration_since(text.created_at)).unwrap_or_default();
    if known.is_none() && age > FORGOTTEN {
        return Ok(Made::Nothing("forgotten"));
    }
    let new = not_yet_seen(&found, known.as_ref());
    if new.is_empty() {
        return Ok(Made::Nothing("seen_before"));
    }
    let written_at = match text.edited {
        Edited::Never => text.created_at,
        Edited::ByAuthor(at) | Edited::ByAnother(at) => at,
    };
    // GitLab's clock has whole seconds where it says when a rule came into force.
    if written_at.as_second() < since.as_second() {
        return Ok(Made::Nothing("before_the_rule"));
    }
    let late = entry.now.duration_since(written_at).unsigned_abs() > COMMAND_AGE && written_at < entry.now;
    if late && !entry.revived {
        return Ok(Made::Nothing("too_old"));
    }

    let moved = hint.source == NoteSource::Description
        && hint.kind == NoteableKind::Issue
        && (hint.by_another || age > MAY_HAVE_MOVED);
    if moved && entry.attempts == 0 && !entry.revived {
        return Err(Trouble::again_in(ARRIVAL_TOLD, "GitLab may still say that the issue was moved here"));
    }

    let discussion = discussion_of(&project, hint, &text).await?;
    let mut record = known.unwrap_or_else(|| NoteRecord {
        note: note.clone(),
        author: text.author.clone(),
        internal: text.internal,
        discussion: discussion.clone(),
        commands: Vec::new(),
        refused_edit: None,
        handled_at: entry.now,
    });
    record.internal = text.internal;
    record.discussion = discussion;
    record.handled_at = entry.now;
    let batch = record.commands.iter().map(|command| command.batch + 1).max().unwrap_or(0);
    let first = record.commands.len();
    let refused = matches!(text.edited, Edited::ByAnother(_));
    let status = match (refused, late) {
        (true, _) => CommandStatus::Over(Outcome::Ignored),
        // It was given up, and somebody wants it to go on after all: that is said, and nothing is done so late.
        (false, true) => CommandStatus::Over(Outcome::NotDone),
        (false, false) => CommandStatus::Taken,
    };
    record.commands.extend(new.into_iter().map(|found| CommandRecord {
        text: found.text.clone(),
        batch,
        written_at,
        status,
        told_waiting: false,
        switch: None,
    }));

    if let Edited::ByAnother(at) = text.edited {
        if record.refused_edit != Some(at) {
            record.refused_edit = Some(at);
            let (purpose, text) = (Purpose::RefusedEdit, reply::edited_by_another());
            refuse(world, entry, &project, &mut decision, &record, Reply { command: first, purpose, text })
                .await?;
        }
    } else if late {
        let (purpose, text) = (Purpose::Answer, reply::too_late());
        refuse(world, entry, &project, &mut decision, &record, Reply { command: first, purpose, text })
            .await?;
    } else {
        // Numbered before the commands, and so sent before they run: 👀 needs no flag service.
        decision.write(Write::PutEdge(Box::new(Edge::new(
            EdgeId(world.store().new_id()),
            Cause::of(&note, first, Purpose::React(Reaction::Taken)),
            EdgeKind::React { on: note.source, reaction: Reaction::Taken },
            Some(record.author.clone()),
            entry.now,
        ))));
        for command in first..record.commands.len() {
            let id = InboxId(world.store().new_id());
            decision.write(Write::QueueEvent(id, Event::CommandTaken { note: note.clone(), command }));
        }
    }
    decision.write(Write::PutNote(Box::new(record)));
    Ok(Made::Decision(decision))
}

/// The commands that stand in the text more often than they were ever taken from it.
pub(super) fn not_yet_seen<'a>(found: &'a [Found], known: Option<&NoteRecord>) -> Vec<&'a Found> {
    let mut taken: HashMap<&str, usize> = HashMap::new();
    for command in known.into_iter().flat_map(|record| &record.commands) {
        *taken.entry(command.text.as_str()).or_default() += 1;
    }
    found
        .iter()
        .filter(|found| match taken.get_mut(found.text.as_str()) {
            Some(left) if *left > 0 => {
                *left -= 1;
                false
            }
            _ => true,
        })
        .collect()
}

async fn read_back(
    world: &World,
    project: &Project,
    hint: &NoteHint,
    detail: &NoteableDetail,
) -> Result<ReadBack, Trouble> {
    match hint.source {
        NoteSource::Note(id) => read_note(world, project, hint, detail, id).await,
        NoteSource::Description => read_description(world, project, hint, detail).await,
    }
}

async fn read_note(
    world: &World,
    project: &Project,
    hint: &NoteHint,
    detail: &NoteableDetail,
    id: u64,
) -> Result<ReadBack, Trouble> {
    let Some(note) = project.gitlab.note(hint.project, hint.kind, hint.iid, id).await? else {
        return Ok(ReadBack::Nothing("note_gone"));
    };
    if note.system {
        return Ok(ReadBack::Nothing("system_note"));
    }
    if world.is_bot(note.author.id) {
        return Ok(ReadBack::Nothing("own_note"));
    }
    if note.imported {
        return Ok(ReadBack::Nothing("imported"));
    }
    // A comment that is older than what it hangs on came here with a clone or an import.
    if note.created_at < detail.created_at {
        return Ok(ReadBack::Nothing("older_than_noteable"));
    }
    if came_here_with_its_page(project, hint, &note, detail).await? {
        return Ok(ReadBack::Nothing("moved_here"));
    }
    let edited = if note.updated_at == note.created_at {
        Edited::Never
    } else {
        match project.gitlab.note_edit(id).await? {
            Some(edit) => match (edit.at, edit.by) {
                (None, _) => Edited::Never,
                (Some(at), Some(by)) if by == note.author.id => Edited::ByAuthor(at),
                (Some(at), _) => Edited::ByAnother(at),
            },
            // GraphQL cannot say. Within a second of its creation nobody edits a comment by hand; later
            // than that somebody did, and nobody knows who.
            None if note.updated_at.duration_since(note.created_at).as_secs() < 1 => Edited::Never,
            None => Edited::ByAnother(note.updated_at),
        }
    };
    Ok(ReadBack::Text(Text {
        body: note.body,
        author: note.author,
        created_at: note.created_at,
        internal: note.internal,
        threaded: note.kind == NoteType::Threaded,
        edited,
    }))
}

/// Whether a comment is a copy that came here with a page that was moved. Such a page keeps the moments of its comments and its
/// own, so only GitLab's note about the move tells.
async fn came_here_with_its_page(
    project: &Project,
    hint: &NoteHint,
    note: &Note,
    detail: &NoteableDetail,
) -> Result<bool, Trouble> {
    // Nothing has changed there since the comment was written: the usual case, and nothing to ask.
    let still = detail.updated_at.duration_since(note.created_at).as_secs() < 1;
    if still || hint.kind != NoteableKind::Issue {
        return Ok(false);
    }
    let since = note.created_at;
    let notes =
        project.gitlab.notes_changed_since(hint.project, hint.kind, hint.iid, since, LOOK_THROUGH).await?;
    Ok(notes.iter().any(|later| later.id > note.id && later.tells_of_arrival()))
}

/// A description is looked at once, when the issue or merge request is new. REST does not say who edited it;
/// GitLab's own notes do ("changed the description").
async fn read_description(
    world: &World,
    project: &Project,
    hint: &NoteHint,
    detail: &NoteableDetail,
) -> Result<ReadBack, Trouble> {
    if world.is_bot(detail.author.id) {
        return Ok(ReadBack::Nothing("own_note"));
    }
    // Asked whatever `updated_at` says: it tells nothing of an edit within the same millisecond.
    let notes = project.gitlab.notes_since(hint.project, hint.kind, hint.iid, None, 200).await?;
    // Moving and cloning copy the description; what stands in it was for the page that it came from.
    if notes.iter().any(Note::tells_of_arrival) {
        return Ok(ReadBack::Nothing("moved_here"));
    }
    let by_another = notes.iter().find(|note| {
        note.system && note.body.starts_with("changed the description") && note.author.id != detail.author.id
    });
    let edited = by_another.map_or(Edited::Never, |note| Edited::ByAnother(note.created_at));
    Ok(ReadBack::Text(Text {
        body: detail.description.clone(),
        author: detail.author.clone(),
        created_at: detail.created_at,
        internal: false,
        threaded: false,
        edited,
    }))
}

/// The discussion to answer in: only where the comment stands in a thread, and only one that GitLab says it stands in.
async fn discussion_of(project: &Project, hint: &NoteHint, text: &Text) -> Result<Option<String>, Trouble> {
    let NoteSource::Note(note) = hint.source else { return Ok(None) };
    if !text.threaded {
        return Ok(None);
    }
    if let Some(id) = &hint.discussion {
        let claimed = project.gitlab.discussion(hint.project, hint.kind, hint.iid, id).await?;
        if let Some(discussion) = claimed.filter(|found| found.notes.iter().any(|inside| inside.id == note)) {
            return Ok((!discussion.individual).then_some(discussion.id));
        }
    }
    let found = project.gitlab.discussion_of(hint.project, hint.kind, hint.iid, note).await?;
    Ok(found.filter(|found| !found.individual).map(|found| found.id))
}

/// ❌, and the reason for members. Nothing of the text is run.
async fn refuse(
    world: &World,
    entry: Entry,
    project: &Project,
    decision: &mut Decision,
    record: &NoteRecord,
    answer: Reply,
) -> Result<(), Trouble> {
    decision.write(Write::PutEdge(Box::new(Edge::new(
        EdgeId(world.store().new_id()),
        Cause::of(&record.note, answer.command, Purpose::React(Reaction::NotDone)),
        EdgeKind::React { on: record.note.source, reaction: Reaction::NotDone },
        Some(record.author.clone()),
        entry.now,
    ))));
    let member = project.gitlab.access_level(project.detail.id, record.author.id).await?.is_some();
    if member {
        replies::queue(world, entry, decision, record, answer).await?;
    }
    Ok(())
}
