//! Quick actions that were run.

use jiff::Timestamp;

use super::noteable::NoteableRef;

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It changed something.
    Done,
    /// Its author may not, or it makes no sense here.
    Refused,
    /// GitLab knows it; this model has nothing that it could change.
    NotModelled,
}

/// A command that GitLab ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// Name in lower case, without the slash.
    pub name: String,
    /// What followed it on its line, trimmed.
    pub argument: String,
    /// With whose rights.
    pub by: u64,
    /// On what.
    pub on: NoteableRef,
    /// When.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: Outcome,
}
