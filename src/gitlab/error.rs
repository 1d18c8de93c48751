//! Why GitLab could not do what was asked.

use crate::net::Failure;

/// Why GitLab could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GitlabError {
    /// No good answer.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// An answer that cannot be understood; says what.
    #[error("{0}")]
    Strange(String),
}

/// What GitLab gives back.
pub type GitlabResult<T> = Result<T, GitlabError>;
