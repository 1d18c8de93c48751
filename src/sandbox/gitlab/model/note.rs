//! Notes and reactions.

use jiff::Timestamp;

use super::executed::Executed;
use super::noteable::{Kind, NoteableRef};

/// How a note stands among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteKind {
    /// `null`: a comment that stands alone.
    Plain,
    /// `DiscussionNote`: part of a thread.
    Discussion,
    /// `DiffNote`: part of a thread at a line of a diff.
    Diff,
}

impl NoteKind {
    /// As the API's `type` has it.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Discussion => Some("DiscussionNote"),
            Self::Diff => Some("DiffNote"),
        }
    }
}

/// An edit of a note's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: u64,
}

/// A note.
#[derive(Debug, Clone)]
pub struct Note {
    /// Id, unique in the whole instance.
    pub id: u64,
    /// What it hangs on.
    pub on: NoteableRef,
    /// The discussion it stands in: 40 hexadecimal digits.
    pub discussion: String,
    /// How it stands there.
    pub kind: NoteKind,
    /// Text as it is kept: known quick actions are gone from it.
    pub body: String,
    /// Who wrote it.
    pub author: u64,
    /// Whether GitLab wrote it.
    pub system: bool,
    /// Whether only members may read it.
    pub internal: bool,
    /// Whether it came from elsewhere.
    pub imported: bool,
    /// When it was written.
    pub created_at: Timestamp,
    /// When anything about it changed last: a reaction counts too.
    pub updated_at: Timestamp,
    /// The last edit of its text.
    pub edited: Option<Edit>,
    /// Who resolved it (threads on merge requests), and when.
    pub resolved: Option<Edit>,
    /// Its texts before each edit, oldest first.
    pub former: Vec<String>,
    /// Quick actions that were found in it, all versions together.
    pub quick_actions: Vec<Executed>,
    /// Who its present text mentions: user names, groups, `all`, without `@`, whether or not they are there.
    pub mentions: Vec<String>,
}

impl Note {
    /// Whether it can be resolved: notes of threads on merge requests, except GitLab's own.
    pub fn resolvable(&self) -> bool {
        self.on.kind == Kind::MergeRequest && self.kind != NoteKind::Plain && !self.system
    }
}

/// What a reaction is put on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Awardable {
    /// A note.
    Note(u64),
    /// An issue or merge request.
    Noteable(NoteableRef),
}

/// A reaction (award emoji).
#[derive(Debug, Clone)]
pub struct Award {
    /// Id.
    pub id: u64,
    /// Name, such as `eyes`.
    pub name: String,
    /// Whose.
    pub user: u64,
    /// On what.
    pub on: Awardable,
    /// When.
    pub created_at: Timestamp,
}
