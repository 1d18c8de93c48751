//! What a comment hangs on, and how it is named for good.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// GitLab's numeric project id. Paths change when a project moves, ids never do.
pub type ProjectId = u64;
/// GitLab's numeric user id.
pub type UserId = u64;

/// A GitLab instance, by an id of our own that is made once. Its URLs are aliases of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstanceId(pub String);

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The two kinds of work that carry flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteableKind {
    /// An issue, or any other work item that has a project and an `iid`.
    Issue,
    /// A merge request.
    MergeRequest,
}

impl NoteableKind {
    /// The segment of GitLab's REST paths: `issues` or `merge_requests`.
    pub fn path(self) -> &'static str {
        match self {
            Self::Issue => "issues",
            Self::MergeRequest => "merge_requests",
        }
    }

    /// How people call it: `issue` or `merge request`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Issue => "issue",
            Self::MergeRequest => "merge request",
        }
    }

    /// What GitLab writes between a project's path and the number: `shop/web#12`, `shop/web!7`.
    pub fn sign(self) -> char {
        match self {
            Self::Issue => '#',
            Self::MergeRequest => '!',
        }
    }
}

/// An issue or a merge request.
///
/// Its text form, `INSTANCE/PROJECT/issues/IID`, is used in keys, exports and logs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Noteable {
    /// The GitLab instance.
    pub instance: InstanceId,
    /// The numeric project id.
    pub project: ProjectId,
    /// Issue or merge request.
    pub kind: NoteableKind,
    /// The number that people see, unique within project and kind.
    pub iid: u64,
}

impl fmt::Display for Noteable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.instance, self.project, self.kind.path(), self.iid)
    }
}

/// A text that is not a noteable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not name an issue or merge request (INSTANCE/PROJECT/issues/IID)")]
pub struct ParseNoteableError(pub String);

impl FromStr for Noteable {
    type Err = ParseNoteableError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseNoteableError(text.to_owned());
        let mut parts = text.split('/');
        let (Some(instance), Some(project), Some(kind), Some(iid), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let kind = match kind {
            "issues" => NoteableKind::Issue,
            "merge_requests" => NoteableKind::MergeRequest,
            _ => return Err(wrong()),
        };
        if instance.is_empty() {
            return Err(wrong());
        }
        Ok(Self {
            instance: InstanceId(instance.to_owned()),
            project: project.parse().map_err(|_| wrong())?,
            kind,
            iid: iid.parse().map_err(|_| wrong())?,
        })
    }
}

impl Serialize for Noteable {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Noteable {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where on a noteable a text stands: in one of its notes or in its description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteSource {
    /// The description of the issue or merge request.
    Description,
    /// A comment, by GitLab's numeric note id.
    Note(u64),
}

/// One text that may carry commands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NoteKey {
    /// What the text hangs on.
    pub noteable: Noteable,
    /// The text on it.
    pub source: NoteSource,
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            NoteSource::Description => write!(f, "{}#description", self.noteable),
            NoteSource::Note(id) => write!(f, "{}#note_{id}", self.noteable),
        }
    }
}
