//! The things that the sandbox Flagsmith knows: plain data, in Flagsmith's own words.

use super::clock::Stamp;
use super::value::Value;

/// Who does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Flagsmith itself.
    Nobody,
    /// A user, by id.
    User(u64),
    /// A master API key, by id.
    Key(u64),
}

/// How the server runs its background work. It decides which webhooks are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tasks {
    /// `TASK_RUN_METHOD=SEPARATE_THREAD`, the default: what a version in an environment with version 2 of
    /// feature versioning changes is never told by `FLAG_UPDATED`, and nothing is tried again.
    #[default]
    SeparateThread,
    /// `TASK_RUN_METHOD=TASK_PROCESSOR`, what the documentation recommends: told once for each state, then
    /// `NEW_VERSION_PUBLISHED`; a connection that fails is tried three times.
    TaskProcessor,
}

/// An organisation.
#[derive(Debug, Clone)]
pub struct Organisation {
    /// Id.
    pub id: u64,
    /// UUID.
    pub uuid: String,
    /// UUID of its subscription.
    pub subscription: String,
    /// Name.
    pub name: String,
    /// When it was made.
    pub created: Stamp,
}

/// A person with a login.
#[derive(Debug, Clone)]
pub struct User {
    /// Id.
    pub id: u64,
    /// UUID.
    pub uuid: String,
    /// E-mail address.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// What stands behind `Token` in the `Authorization` header.
    pub token: String,
    /// When they came.
    pub joined: Stamp,
}

/// A master API key of an organisation.
#[derive(Debug, Clone)]
pub struct Key {
    /// Id.
    pub id: u64,
    /// The organisation.
    pub organisation: u64,
    /// Its name: what webhooks show as `changed_by`.
    pub name: String,
    /// `PREFIX.SECRET`: what stands behind `Api-Key` in the `Authorization` header.
    pub secret: String,
    /// When it was made.
    pub created: Stamp,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Id.
    pub id: u64,
    /// UUID.
    pub uuid: String,
    /// Name.
    pub name: String,
    /// The organisation.
    pub organisation: u64,
    /// A pattern that names of features must match.
    pub feature_name_regex: Option<String>,
}

/// An environment of a project.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Id.
    pub id: u64,
    /// UUID.
    pub uuid: String,
    /// Name.
    pub name: String,
    /// What names it in most URLs.
    pub api_key: String,
    /// The project.
    pub project: u64,
    /// How many must approve a change; `None`: nobody.
    pub minimum_change_request_approvals: Option<u64>,
    /// Whether features are changed by versions.
    pub use_v2_feature_versioning: bool,
}

/// One value of a multivariate feature.
#[derive(Debug, Clone)]
pub struct VariantOption {
    /// Id.
    pub id: u64,
    /// UUID.
    pub uuid: String,
    /// The value.
    pub value: Value,
    /// The share that it gets where nothing else is said, in percent.
    pub share: f64,
}

/// A feature, which people call a flag.
#[derive(Debug, Clone)]
pub struct Feature {
    /// Id.
    pub id: u64,
    /// UUID.
    pub uuid: String,
    /// The project.
    pub project: u64,
    /// Name. It never changes.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// The value that it was made with.
    pub initial_value: Option<String>,
    /// Whether it was made switched on.
    pub default_enabled: bool,
    /// When it was made.
    pub created: Stamp,
    /// Whether it is archived.
    pub is_archived: bool,
    /// Its tags, by id, in ascending order.
    pub tags: Vec<u64>,
    /// Its owners: users, by id.
    pub owners: Vec<u64>,
    /// Its values, where it is multivariate.
    pub options: Vec<VariantOption>,
}

/// The share of one option in one state.
#[derive(Debug, Clone, PartialEq)]
pub struct Share {
    /// Id.
    pub id: u64,
    /// UUID.
    pub uuid: String,
    /// The option, by id.
    pub option: u64,
    /// Percent.
    pub percent: f64,
}

/// One save of a state, as the history table keeps it.
#[derive(Debug, Clone, Copy)]
pub struct Saved {
    /// When.
    pub at: Stamp,
    /// Switched on or off.
    pub enabled: bool,
    /// By whom.
    pub by: Who,
}

/// What a feature is set to: in an environment, or there for a segment or an identity.
#[derive(Debug, Clone)]
pub struct State {
    /// Id.
    pub id: u64,
    /// UUID.
    pub uuid: String,
    /// The feature.
    pub feature: u64,
    /// The environment.
    pub environment: u64,
    /// The identity that it is for.
    pub identity: Option<u64>,
    /// The segment override that it is for.
    pub feature_segment: Option<u64>,
    /// The version that it belongs to (UUID), in environments with version 2 of feature versioning.
    pub version: Option<String>,
    /// On or off.
    pub enabled: bool,
    /// The value.
    pub value: Value,
    /// Shares of the options.
    pub shares: Vec<Share>,
    /// When it was made.
    pub created: Stamp,
    /// When it was last saved.
    pub updated: Stamp,
    /// Since when it counts.
    pub live_from: Option<Stamp>,
    /// Every save, oldest first.
    pub saves: Vec<Saved>,
    /// Every value that it had, oldest first. Kept apart from the saves, as in Flagsmith: so webhooks show,
    /// as the value before, what was there before the *last change of the value*, however often the state was
    /// saved since.
    pub values: Vec<Value>,
}

