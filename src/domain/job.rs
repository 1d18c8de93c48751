//! Something that is made elsewhere once: a flag, its place in the archive, the issue in which it is to be cleaned up.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Flag, FlagRef, FlagState, InboxId, InstanceId, Noteable, ProjectId};

/// A job on its way to a flag service, or to GitLab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What is to be done.
    pub what: Work,
    /// Not to be sent after this moment.
    pub until: Timestamp,
    /// The command's entry in the inbox, if a command asks for it: it is taken up when the job has come to an end.
    pub entry: Option<InboxId>,
}

/// What a job does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Makes a flag that is off everywhere.
    Create {
        /// In the service of this name.
        provider: String,
        /// With this key.
        key: String,
    },
    /// Archives a flag.
    Archive {
        /// Which, as it was looked up.
        flag: Box<Flag>,
        /// What it was set to when the command was run.
        was: FlagState,
    },
    /// Opens the issue in which a flag is to be cleaned up, or brings the one that there is up to date.
    Cleanup(Box<Cleanup>),
}

/// The issue in which a flag is to be cleaned up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cleanup {
    /// Which flag, as it was looked up.
    pub flag: Flag,
    /// The labels of a new one.
    pub labels: Vec<String>,
    /// For how many days the flag is the same, where that is why.
    pub days: u64,
    /// In which environments it is, where only these count; empty: everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environments: Vec<String>,
    /// The reminder that it is for, if it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder: Option<String>,
    /// Nobody would be reminded of the flag any more: its open issue is only brought up to date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Over>,
}

/// Why nobody would be reminded of a flag any more whose issue is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// It is archived or gone; the facts about it tell.
    Gone,
    /// Not everybody gets the same any more.
    Differs,
    /// It has changed since.
    Changed,
    /// It is there to stay.
    Stays,
}

/// An issue in which a flag is to be cleaned up, as it is remembered: with the description that people may rewrite its marker goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CleanupIssue {
    /// The issue.
    pub issue: Noteable,
    /// The flag.
    pub flag: FlagRef,
    /// The provider's internal id of it.
    pub internal_id: String,
}

impl CleanupIssue {
    /// Whether it is the issue about that flag in that project. `former_names` are those that the provider had before.
    pub fn is_about(
        &self,
        instance: &InstanceId,
        project: ProjectId,
        flag: &Flag,
        former_names: &[String],
    ) -> bool {
        let provider = &self.flag.provider;
        &self.issue.instance == instance
            && self.issue.project == project
            && (provider == &flag.flag.provider || former_names.contains(provider))
            && (&self.flag.scope, &self.flag.key) == (&flag.flag.scope, &flag.flag.key)
            && self.internal_id == flag.internal_id
    }
}

impl Work {
    /// The provider and the key that it is about: its lane.
    pub fn about(&self) -> (&str, &str) {
        match self {
            Self::Create { provider, key } => (provider, key),
            Self::Archive { flag, .. } => (&flag.flag.provider, &flag.flag.key),
            Self::Cleanup(cleanup) => (&cleanup.flag.flag.provider, &cleanup.flag.flag.key),
        }
    }

    /// The flag that it changes, if there is one yet.
    pub fn flag(&self) -> Option<&FlagRef> {
        match self {
            Self::Create { .. } | Self::Cleanup(_) => None,
            Self::Archive { flag, .. } => Some(&flag.flag),
        }
    }

    /// Whether it is still done after minutes. Who waits two minutes at most is not told that it waits.
    pub fn may_wait_long(&self) -> bool {
        !matches!(self, Self::Archive { .. })
    }

    /// What it does, in a word: `create`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Archive { .. } => "archive",
            Self::Cleanup(_) => "cleanup issue",
        }
    }
}
