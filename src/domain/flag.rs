//! A feature flag, what it is set to, and what changed.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Claim, Noteable, Override, Strategy, Variant};

/// A flag by name: the provider as configured, the scope inside the service, the key.
///
/// Its text form, `PROVIDER/SCOPE/KEY`, is used in store keys, exports and logs; `/` and `%` inside the
/// three parts are percent-escaped there.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlagRef {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The service's project or container; empty where the service has none.
    pub scope: String,
    /// The key in the provider's own spelling.
    pub key: String,
}

impl FlagRef {
    /// How people name it: `provider:key`.
    pub fn words(&self) -> String {
        format!("{}:{}", self.provider, self.key)
    }
}

fn escaped(part: &str) -> String {
    part.replace('%', "%25").replace('/', "%2F")
}

fn unescaped(part: &str) -> String {
    part.replace("%2F", "/").replace("%25", "%")
}

impl fmt::Display for FlagRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", escaped(&self.provider), escaped(&self.scope), escaped(&self.key))
    }
}

/// A text that is not a flag reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` does not name a flag (PROVIDER/SCOPE/KEY)")]
pub struct ParseFlagRefError(pub String);

impl FromStr for FlagRef {
    type Err = ParseFlagRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            [provider, scope, key] if !provider.is_empty() && !key.is_empty() => {
                Ok(Self { provider: unescaped(provider), scope: unescaped(scope), key: unescaped(key) })
            }
            _ => Err(ParseFlagRefError(text.to_owned())),
        }
    }
}

impl Serialize for FlagRef {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FlagRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A flag as a provider describes it when it is looked up or found by a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// Its name.
    pub flag: FlagRef,
    /// The provider's internal id, which no two of its flags share: keys can be deleted and made again, ids cannot.
    pub internal_id: String,
    /// What people wrote about it, if anything.
    pub description: Option<String>,
    /// Whether it is archived.
    pub archived: bool,
    /// Its page in the service's own dashboard.
    pub url: Option<String>,
    /// Whether the page's address may be shown where values are hidden. Not so where it gives something away:
    /// Flagsmith's addresses hold the key with which everybody reads values.
    #[serde(default)]
    pub public_page: bool,
}

/// What a flag is set to, in every environment, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FlagState {
    /// One entry per environment, in the service's own order.
    pub environments: Vec<EnvironmentState>,
    /// Whether the flag is archived.
    #[serde(default)]
    pub archived: bool,
    /// Whether the service gives an archived flag to nobody, whatever its environments say: then it is off in all of them.
    #[serde(default)]
    pub archived_is_off: bool,
    /// Whether the service says that the flag is stale: nobody should need it any more.
    #[serde(default)]
    pub stale: bool,
}

/// What a flag is set to in one environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EnvironmentState {
    /// The environment's name, as people know it.
    pub environment: String,
    /// What the service knows the environment by, whatever it is called; empty where that is its name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// On or off.
    pub on: bool,
    /// The value that everybody gets who has no override while it is on; `None` where there is none or it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Whether the value is a text that reads as a value of another kind, a number or a yes or no, where the service tells them
    /// apart: to a program `5` and the text `5` are two things.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub quoted: bool,
    /// For what share of users it is on, in percent, where the service rolls out gradually and it is not 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<f64>,
    /// How many rules, segments or single users get something else than everybody.
    #[serde(default)]
    pub overrides: u32,
    /// For whom there are overrides and what they set, where the service tells that; of many not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Vec<Override>>,
    /// The strategies that are in force, where there is more to say of them than [`rollout`](Self::rollout) does: several, or one
    /// that is for some users only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strategies: Vec<Strategy>,
    /// The variants that users may get.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
    /// A digest of everything about this environment that the other fields do not show (what the overrides
    /// are set to, variants and their weights). Two equal digests mean that nothing of it changed; empty where the others show all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// The flag's page for this environment in the service's own dashboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl FlagState {
    /// The state in the environment of that name, ignoring case.
    pub fn environment(&self, name: &str) -> Option<&EnvironmentState> {
        self.environments.iter().find(|env| env.environment.eq_ignore_ascii_case(name))
    }

    /// The state in the same environment as that one, whatever it is called in either.
    pub fn place_of(&self, other: &EnvironmentState) -> Option<&EnvironmentState> {
        self.environments.iter().find(|env| env.is_same_place(other))
    }

    /// Whether the environments are called otherwise than in `other`, or known by other ids, or more is known of their overrides.
    pub fn is_named_otherwise(&self, other: &FlagState) -> bool {
        let names = |state: &FlagState| -> Vec<(String, String)> {
            state.environments.iter().map(|env| (env.environment.clone(), env.id.clone())).collect()
        };
        let mut both = self.environments.iter().zip(&other.environments);
        names(self) != names(other) || both.any(|(a, b)| a.overrides_read_otherwise(b))
    }

    /// What changed from `self` to `now`, one entry per environment, in the order of `now`.
    ///
    /// A URL that changed is no change, and neither is another name for an environment. One that is in only one of them is
    /// reported as appeared or gone. Pages do not count. That a flag goes off because it is archived is told by that
    /// alone, where the service does so.
    pub fn changes_to(&self, now: &FlagState) -> Vec<ChangeKind> {
        let mut changes = Vec::new();
        if self.archived != now.archived {
            changes.push(ChangeKind::Archived(now.archived));
        }
        if self.stale != now.stale {
            changes.push(ChangeKind::Stale(now.stale));
        }
        for env in &now.environments {
            match self.place_of(env) {
                Some(before) if before.same_as(env) => {}
                Some(before) if !self.archived && now.is_off_by_archive(before, env) => {}
                Some(before) => {
                    changes
                        .push(ChangeKind::Environment { before: Some(before.clone()), after: env.clone() });
                }
                None => changes.push(ChangeKind::Environment { before: None, after: env.clone() }),
            }
        }
        for before in &self.environments {
            if now.place_of(before).is_none() {
                changes.push(ChangeKind::EnvironmentGone(before.environment.clone()));
            }
        }
        changes
    }

    /// Whether that it is off in an environment now, where it was on, is because it is archived.
    pub fn is_off_by_archive(&self, before: &EnvironmentState, now: &EnvironmentState) -> bool {
        self.archived && self.archived_is_off && before.gone_off_is(now)
    }
}

