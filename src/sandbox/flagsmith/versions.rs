//! Version 2 of feature versioning: a change makes a new version of a feature in an environment, which is
//! then published.

use super::events::About;
use super::model::{State, Tasks, Version, Who};
use super::payload;
use super::pending::Pending;
use super::states::Change;
use super::value::Value;
use super::world::World;

/// What a new version changes of the live one.
#[derive(Debug, Clone, Default)]
pub struct VersionChange {
    /// What everybody gets who has no override.
    pub default: Change,
    /// Segments (by id) to be overridden, or whose override is changed.
    pub segments: Vec<SegmentChange>,
    /// Segments (by id) whose override goes.
    pub without_segments: Vec<u64>,
}

/// What a new version sets for a segment.
#[derive(Debug, Clone)]
pub struct SegmentChange {
    /// The segment, by id.
    pub segment: u64,
    /// Of several, the lowest counts. `None`: as it was, or after the others.
    pub priority: Option<i64>,
    /// What it is set to.
    pub change: Change,
}

impl World {
    /// Switches an environment over: every feature gets a first version of what it is set to. Nothing is told.
    pub fn enable_versions(&mut self, environment: u64) {
        let Some(found) = self.environments.get_mut(&environment) else { return };
        if std::mem::replace(&mut found.use_v2_feature_versioning, true) {
            return;
        }
        let project = found.project;
        for feature in self.features_in(project) {
            self.first_version(environment, feature);
        }
    }

    pub(super) fn first_version(&mut self, environment: u64, feature: u64) {
        let live_from = self.clock.now();
        let uuid = self.add_version(environment, feature, Who::Nobody, Some(live_from));
        let of_it = |of: (u64, u64)| of == (environment, feature);
        for state in self.states.values_mut() {
            if of_it((state.environment, state.feature)) && state.identity.is_none() {
                state.version = Some(uuid.clone());
            }
        }
        for feature_segment in self.feature_segments.values_mut() {
            if of_it((feature_segment.environment, feature_segment.feature)) {
                feature_segment.version = Some(uuid.clone());
            }
        }
    }

    fn add_version(
        &mut self,
        environment: u64,
        feature: u64,
        by: Who,
        live_from: Option<super::clock::Stamp>,
    ) -> String {
        let uuid = self.mint.uuid();
        let created = self.clock.now();
        let updated = self.clock.now();
        self.versions.push(Version {
            uuid: uuid.clone(),
            feature,
            environment,
            created,
            updated,
            live_from,
            created_by: by,
            published_by: Who::Nobody,
        });
        uuid
    }

    /// A draft: the live version with changes. Nothing is told. Returns its UUID.
    pub fn new_version(&mut self, by: Who, environment: u64, feature: u64, change: &VersionChange) -> String {
        let live: Vec<State> = self
            .live_states(environment, feature)
            .into_iter()
            .filter(|state| state.identity.is_none())
            .cloned()
            .collect();
        let uuid = self.add_version(environment, feature, by, None);
        for state in live {
            self.copy_into(by, state, &uuid, change);
        }
        for wanted in &change.segments {
            if self.version_state(&uuid, wanted.segment).is_none() {
                self.override_in_version(by, (environment, feature), &uuid, wanted);
            }
        }
        uuid
    }

    fn copy_into(&mut self, by: Who, old: State, version: &str, change: &VersionChange) {
        let segment = self.segment_of(&old).map(|(segment, link)| (segment.id, link.priority));
        let wanted = match segment {
            None => Some(&change.default),
            Some((id, _)) => {
                change.segments.iter().find(|wanted| wanted.segment == id).map(|wanted| &wanted.change)
            }
        };
        let enabled = wanted.and_then(|wanted| wanted.enabled).unwrap_or(old.enabled);
        let value = wanted.and_then(|wanted| wanted.value.clone()).unwrap_or_else(|| old.value.clone());
        let mut state = self.new_state(by, old.environment, old.feature, enabled, value);
        state.live_from = None;
        state.version = Some(version.to_owned());
        state.shares = old.shares.iter().map(|share| self.new_share(share.option, share.percent)).collect();
        if let Some((id, priority)) = segment {
            let priority = change
                .segments
                .iter()
                .find(|wanted| wanted.segment == id)
                .and_then(|wanted| wanted.priority)
                .unwrap_or(priority);
            let link = self.new_feature_segment(
                old.environment,
                old.feature,
                id,
                Some(priority),
                Some(version.to_owned()),
            );
            if change.without_segments.contains(&id) {
                // Flagsmith copies everything and deletes then: the ids are used up.
                self.feature_segments.remove(&link);
                return;
            }
            state.feature_segment = Some(link);
        }
        self.states.insert(state.id, state);
    }

