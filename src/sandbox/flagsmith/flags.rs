//! Making, describing, archiving, tagging and deleting features.

use super::events::About;
use super::model::{Feature, Tag, VariantOption, Who};
use super::payload;
use super::pending::Pending;
use super::value::Value;
use super::world::World;

/// What a feature is made with.
#[derive(Debug, Clone, Default)]
pub struct NewFeature {
    /// Name.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// The value that it starts with everywhere.
    pub initial_value: Option<String>,
    /// Whether it starts switched on.
    pub default_enabled: bool,
    /// Tags, by id.
    pub tags: Vec<u64>,
    /// Options and their shares in percent: makes it multivariate.
    pub options: Vec<(Value, f64)>,
    /// Owners: users, by id.
    pub owners: Vec<u64>,
}

/// What is changed on a feature: what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct FeatureChange {
    /// What it is about.
    pub description: Option<Option<String>>,
    /// Whether it is archived.
    pub is_archived: Option<bool>,
    /// All of its tags, by id.
    pub tags: Option<Vec<u64>>,
}

impl World {
    /// A new feature with its state in every environment of the project. `FLAG_UPDATED` is told for each
    /// environment without version 2 of feature versioning, and has no previous state.
    pub fn new_feature(&mut self, by: Who, project: u64, new: NewFeature) -> u64 {
        let id = self.next_id("feature");
        let created = self.clock.now();
        let mut tags = new.tags;
        tags.sort_unstable();
        let feature = Feature {
            id,
            uuid: self.mint.uuid(),
            project,
            name: new.name.clone(),
            description: new.description,
            initial_value: new.initial_value,
            default_enabled: new.default_enabled,
            created,
            is_archived: false,
            tags,
            owners: new.owners,
            options: Vec::new(),
        };
        self.features.insert(id, feature);
        let log = format!("New Flag / Remote Config created: {}", new.name);
        let at = self.clock.now();
        self.audit(at, by, project, None, About::Feature(id), log.clone());

        let environments: Vec<(u64, bool)> = self
            .environments
            .values()
            .filter(|environment| environment.project == project)
            .map(|environment| (environment.id, environment.use_v2_feature_versioning))
            .collect();
        for (environment, versioned) in environments {
            let Some(state) = self.new_default_state(by, environment, id) else { continue };
            if versioned {
                self.first_version(environment, id);
                continue;
            }
            let at = self.saved_at(state);
            self.audit(at, by, project, Some(environment), About::State(state), log.clone());
            self.pending.push(Pending::FlagUpdated(state));
        }
        for (value, share) in new.options {
            self.add_option(by, id, value, share);
        }
        id
    }

    fn add_option(&mut self, by: Who, feature: u64, value: Value, share: f64) {
        let option = VariantOption { id: self.next_id("option"), uuid: self.mint.uuid(), value, share };
        let id = option.id;
        let Some(found) = self.features.get_mut(&feature) else { return };
        found.options.push(option);
        let (project, log) =
            (found.project, format!("Multivariate option added to feature '{}'.", found.name));
        let states: Vec<u64> =
            self.states.values().filter(|state| state.feature == feature).map(|state| state.id).collect();
        for state in states {
            let share = self.new_share(id, share);
            if let Some(state) = self.states.get_mut(&state) {
                state.shares.push(share);
            }
        }
        let at = self.clock.now();
        self.audit(at, by, project, None, About::Feature(feature), log);
    }

    /// Changes a feature. The audit log tells of description and archiving; of tags nothing is told at all.
    pub fn change_feature(&mut self, by: Who, id: u64, change: FeatureChange) {
        let Some(feature) = self.features.get_mut(&id) else { return };
        let mut told = false;
        if let Some(description) = change.description {
            told |= feature.description != description;
            feature.description = description;
        }
        if let Some(archived) = change.is_archived {
            told |= feature.is_archived != archived;
            feature.is_archived = archived;
        }
        if let Some(mut tags) = change.tags {
            tags.sort_unstable();
            tags.dedup();
            feature.tags = tags;
        }
        if told {
            let (project, log) = (feature.project, format!("Flag / Remote Config updated: {}", feature.name));
            let at = self.clock.now();
            self.audit(at, by, project, None, About::Feature(id), log);
        }
    }

    /// Deletes a feature with everything on it. `FLAG_DELETED` is told once for each environment, the audit
    /// log has an entry for each environment without version 2 of feature versioning and one for the feature.
    pub fn delete_feature(&mut self, by: Who, id: u64) {
        let Some(feature) = self.features.get(&id).cloned() else { return };
        let log = format!("Flag / Remote Config Deleted: {}", feature.name);
        let defaults: Vec<(u64, u64, bool)> = self
            .environments
            .values()
            .filter(|environment| environment.project == feature.project)
            .filter_map(|environment| {
                let state = self.default_state(environment.id, id)?;
                Some((environment.id, state.id, environment.use_v2_feature_versioning))
            })
            .collect();
        for (environment, state, _) in &defaults {
            if let Some(data) = self.states.get(state).and_then(|state| payload::flag_deleted(self, state)) {
                self.pending.push(Pending::Ready {
                    event: "FLAG_DELETED",
                    environment: *environment,
                    organisation_too: true,
                    data,
                });
            }
        }
        for (environment, state, versioned) in defaults {
            if !versioned {
                let at = self.clock.now();
                let about = About::State(state);
                self.audit(at, by, feature.project, Some(environment), about, log.clone());
            }
        }
        let at = self.clock.now();
        self.audit(at, by, feature.project, None, About::Feature(id), log);
        self.states.retain(|_, state| state.feature != id);
        self.feature_segments.retain(|_, feature_segment| feature_segment.feature != id);
        self.versions.retain(|version| version.feature != id);
        self.resources.retain(|_, resource| resource.feature != id);
        self.features.remove(&id);
    }

    /// A new tag of a project.
    pub fn new_tag(&mut self, project: u64, label: &str, color: &str, description: Option<&str>) -> u64 {
        let id = self.next_id("tag");
        let tag = Tag {
            id,
            uuid: self.mint.uuid(),
            project,
            label: label.to_owned(),
            color: color.to_owned(),
            description: description.map(str::to_owned),
            is_permanent: false,
            is_system: false,
        };
        self.tags.insert(id, tag);
        id
    }

    /// Deletes a tag, and takes it off all features.
    pub fn delete_tag(&mut self, id: u64) {
        self.tags.remove(&id);
        for feature in self.features.values_mut() {
            feature.tags.retain(|tag| *tag != id);
        }
    }

    pub(super) fn saved_at(&mut self, state: u64) -> super::clock::Stamp {
        match self.states.get(&state).and_then(|state| state.saves.last()) {
            Some(saved) => saved.at,
            None => self.clock.now(),
        }
    }
}