/// That a feature is overridden for a segment in an environment.
#[derive(Debug, Clone)]
pub struct FeatureSegment {
    /// Id.
    pub id: u64,
    /// UUID.
    pub uuid: String,
    /// The feature.
    pub feature: u64,
    /// The environment.
    pub environment: u64,
    /// The segment.
    pub segment: u64,
    /// Of several, the lowest counts.
    pub priority: i64,
    /// The version that it belongs to.
    pub version: Option<String>,
}

/// One version of a feature in an environment.
#[derive(Debug, Clone)]
pub struct Version {
    /// UUID.
    pub uuid: String,
    /// The feature.
    pub feature: u64,
    /// The environment.
    pub environment: u64,
    /// When it was made.
    pub created: Stamp,
    /// When it was last saved.
    pub updated: Stamp,
    /// Since when it is live; `None`: a draft.
    pub live_from: Option<Stamp>,
    /// Who made it.
    pub created_by: Who,
    /// Who published it.
    pub published_by: Who,
}

/// A segment of users.
#[derive(Debug, Clone)]
pub struct Segment {
    /// Id.
    pub id: u64,
    /// UUID.
    pub uuid: String,
    /// The project.
    pub project: u64,
    /// Name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// Its rules, as they were sent.
    pub rules: serde_json::Value,
    /// When it was made.
    pub created: Stamp,
}

/// One user of the product, in one environment.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Id.
    pub id: u64,
    /// The environment.
    pub environment: u64,
    /// What the product calls them.
    pub identifier: String,
}

/// A tag of a project.
#[derive(Debug, Clone)]
pub struct Tag {
    /// Id.
    pub id: u64,
    /// UUID.
    pub uuid: String,
    /// The project.
    pub project: u64,
    /// Label. Two tags may have the same.
    pub label: String,
    /// Colour.
    pub color: String,
    /// What it means.
    pub description: Option<String>,
    /// Whether features that have it are meant to stay.
    pub is_permanent: bool,
    /// Whether Flagsmith made it for its GitLab integration: then nobody can change or delete it.
    pub is_system: bool,
}

/// A link from a feature to an issue or a merge request.
#[derive(Debug, Clone)]
pub struct Resource {
    /// Id.
    pub id: u64,
    /// The feature.
    pub feature: u64,
    /// `GITLAB_ISSUE` or `GITLAB_MR`.
    pub kind: String,
    /// The page.
    pub url: String,
    /// Title, state and whether it is a draft, as the one who linked said.
    pub metadata: serde_json::Value,
}

/// What a webhook listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// One environment, by id.
    Environment(u64),
    /// One organisation, by id.
    Organisation(u64),
}

/// A registered webhook.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Id; environment hooks and organisation hooks are counted apart.
    pub id: u64,
    /// What it listens to.
    pub scope: Scope,
    /// Where it sends to.
    pub url: String,
    /// Whether it sends.
    pub enabled: bool,
    /// What signs it; empty: nothing does.
    pub secret: String,
    /// When it was made.
    pub created: Stamp,
    /// When it was last saved.
    pub updated: Stamp,
}

/// The settings of Flagsmith's own GitLab integration in a project.
#[derive(Debug, Clone)]
pub struct GitLab {
    /// Id. Kept when it is deleted and made again.
    pub id: u64,
    /// The project.
    pub project: u64,
    /// Where GitLab is.
    pub url: String,
    /// The token; what Flagsmith shows is `write-only`.
    pub token: String,
    /// Whether it puts labels on what is linked.
    pub labeling: bool,
    /// Whether it was deleted.
    pub deleted: bool,
}

/// One entry of the audit log.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// Id.
    pub id: u64,
    /// When.
    pub created: Stamp,
    /// What happened.
    pub log: String,
    /// Who did it.
    pub by: Who,
    /// The project.
    pub project: u64,
    /// The environment, where it is about one.
    pub environment: Option<u64>,
    /// `FEATURE`, `FEATURE_STATE`, `EF_VERSION`, `ENVIRONMENT` or `SEGMENT`.
    pub related_type: &'static str,
    /// Id of what it is about.
    pub related_id: Option<u64>,
    /// UUID of what it is about.
    pub related_uuid: Option<String>,
}
