//! `[limits]`: how much flaglink takes on, and how long it may take to stop.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::section::Section;
use super::span::Span;

/// How much flaglink takes on. What is here suits nearly everybody.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct LimitsTable {
    /// So many deliveries and commands may wait. While there are as many, a webhook that is new is answered 503 with
    /// `Retry-After` and not kept, and `/readyz` says so; one that is there already is still answered 200.
    pub(crate) backlog: u64,
    /// How long, when it is told to stop, flaglink waits for what it has begun. What is not finished by then is kept and goes
    /// on at the next start. The service manager has to wait for at least ten seconds longer (`TimeoutStopSec=` of systemd).
    pub(crate) drain: Span,
    /// How many comments GitLab lets one user write in a minute: its own limit on creating notes (Admin, Settings, Network,
    /// Notes rate limit; 300 unless it was changed). flaglink stays a little below it; what is more waits for its turn, and
    /// nothing is lost. Each token is taken for a user of its own. `0`: no limit.
    pub(crate) notes_per_minute: u32,
}

impl Default for LimitsTable {
    fn default() -> Self {
        Self { backlog: 100_000, drain: Span::seconds(25), notes_per_minute: 300 }
    }
}

/// The longest time to stop in: machines that shut down do not wait for longer either.
const LONGEST_DRAIN: Duration = Duration::from_secs(60 * 60);

/// `[limits]`, checked.
#[derive(Debug, Clone)]
pub struct Limits {
    /// So many inbox entries may wait; at least 1.
    pub backlog: u64,
    /// How long what runs is waited for at the end.
    pub drain: Span,
    /// New comments of one bot user in a minute; 0: no limit of ours.
    pub notes_per_minute: u32,
}

impl Limits {
    pub(crate) fn check(section: &Section) -> Result<Self, ConfigError> {
        let LimitsTable { backlog, drain, notes_per_minute } = section.read()?;
        if backlog == 0 {
            return Err(section.error("backlog", "no webhook could come in; this should be 1 or more"));
        }
        if drain.duration() > LONGEST_DRAIN {
            return Err(section.error("drain", "nobody waits for so long; this should be at most `1h`"));
        }
        Ok(Self { backlog, drain, notes_per_minute })
    }
}
