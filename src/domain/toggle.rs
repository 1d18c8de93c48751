//! A switch of a flag that somebody asked for in a comment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{EdgeId, EnvironmentState, Flag, FlagRef, FlagState, InboxId, Noteable, Switch};

/// A switch on its way to the flag's own service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Toggle {
    /// Which flag.
    pub flag: FlagRef,
    /// The provider's internal id of it: another flag of the same key is not the one that is meant.
    pub internal_id: String,
    /// In which environment.
    pub environment: String,
    /// What it is to be.
    pub to: Switch,
    /// What it was when the command was run. If somebody changes it meanwhile, nothing is switched.
    pub before: EnvironmentState,
    /// Why, in the person's words.
    pub reason: Option<String>,
    /// Not to be sent after this moment.
    pub until: Timestamp,
    /// The command's entry in the inbox: it is taken up when the switch has come to an end.
    pub entry: InboxId,
}

/// A switch that was sent, or the archiving of a flag, kept with the flag until the change that it made is seen: so that it is
/// known whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AskedSwitch {
    /// The edge that it is.
    pub edge: EdgeId,
    /// In which environment; empty where the flag as a whole is archived.
    pub environment: String,
    /// What it is to be.
    pub to: Switch,
    /// Who asked for it, by GitLab's user name.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// Where it was asked.
    pub on: Noteable,
    /// When it was sent.
    pub at: Timestamp,
}

/// How far that is which a command has begun elsewhere: the switch of a flag, or a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchProgress {
    /// It is on its way, as this edge.
    UnderWay {
        /// The edge.
        edge: EdgeId,
        /// It was sent, and what came of it is not known yet.
        unknown: bool,
    },
    /// It has come to an end.
    Ended(SwitchEnd),
}

/// What came of a switch or a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SwitchEnd {
    /// It is as it was to be.
    Done {
        /// A sentence of the flag service's for the person.
        remark: Option<String>,
    },
    /// The flag was made.
    Created(Box<Flag>),
    /// The flag is in the archive.
    Archived {
        /// Which.
        flag: Box<Flag>,
        /// What it was set to when the command was run.
        was: FlagState,
    },
    /// The issue in which the flag is to be cleaned up is there.
    Issue {
        /// Its number.
        iid: u64,
        /// Its page.
        url: String,
        /// It was opened for this.
        new: bool,
        /// It is open.
        open: bool,
    },
    /// The service wants a change request; here is where to make one.
    ChangeRequest {
        /// The page.
        page: String,
    },
    /// Somebody else changed it after the command was run, so it was left alone.
    Overtaken {
        /// Who, where that is known.
        by: Option<String>,
    },
    /// The role is not enough any more.
    NotAllowed,
    /// It cannot be done; nothing was switched. Why, for people.
    Refused(String),
    /// It could not be done in time; nothing was switched.
    TooLate,
    /// It was sent, and nobody could find out in a day what came of it. Why, for people.
    NeverKnown(String),
}

impl SwitchEnd {
    /// Whether what was asked for is so.
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Created(_) | Self::Archived { .. } | Self::Issue { .. })
    }
}

impl Switch {
    /// Whether the environment is as it is asked for.
    pub fn holds_in(&self, state: &EnvironmentState) -> bool {
        let value = |wanted: &String| state.value.as_deref().unwrap_or_default() == wanted;
        let share = |wanted: f64| {
            state.strategies.is_empty() && (state.rollout.unwrap_or(100.0) - wanted).abs() < 0.005
        };
        self.on.is_none_or(|on| on == state.on)
            && self.value.as_ref().is_none_or(value)
            && self.rollout.is_none_or(share)
    }
}