impl EnvironmentState {
    /// Whether `other` is the same, but off.
    fn gone_off_is(&self, other: &EnvironmentState) -> bool {
        self.on && EnvironmentState { on: false, ..self.clone() }.same_as(other)
    }

    /// Whether both are of the same environment: by the service's id of it where both have one, else by name.
    pub fn is_same_place(&self, other: &EnvironmentState) -> bool {
        if self.id.is_empty() || other.id.is_empty() {
            return self.environment == other.environment;
        }
        self.id == other.id
    }

    /// The value as people read it: in quotes where it would be taken for a value of another kind.
    pub fn shown_value(&self) -> Option<Cow<'_, str>> {
        let value = self.value.as_deref()?;
        Some(if self.quoted { Cow::Owned(format!("\"{value}\"")) } else { Cow::Borrowed(value) })
    }

    /// Whether both have the same value, of the same kind.
    pub fn same_value_as(&self, other: &EnvironmentState) -> bool {
        self.value == other.value && self.quoted == other.quoted
    }

    /// Whether both say the same about the flag; names and pages (`url`) do not count.
    pub fn same_as(&self, other: &EnvironmentState) -> bool {
        self.on == other.on
            && self.same_value_as(other)
            && self.rollout == other.rollout
            && self.overrides == other.overrides
            && self.strategies == other.strategies
            && self.variants == other.variants
            && self.digest == other.digest
    }
}

/// A change that is asked for in one environment: what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    /// On or off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<bool>,
    /// The value; the empty text stands for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The share of users, in percent, for whom the flag is to be on where it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<f64>,
}

/// One thing that happened to a flag, kept for the panel's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When: the provider's time where it is known and matches what was read, else when it was noticed.
    pub at: Timestamp,
    /// When it was noticed; `None` where that was not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noticed_at: Option<Timestamp>,
    /// When it happened, by the provider's clock, where it was asked for that: for people alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened_at: Option<Timestamp>,
    /// Who, by the provider's name for them; `None` where it is not known. Of several the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Who had a part in it before, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// What was claimed of it: who comes to be known later is weighed against that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<Claim>,
    /// Why, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What.
    pub what: ChangeKind,
    /// The issue or merge request on which it was asked for, if it was asked for in a comment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_on: Option<Noteable>,
}

impl Change {
    /// When, for people: when it happened, or else when it was noticed.
    pub fn moment(&self) -> Timestamp {
        let noticed = self.noticed_at == Some(self.at);
        self.happened_at.filter(|_| noticed).unwrap_or(self.at)
    }

    /// As it is kept: of overrides only those that changed.
    pub fn kept(&self) -> Self {
        let mut kept = self.clone();
        if let ChangeKind::Environment { before, after } = &mut kept.what {
            match before {
                Some(was) => (*was, *after) = was.without_same_overrides(after),
                None => after.overridden = None,
            }
        }
        kept
    }

    /// Everybody who had a part in it, in order.
    pub fn people(&self) -> impl Iterator<Item = &str> {
        self.others.iter().chain(&self.by).map(String::as_str)
    }
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all changes are of an environment, so a box would only be in the way"
)]
pub enum ChangeKind {
    /// The state in one environment; `before` is missing when the environment is new.
    Environment {
        /// As it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<EnvironmentState>,
        /// As it is.
        after: EnvironmentState,
    },
    /// An environment is not there any more.
    EnvironmentGone(String),
    /// The flag was archived (`true`) or restored (`false`).
    Archived(bool),
    /// The service called the flag stale (`true`) or took that back (`false`).
    Stale(bool),
    /// The provider does not know the flag any more.
    Missing,
    /// The provider knows the flag again.
    Back,
}
