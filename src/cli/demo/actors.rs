//! Those who act in the story, and how it is seen that what they did had its effect.

use crate::daemon::Daemon;
use crate::sandbox::gitlab::{Model, Note, NoteableRef};

use super::super::sandbox::error::StageError;
use super::super::sandbox::service::Service;
use super::super::sandbox::stage::Stage;
use super::{DemoError, PATIENCE};

/// The stage with the daemon on it.
pub(super) struct Actors {
    pub(super) stage: Stage,
    pub(super) service: Box<dyn Service>,
    daemon: Daemon,
}

impl Actors {
    pub(super) fn new(stage: Stage, service: Box<dyn Service>, daemon: Daemon) -> Self {
        Self { stage, service, daemon }
    }

    /// Somebody opens an issue.
    pub(super) fn issue(&self, title: &str) -> Result<NoteableRef, DemoError> {
        let made = self.stage.gitlab.issue(self.stage.mara, self.stage.project, title, "");
        Ok(made.map_err(StageError::from)?)
    }

    /// Somebody comments.
    pub(super) fn comment(&self, who: u64, on: NoteableRef, text: &str) -> Result<u64, DemoError> {
        Ok(self.stage.gitlab.comment(who, on, text).map_err(StageError::from)?)
    }

    /// Waits until GitLab is as told; `what` says how that is.
    pub(super) async fn until(&self, what: &str, told: impl FnMut(&Model) -> bool) -> Result<(), DemoError> {
        let came_true = self.stage.gitlab.until(PATIENCE, told).await;
        came_true.map_err(|_| DemoError::NotAsTold(format!("this did not come true: {what}")))
    }

    /// Waits until everything that follows from what was done is done.
    pub(super) async fn rest(&self) -> Result<(), DemoError> {
        loop {
            self.until("every webhook is delivered", Model::all_delivered).await?;
            self.service.settled(PATIENCE).await?;
            let settled = tokio::time::timeout(PATIENCE, self.daemon.settled()).await;
            settled.map_err(|_| DemoError::NotAsTold("flaglink does not come to rest".to_owned()))?;
            if self.stage.gitlab.read(Model::all_delivered) && self.daemon.in_lanes() == 0 {
                return Ok(());
            }
        }
    }

    /// The bot's reactions on a note.
    pub(super) fn reactions(&self, note: u64) -> Vec<String> {
        let bot = self.stage.bot;
        self.stage.gitlab.read(|model| model.reactions(note, bot).into_iter().map(str::to_owned).collect())
    }

    /// The bot's comments, oldest first.
    pub(super) fn bot_notes(&self, on: NoteableRef) -> Vec<Note> {
        let bot = self.stage.bot;
        self.stage.gitlab.read(|model| model.notes_by(on, bot).into_iter().cloned().collect())
    }

    /// Everything that people and the bot wrote there, oldest first.
    pub(super) fn notes(&self, on: NoteableRef) -> Vec<Note> {
        self.stage.gitlab.read(|model| model.notes_on(on).filter(|note| !note.system).cloned().collect())
    }

    /// A note as it stands.
    pub(super) fn note(&self, id: u64) -> Option<Note> {
        self.stage.gitlab.read(|model| model.notes.get(&id).cloned())
    }

    /// The address of an issue.
    pub(super) fn page_of(&self, on: NoteableRef) -> String {
        self.stage.gitlab.read(|model| model.page_of(on))
    }

    /// The labels on an issue.
    pub(super) fn labels(&self, on: NoteableRef) -> Vec<String> {
        let labels = |model: &Model| {
            model.noteables.get(&on).map(|found| found.labels.iter().map(ToString::to_string).collect())
        };
        self.stage.gitlab.read(labels).unwrap_or_default()
    }

    /// Who wrote a note.
    pub(super) fn author(&self, note: &Note) -> String {
        let name = |model: &Model| model.users.get(&note.author).map(|user| user.username.clone());
        self.stage.gitlab.read(name).unwrap_or_default()
    }

    /// Ends the daemon.
    pub(super) async fn leave(self) {
        self.daemon.stop().await;
    }
}

/// A statement of the story that must be true.
pub(super) fn sure(true_as_told: bool, what: &str) -> Result<(), DemoError> {
    if true_as_told { Ok(()) } else { Err(untrue(what)) }
}

/// What is told when a statement of the story is not true.
pub(super) fn untrue(what: &str) -> DemoError {
    DemoError::NotAsTold(format!("this is not true: {what}"))
}
