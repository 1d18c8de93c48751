//! Unleash's answers as far as they are needed, read tolerantly: what may be missing or null, may be.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A flag: from the list of a project, from a search, or alone. Only alone do its environments have strategies.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Feature {
    pub(super) name: String,
    /// When it was made, in milliseconds: kept when it is archived and revived, another when it is made again.
    #[serde(rename = "createdAt", default, deserialize_with = "null_is_default")]
    pub(super) created_at: String,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default)]
    pub(super) project: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) stale: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) environments: Vec<Environment>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) links: Vec<Link>,
}

impl Feature {
    /// What tells it from another flag that had its name before: Unleash gives no number.
    pub(super) fn internal_id(&self) -> String {
        format!("{} {}", self.created_at, self.name)
    }
}

/// A flag in one environment.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Environment {
    pub(super) name: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) enabled: bool,
    #[serde(rename = "sortOrder", default, deserialize_with = "null_is_default")]
    pub(super) sort_order: i64,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) strategies: Vec<Strategy>,
}

/// One way in which a flag is given to users.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Strategy {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) name: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) disabled: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) parameters: Map<String, Value>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) constraints: Vec<Value>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) segments: Vec<Value>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) variants: Vec<Variant>,
    #[serde(default)]
    pub(super) title: Option<String>,
    #[serde(rename = "sortOrder", default)]
    pub(super) sort_order: Option<i64>,
}

/// A variant; its weight is in thousandths.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Variant {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) name: String,
    #[serde(default)]
    pub(super) weight: Option<f64>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// A link on a flag.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Link {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) id: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) url: String,
    #[serde(default)]
    pub(super) title: Option<String>,
}

/// A list of flags.
#[derive(Debug, Deserialize)]
pub(super) struct Features {
    pub(super) features: Vec<Feature>,
    #[serde(default)]
    pub(super) total: Option<usize>,
}

/// What Unleash tells its own pages.
#[derive(Debug, Deserialize)]
pub(super) struct UiConfig {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) version: String,
}

/// Something with an id, such as a project.
#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub(super) id: String,
}

/// A project with its name.
#[derive(Debug, Deserialize)]
pub(super) struct NamedProject {
    pub(super) id: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) name: String,
}

/// All projects that the token sees, with their names.
#[derive(Debug, Deserialize)]
pub(super) struct NamedProjects {
    pub(super) projects: Vec<NamedProject>,
}

/// All projects that the token sees.
#[derive(Debug, Deserialize)]
pub(super) struct Projects {
    pub(super) projects: Vec<Project>,
}

/// An environment of the instance, and whether the project uses it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ProjectEnvironment {
    pub(super) name: String,
    #[serde(rename = "sortOrder", default, deserialize_with = "null_is_default")]
    pub(super) sort_order: i64,
    #[serde(default)]
    pub(super) visible: Option<bool>,
}

/// All environments of the instance, as a project sees them.
#[derive(Debug, Deserialize)]
pub(super) struct ProjectEnvironments {
    pub(super) environments: Vec<ProjectEnvironment>,
}

/// A tag on a flag.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Tag {
    #[serde(rename = "type", default, deserialize_with = "null_is_default")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) value: String,
}

/// The tags on a flag.
#[derive(Debug, Deserialize)]
pub(super) struct Tags {
    pub(super) tags: Vec<Tag>,
}

/// Whether an environment demands change requests (Enterprise only).
#[derive(Debug, Deserialize)]
pub(super) struct ChangeRequests {
    pub(super) environment: String,
    #[serde(rename = "changeRequestEnabled", default, deserialize_with = "null_is_default")]
    pub(super) enabled: bool,
}

/// What happened, newest first. Each has the form of a webhook's body.
#[derive(Debug, Deserialize)]
pub(super) struct Events {
    pub(super) events: Vec<Value>,
}

/// An integration.
#[derive(Debug, Deserialize)]
pub(super) struct Addon {
    pub(super) id: u64,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) provider: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) description: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) enabled: bool,
    /// Empty or `*`: all.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) projects: Vec<String>,
    /// Kinds of events.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) events: Vec<String>,
    /// Empty or `*`: all.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) environments: Vec<String>,
}

/// One delivery of an integration.
#[derive(Debug, Deserialize)]
pub(super) struct Sent {
    #[serde(rename = "createdAt", default, deserialize_with = "null_is_default")]
    pub(super) created_at: String,
    /// `success`, or why not.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) state: String,
    #[serde(rename = "stateDetails", default, deserialize_with = "null_is_default")]
    pub(super) state_details: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) details: SentTo,
}

/// Where it went.
#[derive(Debug, Default, Deserialize)]
pub(super) struct SentTo {
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) url: String,
}

/// Deliveries of an integration, the newest first.
#[derive(Debug, Deserialize)]
pub(super) struct SentList {
    #[serde(rename = "integrationEvents")]
    pub(super) events: Vec<Sent>,
}

/// All integrations.
#[derive(Debug, Deserialize)]
pub(super) struct Addons {
    pub(super) addons: Vec<Addon>,
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
