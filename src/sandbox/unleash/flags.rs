//! What can be done to flags.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::clock::{Stamp, ulid};
use super::events::happened;
use super::model::{Actor, Feature, FlagIn};
use super::view;
use super::world::World;

/// What somebody says about a flag. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct FeatureChange {
    /// What it is about.
    pub description: Option<Option<String>>,
    /// `release`, `experiment`, …
    pub kind: Option<String>,
    /// Whether it is marked as stale.
    pub stale: Option<bool>,
    /// Whether impressions are counted.
    pub impression_data: Option<bool>,
}

impl World {
    /// Makes a flag, off everywhere. `false` where there is one of that name already, archived or not.
    pub fn new_feature(
        &mut self,
        by: &Actor,
        project: &str,
        name: &str,
        kind: &str,
        description: Option<&str>,
        impression_data: bool,
    ) -> bool {
        if self.feature(name).is_some() {
            return false;
        }
        let feature = Feature {
            name: name.to_owned(),
            description: description.map(str::to_owned),
            kind: kind.to_owned(),
            project: project.to_owned(),
            stale: false,
            impression_data,
            created_at: Stamp::now(),
            archived_at: None,
            created_by: by.clone(),
            collaborators: Vec::new(),
            environments: BTreeMap::new(),
            tags: Vec::new(),
            links: Vec::new(),
        };
        let shown = view::short_feature(&feature);
        self.features.push(feature);
        self.tell(by, name, happened("feature-created").with(shown));
        true
    }

    /// Changes what is said about a flag. Marking it as stale tells of both.
    pub fn change_feature(&mut self, by: &Actor, name: &str, change: FeatureChange) {
        let Some(feature) = self.feature_mut(name) else { return };
        let before = view::short_feature(feature);
        let was_stale = feature.stale;
        if let Some(description) = change.description {
            feature.description = description;
        }
        if let Some(kind) = change.kind {
            feature.kind = kind;
        }
        feature.stale = change.stale.unwrap_or(was_stale);
        feature.impression_data = change.impression_data.unwrap_or(feature.impression_data);
        let (after, stale) = (view::short_feature(feature), feature.stale);
        let group = ulid();
        let updated = happened("feature-metadata-updated").with(after).was(before);
        self.tell(by, name, updated.group(Some(&group)));
        if stale != was_stale {
            self.tell(by, name, happened(stale_kind(stale)).group(Some(&group)));
        }
    }

    /// Marks a flag as stale or not, as the call for many at once does it. Tells of nothing else.
    pub fn mark_stale(&mut self, by: &Actor, name: &str, stale: bool) {
        let Some(feature) = self.feature_mut(name) else { return };
        let before = std::mem::replace(&mut feature.stale, stale);
        if before != stale {
            self.tell(by, name, happened(stale_kind(stale)).group(None));
        }
    }

    /// What the job finds that looks for old flags.
    pub fn find_potentially_stale(&mut self, name: &str) {
        self.tell(&Actor::system(), name, happened("feature-potentially-stale-on").group(None));
    }

    /// Archives a flag. Tells of it also when it is archived already.
    pub fn archive(&mut self, by: &Actor, name: &str) {
        let Some(feature) = self.feature_mut(name) else { return };
        feature.archived_at = Some(Stamp::now());
        self.tell(by, name, happened("feature-archived"));
    }

    /// Brings an archived flag back. It is off everywhere then, of which nothing is told (not recorded).
    pub fn revive(&mut self, by: &Actor, name: &str) {
        let Some(feature) = self.feature_mut(name) else { return };
        feature.archived_at = None;
        for state in feature.environments.values_mut() {
            state.enabled = false;
        }
        self.tell(by, name, happened("feature-revived"));
    }

    /// Deletes an archived flag for good.
    pub fn delete(&mut self, by: &Actor, name: &str) {
        let Some(feature) = self.feature(name) else { return };
        let mut before = view::short_feature(feature);
        if let (Some(fields), Some(at)) = (before.as_object_mut(), feature.archived_at) {
            fields.insert("archivedAt".to_owned(), json!(at.text()));
        }
        let project = feature.project.clone();
        self.features.retain(|feature| feature.name != name);
        self.tell_of_gone(by, name, &project, happened("feature-deleted").was(before));
    }

    /// Moves a flag to another project. It keeps its states (not recorded).
    pub fn move_to(&mut self, by: &Actor, name: &str, project: &str) {
        let Some(feature) = self.feature_mut(name) else { return };
        let old = std::mem::replace(&mut feature.project, project.to_owned());
        let data = json!({ "newProject": project, "oldProject": old });
        self.tell(by, name, happened("feature-project-change").with(data));
    }

    /// A flag in an environment.
    pub fn state(&self, name: &str, environment: &str) -> Option<&FlagIn> {
        self.feature(name)?.environments.get(environment)
    }

    pub(super) fn state_mut(&mut self, name: &str, environment: &str) -> Option<&mut FlagIn> {
        let feature = self.feature_mut(name)?;
        Some(feature.environments.entry(environment.to_owned()).or_default())
    }

    /// Switches a flag on or off. Where nothing changes, nothing is told. A flag that is switched on and has no
    /// enabled strategy gets one for everybody; `all_on`: its disabled strategies are enabled instead.
    pub fn switch(&mut self, by: &Actor, name: &str, environment: &str, on: bool, all_on: bool) {
        let group = ulid();
        let Some(state) = self.state_mut(name, environment) else { return };
        if on && all_on {
            for strategy in &mut state.strategies {
                strategy.disabled = false;
            }
        }
        let alone = state.strategies.iter().all(|strategy| strategy.disabled);
        if on && alone {
            self.add_strategy_in(by, name, environment, super::model::StrategyChange::rollout(100), &group);
        }
        self.set_enabled(by, name, environment, on, &group);
    }

    pub(super) fn set_enabled(&mut self, by: &Actor, name: &str, environment: &str, on: bool, group: &str) {
        let Some(state) = self.state_mut(name, environment) else { return };
        if std::mem::replace(&mut state.enabled, on) != on {
            let kind = if on { "feature-environment-enabled" } else { "feature-environment-disabled" };
            self.tell(by, name, happened(kind).in_environment(environment).group(Some(group)));
        }
    }
}

fn stale_kind(stale: bool) -> &'static str {
    if stale { "feature-stale-on" } else { "feature-stale-off" }
}

/// Whether a name can be one of a flag: it stands in a URL as it is.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.~!*'()".contains(letter);
    !name.is_empty() && name != "." && name != ".." && name.chars().all(plain)
}

/// Text of a body's field.
pub(super) fn text(body: &Json, field: &str) -> Option<String> {
    body.get(field).and_then(Json::as_str).map(str::to_owned)
}
