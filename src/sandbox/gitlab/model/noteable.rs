//! Issues and merge requests.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;

/// Issue or merge request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Issue, also a task or an incident.
    Issue,
    /// Merge request.
    MergeRequest,
}

impl Kind {
    /// The segment in the API's and in pages' paths.
    pub fn segment(self) -> &'static str {
        match self {
            Self::Issue => "issues",
            Self::MergeRequest => "merge_requests",
        }
    }

    /// As `noteable_type` and `awardable_type` have it.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Issue => "Issue",
            Self::MergeRequest => "MergeRequest",
        }
    }
}

/// Names an issue or merge request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteableRef {
    /// The project's id.
    pub project: u64,
    /// Issue or merge request.
    pub kind: Kind,
    /// Its number there.
    pub iid: u64,
}

impl fmt::Display for NoteableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.kind == Kind::Issue { '#' } else { '!' };
        write!(f, "{}{sign}{}", self.project, self.iid)
    }
}

/// What kind of issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IssueType {
    /// Issue.
    Issue,
    /// Task.
    Task,
    /// Incident.
    Incident,
}

impl IssueType {
    /// As the API's `issue_type` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::Task => "task",
            Self::Incident => "incident",
        }
    }

    /// As webhook bodies' `type` has it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Issue => "Issue",
            Self::Task => "Task",
            Self::Incident => "Incident",
        }
    }
}

/// Open or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Open.
    Opened,
    /// Closed.
    Closed,
    /// Merged.
    Merged,
}

impl State {
    /// As the API has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Closed => "closed",
            Self::Merged => "merged",
        }
    }

    /// As webhook bodies number it.
    pub fn id(self) -> u32 {
        match self {
            Self::Opened => 1,
            Self::Closed => 2,
            Self::Merged => 3,
        }
    }
}

/// An issue or merge request.
#[derive(Debug, Clone)]
pub struct Noteable {
    /// Which.
    pub place: NoteableRef,
    /// Id, unique among all of its kind.
    pub id: u64,
    /// Title, without `Draft: `.
    pub title: String,
    /// Description.
    pub description: String,
    /// State.
    pub state: State,
    /// Who opened it.
    pub author: u64,
    /// Names of its labels, in the order in which they were put on.
    pub labels: Vec<String>,
    /// Who it is assigned to.
    pub assignees: BTreeSet<u64>,
    /// Whether only members may see it (issues).
    pub confidential: bool,
    /// Issue, task, incident.
    pub issue_type: IssueType,
    /// Whether it is a draft (merge requests).
    pub draft: bool,
    /// Whether only members may comment.
    pub locked: bool,
    /// Whether it came from elsewhere.
    pub imported: bool,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When anything about it changed last.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: Option<u64>,
    /// When it was closed, and by whom.
    pub closed: Option<(Timestamp, u64)>,
    /// When it was merged, and by whom.
    pub merged: Option<(Timestamp, u64)>,
    /// When title or description were edited last, and by whom.
    pub edited: Option<(Timestamp, u64)>,
}

impl Noteable {
    /// The title as it is shown.
    pub fn shown_title(&self) -> String {
        if self.draft { format!("Draft: {}", self.title) } else { self.title.clone() }
    }
}
