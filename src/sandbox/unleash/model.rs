//! What Unleash keeps, as plain data.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::clock::Stamp;

/// Who does something: what events call `createdBy` and `createdByUserId`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// -42 for every admin token, -1337 for Unleash itself, from 1 on for people.
    pub id: i64,
    /// A token's name, or a user's.
    pub name: String,
}

impl Actor {
    /// Unleash itself.
    pub fn system() -> Self {
        Self { id: -1337, name: "unleash_system_user".to_owned() }
    }
}

/// Something that opens the Admin API.
#[derive(Debug, Clone)]
pub struct Token {
    /// What stands in the `Authorization` header.
    pub secret: String,
    /// Who acts with it.
    pub actor: Actor,
    /// Whether it was taken back.
    pub revoked: bool,
}

/// An environment of the whole instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its name, which is its id.
    pub name: String,
    /// `development`, `production`, …
    pub kind: String,
    /// Its place in lists.
    pub sort_order: u64,
}

/// A project.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its id, as in paths.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Stamp,
    /// The environments that it uses; with how many must approve a change, where changes have to be requested
    /// (enterprise).
    pub environments: BTreeMap<String, Option<u64>>,
}

/// One strategy of a flag in an environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Strategy {
    /// A ULID.
    pub id: String,
    /// `flexibleRollout`, `userWithId`, …
    pub name: String,
    /// What people call it.
    pub title: Option<String>,
    /// Whether it is switched off by itself.
    pub disabled: bool,
    /// Constraints, a list.
    pub constraints: Json,
    /// Parameters; every value is text.
    pub parameters: Map<String, Json>,
    /// Variants, a list.
    pub variants: Json,
    /// Ids of segments, a list.
    pub segments: Json,
    /// Its place.
    pub sort_order: u64,
}

/// What somebody says about a strategy. What is `None` stays, or is as usual in a new one.
#[derive(Debug, Clone, Default)]
pub struct StrategyChange {
    /// `flexibleRollout`, `userWithId`, …
    pub name: Option<String>,
    /// What people call it.
    pub title: Option<Option<String>>,
    /// Whether it is switched off by itself.
    pub disabled: Option<bool>,
    /// Constraints, a list.
    pub constraints: Option<Json>,
    /// Parameters.
    pub parameters: Option<Map<String, Json>>,
    /// Variants, a list.
    pub variants: Option<Json>,
    /// Ids of segments, a list.
    pub segments: Option<Json>,
    /// Its place.
    pub sort_order: Option<u64>,
}

impl StrategyChange {
    /// A strategy of that name with these parameters.
    pub fn named(name: &str, parameters: Json) -> Self {
        let parameters = match parameters {
            Json::Object(parameters) => Some(parameters),
            _ => None,
        };
        Self { name: Some(name.to_owned()), parameters, ..Self::default() }
    }

    /// Gradual rollout to this share of users, in percent.
    pub fn rollout(percent: u8) -> Self {
        Self::named("flexibleRollout", json!({ "rollout": percent.to_string() }))
    }

    /// The same, for those alone who meet these constraints.
    #[must_use]
    pub fn for_those(mut self, constraints: Json) -> Self {
        self.constraints = Some(constraints);
        self
    }

    /// The same, switched off by itself.
    #[must_use]
    pub fn switched_off(mut self) -> Self {
        self.disabled = Some(true);
        self
    }
}

/// A flag in one environment.
#[derive(Debug, Clone, Default)]
pub struct FlagIn {
    /// Whether it is on.
    pub enabled: bool,
    /// Its strategies, in their order.
    pub strategies: Vec<Strategy>,
}

/// A link on a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// A ULID.
    pub id: String,
    /// Where it leads.
    pub url: String,
    /// What it is called.
    pub title: Option<String>,
}

/// A tag on a flag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// Its type.
    pub kind: String,
    /// Its value, at most 50 characters.
    pub value: String,
}

/// A type of tags.
#[derive(Debug, Clone)]
pub struct TagType {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// An icon.
    pub icon: Option<String>,
    /// `#FC6D26`.
    pub color: Option<String>,
}

/// A flag.
#[derive(Debug, Clone)]
pub struct Feature {
    /// Its name; unique in the whole instance, also among archived ones.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// `release`, `experiment`, …
    pub kind: String,
    /// Its project.
    pub project: String,
    /// Whether it is marked as stale.
    pub stale: bool,
    /// Whether impressions are counted.
    pub impression_data: bool,
    /// When it was made.
    pub created_at: Stamp,
    /// Since when it is archived.
    pub archived_at: Option<Stamp>,
    /// Who made it.
    pub created_by: Actor,
    /// Who worked on it, the last one first.
    pub collaborators: Vec<Actor>,
    /// What it is in each environment where it was touched.
    pub environments: BTreeMap<String, FlagIn>,
    /// Tags, in order.
    pub tags: Vec<Tag>,
    /// Links, oldest first.
    pub links: Vec<Link>,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its number: the only thing that orders events.
    pub id: u64,
    /// `feature-environment-enabled`, …
    pub kind: &'static str,
    /// Who did it.
    pub by: Actor,
    /// When.
    pub at: Stamp,
    /// What is afterwards; `Null` for on, off and archived.
    pub data: Json,
    /// What was before.
    pub pre_data: Json,
    /// The flag's tags.
    pub tags: Json,
    /// The flag.
    pub feature: Option<String>,
    /// Its project.
    pub project: Option<String>,
    /// The environment.
    pub environment: Option<String>,
    /// What it belongs together with: a ULID, missing in some kinds.
    pub group: Option<String>,
}

/// A webhook.
#[derive(Debug, Clone)]
pub struct Addon {
    /// Its id.
    pub id: u64,
    /// Whether it sends anything.
    pub enabled: bool,
    /// What it is for.
    pub description: Option<String>,
    /// `url`, `authorization`, `customHeaders` (JSON as text), `contentType`.
    pub parameters: Map<String, Json>,
    /// Kinds of events; not checked.
    pub events: Vec<String>,
    /// Projects; empty or `*`: all.
    pub projects: Vec<String>,
    /// Environments; empty or `*`: all.
    pub environments: Vec<String>,
    /// When it was made.
    pub created_at: Stamp,
}

impl Addon {
    /// A parameter that is text.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).and_then(Json::as_str).filter(|text| !text.is_empty())
    }
}
