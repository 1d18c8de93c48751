//! A command that was taken is run: role, the command itself, its outcome, its reply, its reaction.

use std::time::Duration;

use jiff::Timestamp;

use super::commands::{self, Asked, Ran, Unfinished};
use super::limits::{COMMAND_AGE, TELL_WAITING};
use super::replies::{self, Reply};
use super::roles;
use super::world::{Project, World};
use super::{Entry, Made, Trouble};
use crate::command::{self, Command, Found, Permission, SwitchTo};
use crate::config::Role;
use crate::domain::{
    Cause, CommandRecord, CommandStatus, Decision, Edge, EdgeId, EdgeKind, NoteKey, NoteRecord, Outcome,
    Purpose, Reaction, Write,
};
use crate::gitlab::AccessLevel;
use crate::markdown::{Markdown, job, reply, switch};
use crate::store::Store;

pub(super) async fn decide(
    world: &World,
    entry: Entry,
    note: &NoteKey,
    place: usize,
) -> Result<Made, Trouble> {
    let mut decision = Decision::new();
    let Some(record) = decision.rests_on(world.store().note(note).await?) else {
        return Ok(Made::Nothing("note_record_gone"));
    };
    let Some(taken) = record.commands.get(place).cloned() else { return Ok(Made::Nothing("command_gone")) };
    if taken.status != CommandStatus::Taken {
        return Ok(Made::Nothing("over_already"));
    }
    let Some(found) = command::read_back(&taken.text) else {
        return Ok(Made::Nothing("command_unreadable"));
    };

    let ran = match commands::begun(world, note, &taken, &found.parsed).await.transpose() {
        Some(begun) => begun,
        None => {
            let Some(project) = world.project(note.noteable.project).await? else {
                return Ok(Made::Nothing("no_rule"));
            };
            let asked = Asked { world, entry, project: &project, note: &record, command: place };
            begin(&asked, &mut decision, &taken, &found).await
        }
    };
    let ran = match ran {
        Ok(ran) => ran,
        Err(Unfinished::Trouble(trouble)) => return Err(trouble),
        Err(Unfinished::UnderWay { unknown, trouble }) => {
            if unknown && !taken.told_waiting {
                let notice = match &found.parsed {
                    Ok(Command::Switch { .. }) => switch::not_known_yet(),
                    _ => job::not_known_yet(),
                };
                tell_waiting(world, entry, &mut decision, &record, place, notice).await?;
            }
            return Ok(Made::NotYet(decision, trouble));
        }
        Err(Unfinished::Silent(silent)) => {
            let notice = reply::waiting(&silent.provider, &silent.trouble.in_short());
            return wait_for(world, entry, &record, place, &taken, silent.trouble, notice).await;
        }
        Err(Unfinished::Held(trouble)) => {
            let notice = job::waiting(&trouble.in_short());
            return wait_for(world, entry, &record, place, &taken, trouble, notice).await;
        }
    };
    finish(world, entry, decision, record, place, &found, ran).await
}

/// Runs a command of which nothing was done yet.
async fn begin(
    asked: &Asked<'_>,
    decision: &mut Decision,
    taken: &CommandRecord,
    found: &Found,
) -> Result<Ran, Unfinished> {
    if let Some(refused) = refusal(asked.project, asked.note, found).await? {
        return Ok(refused);
    }
    // Something was away for so long that nobody counts on it any more.
    if waited(asked.entry, taken) > COMMAND_AGE {
        return Ok(Ran::not_done(reply::too_late()));
    }
    commands::run(asked, decision, &found.parsed).await
}

/// Why this person may not use this command, as what it comes to.
async fn refusal(project: &Project, record: &NoteRecord, found: &Found) -> Result<Option<Ran>, Trouble> {
    let needed = roles::least(&project.rule, found.permission());
    let Some(AccessLevel(level)) = project.gitlab.access_level(project.detail.id, record.author.id).await?
    else {
        // Not a member: a sign, and no mail to everybody.
        return Ok(Some(Ran { outcome: Outcome::NotDone, say: None }));
    };
    if record.internal && found.permission() != Permission::Read {
        // The reason for links is not that for flags.
        let why = match found.permission() {
            Permission::Link | Permission::Read => reply::internal_changes_nothing(),
            _ => reply::internal_does_nothing(&name_of(found).replace('_', "-")),
        };
        return Ok(Some(Ran::not_done(why)));
    }
    if found.parsed.is_err() {
        // How a command is written is no secret of the project: members of any role are told.
        return Ok(None);
    }
    let what = match &found.parsed {
        Ok(Command::Unlink { .. }) => "unlinking flags here",
        _ => roles::words(found.permission()),
    };
    let Some(needed_level) = needed.level() else {
        let key = roles::key(found.permission());
        return Ok(Some(Ran::not_done(reply::nobody_may(what, key))));
    };
    if level < needed_level {
        return Ok(Some(Ran::not_done(reply::needs_role(what, needed.words(), Role::of_level(level)))));
    }
    Ok(None)
}

