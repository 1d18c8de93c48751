//! Something that is made elsewhere once because somebody asked for it in a comment: a flag, or its place in the archive.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Flag, FlagRef, FlagState, InboxId};

/// A job on its way to a flag service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// What is to be done.
    pub what: Work,
    /// Not to be sent after this moment.
    pub until: Timestamp,
    /// The command's entry in the inbox: it is taken up when the job has come to an end.
    pub entry: InboxId,
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
}

impl Work {
    /// The provider and the key that it is about: its lane.
    pub fn about(&self) -> (&str, &str) {
        match self {
            Self::Create { provider, key } => (provider, key),
            Self::Archive { flag, .. } => (&flag.flag.provider, &flag.flag.key),
        }
    }

    /// The flag that it is about, if there is one yet.
    pub fn flag(&self) -> Option<&FlagRef> {
        match self {
            Self::Create { .. } => None,
            Self::Archive { flag, .. } => Some(&flag.flag),
        }
    }

    /// What it does, in a word: `create`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Archive { .. } => "archive",
        }
    }
}