    fn override_in_version(&mut self, by: Who, of: (u64, u64), version: &str, wanted: &SegmentChange) {
        let (environment, feature) = of;
        let link = self.new_feature_segment(
            environment,
            feature,
            wanted.segment,
            wanted.priority,
            Some(version.to_owned()),
        );
        let value = wanted.change.value.clone().unwrap_or(Value::Nothing);
        let enabled = wanted.change.enabled.unwrap_or_default();
        let mut state = self.new_state(by, environment, feature, enabled, value);
        state.live_from = None;
        state.version = Some(version.to_owned());
        state.feature_segment = Some(link);
        self.states.insert(state.id, state);
    }

    fn version_state(&self, version: &str, segment: u64) -> Option<&State> {
        self.states
            .values()
            .filter(|state| state.version.as_deref() == Some(version))
            .find(|state| self.segment_of(state).is_some_and(|(found, _)| found.id == segment))
    }

    /// Makes a draft live. What is told of it depends on [`Tasks`].
    ///
    /// `by` stands in the webhooks, `publisher` in the version: a version that a master key publishes through
    /// the versions call has neither.
    pub(super) fn publish_version(&mut self, uuid: &str, by: Who, publisher: Who) {
        let Some(draft) = self.versions.iter().find(|version| version.uuid == uuid).cloned() else { return };
        let before: Vec<State> =
            self.live_states(draft.environment, draft.feature).into_iter().cloned().collect();
        let live_from = self.clock.now();
        let updated = self.clock.now();
        let Some(version) = self.versions.iter_mut().find(|version| version.uuid == uuid) else { return };
        version.live_from = Some(live_from);
        version.updated = updated;
        version.published_by = publisher;
        let version = version.clone();
        if self.tasks == Tasks::TaskProcessor {
            self.tell_published(&version, &before, by);
        }
        let Some(feature) = self.features.get(&version.feature) else { return };
        let (project, log) =
            (feature.project, format!("New version published for feature: {}", feature.name));
        let at = self.clock.now();
        let about = About::Version(version.uuid.clone());
        self.audit(at, publisher, project, Some(version.environment), about, log);
    }

    fn tell_published(&mut self, version: &Version, before: &[State], by: Who) {
        let segment = |state: &State| self.segment_of(state).map(|(segment, _)| segment.id);
        let states = self.states.values().filter(|state| state.version.as_deref() == Some(&version.uuid));
        let mut told = Vec::new();
        for state in states {
            let old = before.iter().find(|old| old.identity.is_none() && segment(old) == segment(state));
            let same = old.is_some_and(|old| old.enabled == state.enabled && old.value == state.value);
            if !same && let Some(data) = payload::published_state(self, version, state, old, by) {
                told.push(Pending::Ready {
                    event: "FLAG_UPDATED",
                    environment: version.environment,
                    organisation_too: true,
                    data,
                });
            }
        }
        told.push(Pending::Ready {
            event: "NEW_VERSION_PUBLISHED",
            environment: version.environment,
            organisation_too: false,
            data: payload::version(self, version),
        });
        self.pending.extend(told);
    }

    /// Changes and publishes at once.
    pub(super) fn version_at_once(
        &mut self,
        by: Who,
        environment: u64,
        feature: u64,
        change: &VersionChange,
    ) -> String {
        let publisher = publisher(by);
        let uuid = self.new_version(by, environment, feature, change);
        self.publish_version(&uuid, by, publisher);
        uuid
    }

    /// Deletes a draft. A live version stays, and `false` comes back.
    pub(super) fn delete_version(&mut self, uuid: &str) -> bool {
        let Some(index) = self.versions.iter().position(|version| version.uuid == uuid) else { return false };
        if self.versions.get(index).is_none_or(|version| version.live_from.is_some()) {
            return false;
        }
        self.versions.remove(index);
        self.states.retain(|_, state| state.version.as_deref() != Some(uuid));
        self.feature_segments.retain(|_, link| link.version.as_deref() != Some(uuid));
        true
    }
}

/// Who is named as the publisher: users are, keys are not.
pub(super) fn publisher(by: Who) -> Who {
    match by {
        Who::User(_) => by,
        Who::Key(_) | Who::Nobody => Who::Nobody,
    }
}
