//! `[limits]`: how much flaglink takes on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::section::Section;

/// How much flaglink takes on. What is here suits nearly everybody.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct LimitsTable {
    /// How many comments GitLab lets one user write in a minute: its own limit on creating notes (Admin, Settings, Network,
    /// Notes rate limit; 300 unless it was changed). flaglink stays a little below it; what is more waits for its turn, and
    /// nothing is lost. Each token is taken for a user of its own. `0`: no limit.
    pub(crate) notes_per_minute: u32,
}

impl Default for LimitsTable {
    fn default() -> Self {
        Self { notes_per_minute: 300 }
    }
}

/// `[limits]`, checked.
#[derive(Debug, Clone)]
pub struct Limits {
    /// New comments of one bot user in a minute; 0: no limit of ours.
    pub notes_per_minute: u32,
}

impl Limits {
    pub(crate) fn check(section: &Section) -> Result<Self, ConfigError> {
        let LimitsTable { notes_per_minute } = section.read()?;
        Ok(Self { notes_per_minute })
    }
}
