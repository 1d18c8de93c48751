//! What the commands have in common that make something elsewhere, once: a job is queued, and its end is in the command's
//! record when the command is run again.

use std::time::Duration;

use super::{Asked, Ran, Unfinished};
use crate::bot::world::{Project, World};
use crate::bot::{Trouble, linked};
use crate::command::{self, Command};
use crate::domain::{
    Cause, CommandRecord, CommandStatus, Decision, Edge, EdgeId, EdgeKind, FlagRef, Job, NoteKey, Purpose,
    SwitchEnd, SwitchProgress, Work, Write,
};
use crate::markdown::job;
use crate::net::without_request;

/// How often a command looks whether its job has come to an end. It is told, too.
const LOOK: Duration = Duration::from_secs(30);

fn under_way(unknown: bool) -> Unfinished {
    Unfinished::UnderWay { unknown, trouble: Trouble::again_in(LOOK, "being done") }
}

/// Queues the job, to be sent within this time after the command was written.
pub(super) fn queue(asked: &Asked<'_>, decision: &mut Decision, what: Work, within: Duration) -> Unfinished {
    let edge = EdgeId(asked.world.store().new_id());
    let mut record = asked.note.clone();
    if let Some(command) = record.commands.get_mut(asked.command) {
        command.switch = Some(SwitchProgress::UnderWay { edge, unknown: false });
    }
    decision.write(Write::PutNote(Box::new(record)));
    let until = asked.written_at().checked_add(within).unwrap_or(asked.entry.now);
    let job = Job { what, until, entry: Some(asked.entry.id) };
    decision.write(Write::PutEdge(Box::new(Edge::new(
        edge,
        Cause::of(&asked.note.note, asked.command, Purpose::Job),
        EdgeKind::Job(Box::new(job)),
        Some(asked.note.author.clone()),
        asked.entry.now,
    ))));
    under_way(false)
}

/// How far a job that has begun is. The flag's lane carries it out.
pub(super) async fn goes_on(
    world: &World,
    note: &NoteKey,
    key: &str,
    progress: &SwitchProgress,
) -> Result<Ran, Unfinished> {
    match progress {
        SwitchProgress::Ended(end) => ended(world, note, key, end).await,
        SwitchProgress::UnderWay { edge, unknown } => {
            let Some(edge) = world.store().edge(*edge).await? else {
                return Ok(Ran::not_done(job::never_known("it was taken out of the queue")));
            };
            match held(&edge).filter(|_| !unknown) {
                Some(why) => Err(Unfinished::Held(Trouble::again_in(LOOK, why))),
                None => Err(under_way(*unknown)),
            }
        }
    }
}

/// Why a job could not be sent the last time, where it may wait for so long that somebody wants to know.
fn held(edge: &Edge) -> Option<&str> {
    let EdgeKind::Job(job) = &edge.kind else { return None };
    if !job.what.may_wait_long() || edge.uncertain.is_some() {
        return None;
    }
    edge.last_reason.as_deref().map(without_request)
}

/// Whether the same text links the flag after this: then nobody needs to be told how. What stands before it has run.
async fn is_linked_next(world: &World, note: &NoteKey, flag: &FlagRef) -> Result<bool, Trouble> {
    let Some(record) = world.store().note(note).await?.value else { return Ok(false) };
    let is_it = |key: &String| key.eq_ignore_ascii_case(&flag.key) || key.eq_ignore_ascii_case(&flag.words());
    let links = |command: &CommandRecord| match command::read_back(&command.text).map(|found| found.parsed) {
        Some(Ok(Command::Link { keys })) => keys.iter().any(is_it),
        _ => false,
    };
    Ok(record.commands.iter().filter(|command| command.status == CommandStatus::Taken).any(links))
}

/// What the person is told in the end.
async fn ended(world: &World, note: &NoteKey, key: &str, end: &SwitchEnd) -> Result<Ran, Unfinished> {
    // Where no rule holds any more, what is not for everybody is left out.
    let project = world.project(note.noteable.project).await?;
    let show_values = |project: &Project| project.rule.shows_values(project.detail.visibility);
    let show_values = project.as_ref().is_some_and(show_values);
    Ok(match end {
        SwitchEnd::Done { .. } => Ran::done(),
        SwitchEnd::Created(flag) => {
            let linked = is_linked_next(world, note, &flag.flag).await?;
            Ran::answered(job::created(flag, linked, show_values))
        }
        SwitchEnd::Archived { flag, was } => {
            let mut pages = Vec::new();
            if let Some(project) = &project {
                let records = linked::still_named(world, project, &flag.flag).await?;
                pages.extend(records.iter().map(linked::page));
            }
            Ran::answered(job::archived(flag, was, &pages, show_values))
        }
        SwitchEnd::Issue { iid, url, new, open } => Ran::answered(job::issue(key, *iid, url, *new, *open)),
        SwitchEnd::NotAllowed => Ran::not_done(job::not_allowed_any_more()),
        SwitchEnd::Refused(why) => Ran::not_done(job::not_done(why)),
        SwitchEnd::TooLate => Ran::not_done(job::too_late()),
        SwitchEnd::NeverKnown(why) => Ran::not_done(job::never_known(why)),
        // No job ends so.
        SwitchEnd::ChangeRequest { .. } | SwitchEnd::Overtaken { .. } => Ran::not_done(job::too_late()),
    })
}
