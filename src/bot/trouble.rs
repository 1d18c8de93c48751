//! Why something could not be decided now.

use std::time::Duration;

use crate::flags::ProviderError;
use crate::gitlab::GitlabError;
use crate::net::Failure;
use crate::store::{CommitError, StoreError};

/// What a behaviour waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// For the other side to answer as it should: try again, later and later.
    Answer,
    /// For an admin: the token or key is not accepted.
    Admin,
    /// For a moment that is known.
    Moment(Duration),
}

/// Why an event cannot be decided now. It stays in the inbox and is tried again.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct Trouble {
    /// What it waits for.
    pub waits: Waits,
    /// The failed request, for its `Retry-After`.
    pub failure: Option<Failure>,
    /// Something answered that cannot be understood: a proxy's page, or nonsense. The next answer may be a better one.
    pub unreadable: bool,
    /// Why; for people.
    pub reason: String,
}

impl Trouble {
    /// Why, for those who read comments: they are not told at which address the other side is.
    pub fn in_short(&self) -> String {
        self.failure.as_ref().map_or_else(|| self.reason.clone(), Failure::in_short)
    }

    /// Tries again after a while that is known.
    pub fn again_in(after: Duration, reason: impl Into<String>) -> Self {
        Self { waits: Waits::Moment(after), failure: None, unreadable: false, reason: reason.into() }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        let waits = if failure.is_unauthorized() { Waits::Admin } else { Waits::Answer };
        Self { waits, reason: failure.message.clone(), failure: Some(failure), unreadable: false }
    }
}

impl From<GitlabError> for Trouble {
    fn from(error: GitlabError) -> Self {
        match error {
            GitlabError::Failed(failure) => failure.into(),
            GitlabError::Strange(reason) => {
                Self { waits: Waits::Answer, failure: None, unreadable: true, reason }
            }
        }
    }
}

impl From<ProviderError> for Trouble {
    fn from(error: ProviderError) -> Self {
        match error {
            ProviderError::Failed(failure) => failure.into(),
            other => Self {
                waits: Waits::Answer,
                failure: None,
                unreadable: matches!(other, ProviderError::Unreadable(_)),
                reason: other.to_string(),
            },
        }
    }
}

impl From<CommitError> for Trouble {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => error.into(),
            CommitError::Conflict => Self::again_in(Duration::ZERO, error.to_string()),
        }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self { waits: Waits::Answer, failure: None, unreadable: false, reason: error.to_string() }
    }
}
