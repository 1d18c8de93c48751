//! Webhooks that flaglink registers: for whom, and what is kept of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ProjectId;

/// What a webhook is registered for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HookTarget {
    /// A GitLab project, by its id.
    Project(ProjectId),
    /// A GitLab group, by its id.
    Group(u64),
    /// A flag service, by the provider's name.
    Provider(String),
}

impl std::fmt::Display for HookTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Project(id) => write!(f, "project/{id}"),
            Self::Group(id) => write!(f, "group/{id}"),
            Self::Provider(name) => write!(f, "provider/{name}"),
        }
    }
}

/// What is kept of one registered webhook. Nothing in it is secret: secrets are derived from the marker key and the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookRecord {
    /// For whom.
    pub target: HookTarget,
    /// The path of the project or group as it was last seen; the provider's name.
    pub name: String,
    /// The id that GitLab gave it.
    #[serde(default)]
    pub hook: Option<u64>,
    /// The paths that are good, the present one last.
    #[serde(default)]
    pub paths: Vec<HookPath>,
    /// The public address that the present path is registered below. Of a provider: the whole address of its webhook.
    #[serde(default)]
    pub base: Option<String>,
    /// Addresses at a provider that are to be taken away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<String>,
    /// Where the service is at which a provider's webhook was registered, for people; `None` where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// A digest of the key that the paths and secrets are made with, so that another key is noticed.
    #[serde(default)]
    pub key: String,
    /// What the other side has last confirmed, as a digest; empty where it has confirmed nothing since something changed.
    #[serde(default)]
    pub confirmed: String,
    /// Whether GitLab has said that it has the signing token.
    #[serde(default)]
    pub signed: bool,
    /// A creation was sent at this moment and its answer is not known.
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
    /// Somebody has had it taken away with `flaglink hooks remove`: it stays away until it is asked for again.
    #[serde(default)]
    pub off: bool,
    /// What last went wrong, for people; `None` where nothing did.
    #[serde(default)]
    pub trouble: Option<String>,
}

/// A path below `/hooks/gitlab/`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookPath {
    /// Its last part.
    pub id: String,
    /// Until when it is good; `None`: it is the present one.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

impl HookRecord {
    /// One of which nothing is known yet.
    pub fn new(target: HookTarget, name: String) -> Self {
        Self {
            target,
            name,
            hook: None,
            paths: Vec::new(),
            base: None,
            former: Vec::new(),
            place: None,
            key: String::new(),
            confirmed: String::new(),
            signed: false,
            sent_at: None,
            off: false,
            trouble: None,
        }
    }

    /// The present path.
    pub fn path(&self) -> Option<&str> {
        self.paths.iter().find(|path| path.until.is_none()).map(|path| path.id.as_str())
    }

    /// Its paths are good no more. By them it is still known as ours.
    pub fn close(&mut self, now: Timestamp) {
        for path in &mut self.paths {
            path.until = Some(path.until.map_or(now, |until| until.min(now)));
        }
    }

    /// Whether something of it may still be at the other side.
    pub fn is_pending(&self) -> bool {
        self.hook.is_some() || !self.paths.is_empty() || self.sent_at.is_some()
    }

    /// Whether that path is or was its own, and is still good.
    pub fn has(&self, path: &str) -> bool {
        self.paths.iter().any(|one| one.id == path)
    }
}
