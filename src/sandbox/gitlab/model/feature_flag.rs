//! Feature flags and environments of a project.

use jiff::Timestamp;
use serde_json::Value;

/// Where a strategy counts.
#[derive(Debug, Clone, PartialEq)]
pub struct FlagScope {
    /// Id.
    pub id: u64,
    /// An environment's name, or a pattern with `*`.
    pub environment_scope: String,
}

/// For whom a flag is on.
#[derive(Debug, Clone, PartialEq)]
pub struct FlagStrategy {
    /// Id.
    pub id: u64,
    /// `default`, `gradualRolloutUserId`, `userWithId`, `gitlabUserList` or `flexibleRollout`.
    pub name: String,
    /// Its parameters.
    pub parameters: Value,
    /// Where.
    pub scopes: Vec<FlagScope>,
}

/// A feature flag.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureFlag {
    /// Id; only webhooks tell it.
    pub id: u64,
    /// Name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// Whether it is on where a strategy says so.
    pub active: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// For whom, and where.
    pub strategies: Vec<FlagStrategy>,
    /// Who changed it since it was made, the oldest first. GitLab tells it in audit events, which no client reads here.
    pub edits: Vec<FlagEdited>,
}

/// That a feature flag was changed.
#[derive(Debug, Clone, PartialEq)]
pub struct FlagEdited {
    /// By whom.
    pub by: u64,
    /// When.
    pub at: Timestamp,
    /// Whether it was active afterwards.
    pub active: bool,
}

/// An environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    /// Id.
    pub id: u64,
    /// Name; what stands before a `/` is its folder.
    pub name: String,
    /// `available`, `stopping` or `stopped`.
    pub state: String,
    /// `production`, `staging`, `testing`, `development` or `other`.
    pub tier: String,
    /// When it was made.
    pub created_at: Timestamp,
}
