//! Projects with their members, labels and webhooks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::feature_flag::{Environment, FeatureFlag};

/// Access levels, as GitLab numbers them (facts, section 5).
pub mod level {
    /// Guest.
    pub const GUEST: u32 = 10;
    /// Planner.
    pub const PLANNER: u32 = 15;
    /// Reporter.
    pub const REPORTER: u32 = 20;
    /// Developer.
    pub const DEVELOPER: u32 = 30;
    /// Maintainer.
    pub const MAINTAINER: u32 = 40;
    /// Owner.
    pub const OWNER: u32 = 50;
}

/// Who may see a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Members.
    Private,
    /// Everybody who is signed in.
    Internal,
    /// Everybody.
    Public,
}

impl Visibility {
    /// As the API names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Internal => "internal",
            Self::Public => "public",
        }
    }

    /// As webhook bodies number it.
    pub fn level(self) -> u32 {
        match self {
            Self::Private => 0,
            Self::Internal => 10,
            Self::Public => 20,
        }
    }
}

/// A user's membership in a project, inherited ones too.
#[derive(Debug, Clone)]
pub struct Member {
    /// Access level.
    pub level: u32,
    /// Whether it counts: `false` is GitLab's `membership_state: awaiting`.
    pub active: bool,
    /// Since when.
    pub created_at: Timestamp,
}

/// A label of a project.
#[derive(Debug, Clone)]
pub struct Label {
    /// Id.
    pub id: u64,
    /// Name.
    pub name: String,
    /// Color, such as `#6699cc`.
    pub color: String,
    /// Description.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Id.
    pub id: u64,
    /// Path with namespace.
    pub path: String,
    /// Paths that it had before it was moved.
    pub old_paths: Vec<String>,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether nothing can be written.
    pub archived: bool,
    /// Whether its issues are switched off: nobody sees them until they are switched on again.
    pub issues_off: bool,
    /// The same of its merge requests.
    pub merge_requests_off: bool,
    /// Whether a merge request with an unresolved thread cannot be merged
    /// (`only_allow_merge_if_all_discussions_are_resolved`).
    pub threads_block_merge: bool,
    /// Members by user id.
    pub members: BTreeMap<u64, Member>,
    /// Labels.
    pub labels: Vec<Label>,
    /// Feature flags, by name.
    pub feature_flags: Vec<FeatureFlag>,
    /// Environments.
    pub environments: Vec<Environment>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The number that its next issue gets.
    pub next_issue: u64,
    /// The number that its next merge request gets.
    pub next_merge_request: u64,
}

impl Project {
    /// The last part of its path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Its path without the last part.
    pub fn namespace(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The label of this name.
    pub fn label(&self, name: &str) -> Option<&Label> {
        self.labels.iter().find(|label| label.name == name)
    }
}

/// A project's webhook.
#[derive(Clone)]
pub struct Hook {
    /// Id.
    pub id: u64,
    /// The project it belongs to; 0 for one of a group.
    pub project: u64,
    /// The group it belongs to.
    pub group: Option<u64>,
    /// Where it sends to.
    pub url: String,
    /// Name.
    pub name: Option<String>,
    /// Description.
    pub description: Option<String>,
    /// The plain secret.
    pub token: Option<String>,
    /// The signing token: `whsec_…`.
    pub signing_token: Option<String>,
    /// What it is sent for: `note_events`, `issues_events`, …
    pub events: BTreeSet<String>,
    /// Whether certificates are checked.
    pub ssl_verification: bool,
    /// Which branches' pushes it is sent for.
    pub push_events_branch_filter: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Deliveries in a row that failed.
    pub failures: u32,
    /// Until when it is switched off. `Timestamp::MAX`: for good.
    pub disabled_until: Option<Timestamp>,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook").field("id", &self.id).field("url", &self.url).finish_non_exhaustive()
    }
}
