//! Why a stage cannot be set, or what happens on it cannot be.

use std::io;

use crate::sandbox::gitlab::Refusal;
use crate::sandbox::{flagsmith, unleash};

/// What can go wrong on the stage.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum StageError {
    /// A port cannot be had.
    #[error("a sandbox server cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// The stage contradicts itself.
    #[error("{0}")]
    NotInFlagsmith(#[from] flagsmith::NotThere),
    /// The stage contradicts itself.
    #[error("{0}")]
    NotInUnleash(#[from] unleash::NotThere),
    /// Somebody may not do what they do there.
    #[error("the sandbox GitLab refused what somebody did: {0}")]
    Refused(#[from] Refusal),
    /// A service's webhooks do not come to their end.
    #[error("{0}'s webhooks are not delivered")]
    Undelivered(&'static str),
}
