//! The commands: one file each.

mod archive;
mod cleanup_issue;
mod create;
mod help;
mod job;
mod link;
mod list;
mod misread;
mod search;
mod status;
mod switch;
mod unlink;

use super::linking::Hindrance;
use super::resolve::{self, Silent};
use super::world::{Project, World};
use super::{Entry, Trouble};
use crate::command::{Command, Misread};
use crate::domain::{CommandRecord, Decision, FlagRef, NoteKey, NoteRecord, NoteableRecord, Outcome};
use crate::markdown::{Markdown, reply};

/// A command as it was asked for.
pub(super) struct Asked<'a> {
    pub(super) world: &'a World,
    pub(super) entry: Entry,
    pub(super) project: &'a Project,
    pub(super) note: &'a NoteRecord,
    pub(super) command: usize,
}

impl Asked<'_> {
    /// When it was written.
    fn written_at(&self) -> jiff::Timestamp {
        self.note.commands.get(self.command).map_or(self.entry.now, |command| command.written_at)
    }

    /// The noteable's record, as part of what the decision rests on.
    async fn noteable(&self, decision: &mut Decision) -> Result<NoteableRecord, Trouble> {
        let noteable = &self.note.note.noteable;
        let seen = self.world.store().noteable(noteable).await?;
        Ok(decision.rests_on(seen).unwrap_or_else(|| NoteableRecord::new(noteable.clone())))
    }

    /// Why a bare key is asked about though one service alone has it: another one's flag of that key is linked here, and is gone.
    /// `command` is for the one that is there.
    async fn gone_there(
        &self,
        decision: &mut Decision,
        written: &str,
        meant: &FlagRef,
        command: &str,
    ) -> Result<Option<Ran>, Trouble> {
        let record = self.noteable(decision).await?;
        let gone = resolve::gone_beside(self.world, &self.project.rule, &record.links, written, meant);
        Ok(gone.map(|link| Ran::not_done(reply::gone_there(&link.flag.provider, written, command))))
    }
}

/// What a command came to.
pub(super) struct Ran {
    pub(super) outcome: Outcome,
    pub(super) say: Option<Markdown>,
}

impl Ran {
    pub(super) fn done() -> Self {
        Self { outcome: Outcome::Done, say: None }
    }

    pub(super) fn answered(say: Markdown) -> Self {
        Self { outcome: Outcome::Done, say: Some(say) }
    }

    pub(super) fn not_done(say: Markdown) -> Self {
        Self { outcome: Outcome::NotDone, say: Some(say) }
    }

    /// `good` of the things that were asked for went well, and `problems` are to be read about the rest.
    fn of_several(good: usize, problems: Vec<Markdown>) -> Self {
        let outcome = match (good, problems.is_empty()) {
            (_, true) => Outcome::Done,
            (0, false) => Outcome::NotDone,
            (_, false) => Outcome::Partly,
        };
        Self { outcome, say: (!problems.is_empty()).then(|| reply::paragraphs(problems)) }
    }
}

/// Why a command cannot be finished now.
pub(super) enum Unfinished {
    /// Something else than a flag service is in the way.
    Trouble(Trouble),
    /// A flag service does not answer.
    Silent(Silent),
    /// What was begun cannot go on for now; nothing that was sent is without an answer.
    Held(Trouble),
    /// The decision so far is to be written; the command goes on when what it began has come to an end.
    UnderWay {
        /// Something was sent, and what came of it is not known yet.
        unknown: bool,
        /// When to look at the latest.
        trouble: Trouble,
    },
}

impl<E: Into<Trouble>> From<E> for Unfinished {
    fn from(error: E) -> Self {
        Self::Trouble(error.into())
    }
}

impl From<Hindrance> for Unfinished {
    fn from(hindrance: Hindrance) -> Self {
        match hindrance {
            Hindrance::Trouble(trouble) => Self::Trouble(trouble),
            Hindrance::Silent(silent) => Self::Silent(silent),
        }
    }
}

impl From<Silent> for Unfinished {
    fn from(silent: Silent) -> Self {
        Self::Silent(silent)
    }
}

/// Where a command has begun something already: how far that is. It goes on to its end, whoever may begin it now, and also
/// where no rule holds any more.
pub(super) async fn begun(
    world: &World,
    note: &NoteKey,
    taken: &CommandRecord,
    parsed: &Result<Command, Misread>,
) -> Result<Option<Ran>, Unfinished> {
    let (Some(progress), Ok(command)) = (&taken.switch, parsed) else { return Ok(None) };
    match command {
        Command::Switch { key, environment, to, reason } => {
            let wanted = switch::Wanted { key, environment, to, reason: reason.as_deref() };
            switch::goes_on(world, progress, &wanted).await.map(Some)
        }
        Command::Create { key } | Command::Archive { key } | Command::CleanupIssue { key } => {
            job::goes_on(world, note, key, progress).await.map(Some)
        }
        _ => Ok(None),
    }
}

/// Runs a command: adds its writes to the decision and says what it came to.
pub(super) async fn run(
    asked: &Asked<'_>,
    decision: &mut Decision,
    parsed: &Result<Command, Misread>,
) -> Result<Ran, Unfinished> {
    match parsed {
        Ok(Command::Link { keys }) => link::run(asked, decision, keys).await,
        Ok(Command::Unlink { keys, all }) => unlink::run(asked, decision, keys, *all).await,
        Ok(Command::Status { keys }) => status::run(asked, decision, keys).await,
        Ok(Command::Switch { key, environment, to, reason }) => {
            let wanted = switch::Wanted { key, environment, to, reason: reason.as_deref() };
            switch::run(asked, decision, &wanted).await
        }
        Ok(Command::Create { key }) => create::run(asked, decision, key).await,
        Ok(Command::Archive { key }) => archive::run(asked, decision, key).await,
        Ok(Command::CleanupIssue { key }) => cleanup_issue::run(asked, decision, key).await,
        Ok(Command::List) => list::run(asked, decision).await,
        Ok(Command::Search { text }) => search::run(asked, text).await,
        Ok(Command::Help { topic }) => help::run(asked, *topic).await,
        Err(misread) => Ok(misread::run(misread)),
    }
}
