//! Words of `[[projects]]` that stand for a choice: roles, and what is done with values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A role, in GitLab's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Role {
    /// Guest (10).
    Guest,
    /// Planner (15).
    Planner,
    /// Reporter (20).
    Reporter,
    /// Developer (30).
    Developer,
    /// Maintainer (40).
    Maintainer,
    /// Owner (50).
    Owner,
    /// Nobody at all.
    None,
}

impl Role {
    /// GitLab's access level; `None` for "nobody".
    ///
    /// The numbers are those of GitLab's members API (`access_level`).
    pub fn level(self) -> Option<u32> {
        match self {
            Self::Guest => Some(10),
            Self::Planner => Some(15),
            Self::Reporter => Some(20),
            Self::Developer => Some(30),
            Self::Maintainer => Some(40),
            Self::Owner => Some(50),
            Self::None => None,
        }
    }

    /// GitLab's name of the role that an access level is.
    pub fn of_level(level: u32) -> &'static str {
        [Self::Owner, Self::Maintainer, Self::Developer, Self::Reporter, Self::Planner, Self::Guest]
            .into_iter()
            .find(|role| role.level().is_some_and(|least| level >= least))
            .map_or("Minimal Access", Self::words)
    }

    /// Its name as people read it: `Developer`.
    pub fn words(self) -> &'static str {
        match self {
            Self::Guest => "Guest",
            Self::Planner => "Planner",
            Self::Reporter => "Reporter",
            Self::Developer => "Developer",
            Self::Maintainer => "Maintainer",
            Self::Owner => "Owner",
            Self::None => "nobody",
        }
    }
}

/// What is done with flag values in comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Values {
    /// Shown.
    Show,
    /// Hidden.
    Hide,
    /// Hidden on public projects.
    #[default]
    Auto,
}