/// How long ago a command was written, by GitLab's clock.
fn waited(entry: Entry, command: &CommandRecord) -> Duration {
    Duration::try_from(entry.now.duration_since(command.written_at)).unwrap_or_default()
}

/// Something does not answer: the command waits, and the person is told once.
async fn wait_for(
    world: &World,
    entry: Entry,
    record: &NoteRecord,
    place: usize,
    taken: &CommandRecord,
    trouble: Trouble,
    notice: Markdown,
) -> Result<Made, Trouble> {
    if taken.told_waiting || waited(entry, taken) < TELL_WAITING {
        return Err(trouble);
    }
    let mut decision = Decision::new();
    decision.rests_on(world.store().note(&record.note).await?);
    tell_waiting(world, entry, &mut decision, record, place, notice).await?;
    Ok(Made::NotYet(decision, trouble))
}

/// The one notice that a command is not over yet.
async fn tell_waiting(
    world: &World,
    entry: Entry,
    decision: &mut Decision,
    record: &NoteRecord,
    place: usize,
    text: Markdown,
) -> Result<(), Trouble> {
    let mut record = record.clone();
    if let Some(command) = record.commands.get_mut(place) {
        command.told_waiting = true;
    }
    let notice = Reply { command: place, purpose: Purpose::Waiting, text };
    replies::queue(world, entry, decision, &record, notice).await?;
    decision.write(Write::PutNote(Box::new(record)));
    Ok(())
}

async fn finish(
    world: &World,
    entry: Entry,
    mut decision: Decision,
    mut record: NoteRecord,
    place: usize,
    found: &Found,
    ran: Ran,
) -> Result<Made, Trouble> {
    if let Some(command) = record.commands.get_mut(place) {
        command.status = CommandStatus::Over(ran.outcome);
    }
    record.handled_at = entry.now;
    if let Some(text) = ran.say.filter(|text: &Markdown| !text.is_empty()) {
        let answer = Reply { command: place, purpose: Purpose::Answer, text };
        replies::queue(world, entry, &mut decision, &record, answer).await?;
    }
    if let Some(sign) = sign_of_batch(world.store(), entry.now, &record, place) {
        decision.write(Write::PutEdge(Box::new(sign)));
    }
    world.metrics().command(name_of(found), outcome_label(ran.outcome));
    decision.write(Write::PutNote(Box::new(record)));
    Ok(Made::Decision(decision))
}

/// The one reaction for all commands that were taken together, once the last of them is over.
pub(super) fn sign_of_batch(
    store: &dyn Store,
    now: Timestamp,
    record: &NoteRecord,
    place: usize,
) -> Option<Edge> {
    let (first, reaction) = outcome_of_batch(record, place)?;
    Some(Edge::new(
        EdgeId(store.new_id()),
        Cause::of(&record.note, first, Purpose::React(reaction)),
        EdgeKind::React { on: record.note.source, reaction },
        Some(record.author.clone()),
        now,
    ))
}

fn outcome_of_batch(record: &NoteRecord, place: usize) -> Option<(usize, Reaction)> {
    let batch = record.commands.get(place)?.batch;
    let mut first = None;
    let (mut done, mut not_done) = (false, false);
    for (index, command) in record.commands.iter().enumerate().filter(|(_, command)| command.batch == batch) {
        first.get_or_insert(index);
        match command.status {
            CommandStatus::Taken => return None,
            CommandStatus::Over(Outcome::Done) => done = true,
            CommandStatus::Over(Outcome::NotDone) => not_done = true,
            CommandStatus::Over(Outcome::Partly) => (done, not_done) = (true, true),
            CommandStatus::Over(Outcome::Ignored) => {}
        }
    }
    let reaction = match (done, not_done) {
        (true, true) => Reaction::Partly,
        (true, false) => Reaction::Done,
        (false, true) => Reaction::NotDone,
        (false, false) => return None,
    };
    Some((first?, reaction))
}

fn name_of(found: &Found) -> &'static str {
    match &found.parsed {
        Ok(Command::Link { .. }) => "link",
        Ok(Command::Unlink { .. }) => "unlink",
        Ok(Command::Status { .. }) => "status",
        Ok(Command::List) => "list",
        Ok(Command::Switch { to: SwitchTo::On, .. }) => "on",
        Ok(Command::Switch { to: SwitchTo::Off, .. }) => "off",
        Ok(Command::Switch { to: SwitchTo::Set(_), .. }) => "set",
        Ok(Command::Create { .. }) => "create",
        Ok(Command::Archive { .. }) => "archive",
        Ok(Command::CleanupIssue { .. }) => "cleanup_issue",
        Ok(Command::Search { .. }) => "search",
        Ok(Command::Help { .. }) => "help",
        Err(_) => "misread",
    }
}

fn outcome_label(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Partly => "partly",
        Outcome::NotDone => "not_done",
        Outcome::Ignored => "ignored",
    }
}
