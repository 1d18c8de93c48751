//! Changing what a feature is set to where no versions are used, and identity overrides everywhere.

use super::clock::Stamp;
use super::events::About;
use super::model::{FeatureSegment, Saved, State, Who};
use super::pending::Pending;
use super::value::Value;
use super::world::World;

/// What is to be changed of a state: what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// On or off.
    pub enabled: Option<bool>,
    /// The value.
    pub value: Option<Value>,
}

/// When a change that switches nothing still writes a line of history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Save {
    /// Always: what PUT and PATCH of a feature state do.
    Always,
    /// Only when it is switched: what the newer calls do.
    WhenSwitched,
}

/// Whom a state is for.
enum Whom<'a> {
    Everybody,
    Segment(&'a str),
    Identity(&'a str),
}

impl World {
    /// Changes a state. Switching it tells `FLAG_UPDATED`, and changing its value does so as well: both at
    /// once tell the same thing twice.
    pub(super) fn change_state(&mut self, by: Who, id: u64, change: &Change, save: Save) {
        let Some(state) = self.states.get(&id) else { return };
        let switched = change.enabled.is_some_and(|enabled| enabled != state.enabled);
        let value = change.value.clone().filter(|value| *value != state.value);
        let valued_at = value.is_some().then(|| self.clock.now());
        let updated = self.clock.now();
        let saved = self.clock.now();
        let Some(state) = self.states.get_mut(&id) else { return };
        if let Some(enabled) = change.enabled {
            state.enabled = enabled;
        }
        if let Some(value) = value {
            state.value = value.clone();
            state.values.push(value);
        }
        if switched || save == Save::Always {
            state.updated = updated;
            state.saves.push(Saved { at: saved, enabled: state.enabled, by });
        }
        if switched {
            self.tell_switched(by, id, saved);
        }
        if let Some(at) = valued_at {
            self.tell_valued(by, id, at);
        }
    }

    /// Overrides a feature for a segment. Returns the id of the override's state.
    pub(super) fn new_segment_override(
        &mut self,
        by: Who,
        (environment, feature, segment): (u64, u64, u64),
        priority: Option<i64>,
        enabled: bool,
        value: Value,
    ) -> u64 {
        let feature_segment = self.new_feature_segment(environment, feature, segment, priority, None);
        let mut state = self.new_override(by, environment, feature, enabled, value);
        state.feature_segment = Some(feature_segment);
        self.add_override(by, state)
    }

    /// Overrides a feature for an identity. Returns the id of the override's state.
    pub(super) fn new_identity_override(
        &mut self,
        by: Who,
        identity: u64,
        feature: u64,
        enabled: bool,
        value: Value,
    ) -> Option<u64> {
        let environment = self.identities.get(&identity)?.environment;
        let mut state = self.new_override(by, environment, feature, enabled, value);
        state.identity = Some(identity);
        Some(self.add_override(by, state))
    }

    pub(super) fn new_feature_segment(
        &mut self,
        environment: u64,
        feature: u64,
        segment: u64,
        priority: Option<i64>,
        version: Option<String>,
    ) -> u64 {
        let last = self
            .feature_segments
            .values()
            .filter(|other| (other.environment, other.feature) == (environment, feature))
            .filter(|other| other.version == version)
            .map(|other| other.priority)
            .max();
        let id = self.next_id("feature_segment");
        let uuid = self.mint.uuid();
        let priority = priority.unwrap_or_else(|| last.map_or(0, |last| last + 1));
        self.feature_segments
            .insert(id, FeatureSegment { id, uuid, feature, environment, segment, priority, version });
        id
    }

    /// A state whose value begins with the feature's initial one: that stays visible as the value before.
    fn new_override(
        &mut self,
        by: Who,
        environment: u64,
        feature: u64,
        enabled: bool,
        value: Value,
    ) -> State {
        let initial = self.features.get(&feature).and_then(|feature| feature.initial_value.clone());
        let initial = Value::from_initial(initial.as_deref());
        let mut state = self.new_state(by, environment, feature, enabled, initial.clone());
        if value != initial {
            state.value = value.clone();
            state.values.push(value);
        }
        state
    }

    fn add_override(&mut self, by: Who, state: State) -> u64 {
        let id = state.id;
        let valued = state.values.len() > 1;
        self.states.insert(id, state);
        let at = self.saved_at(id);
        self.tell_switched(by, id, at);
        if valued {
            let at = self.clock.now();
            self.tell_valued(by, id, at);
        }
        id
    }

    /// Takes an override off. No `FLAG_…` tells of it, only the audit log.
    pub(super) fn delete_override(&mut self, by: Who, id: u64) {
        let Some(state) = self.states.get(&id).cloned() else { return };
        let Some(feature) = self.features.get(&state.feature) else { return };
        let (project, name) = (feature.project, feature.name.clone());
        let at = self.clock.now();
        let deleted = format!("Flag state / Remote config value deleted for feature '{name}' and");
        if let Some((segment, _)) = self.segment_of(&state) {
            let log = format!("{deleted} segment '{}'", segment.name);
            self.audit(at, by, project, Some(state.environment), About::Feature(state.feature), log);
        } else if let Some(identity) = state.identity.and_then(|id| self.identities.get(&id)) {
            let log = format!("{deleted} identity '{}'", identity.identifier);
            self.audit(at, by, project, Some(state.environment), About::State(id), log);
        }
        self.states.remove(&id);
        if let Some(feature_segment) = state.feature_segment {
            self.feature_segments.remove(&feature_segment);
        }
    }

    fn tell_switched(&mut self, by: Who, id: u64, at: Stamp) {
        self.tell_state(by, id, at, |feature, whom| {
            let updated = "Flag state / Remote config value updated for feature";
            match whom {
                Whom::Everybody => format!("Flag state updated for feature: {feature}"),
                Whom::Segment(name) => format!("{updated} '{feature}' and segment '{name}'"),
                Whom::Identity(name) => format!("{updated} '{feature}' and identity '{name}'"),
            }
        });
    }

    fn tell_valued(&mut self, by: Who, id: u64, at: Stamp) {
        self.tell_state(by, id, at, |feature, whom| match whom {
            Whom::Everybody => format!("Remote config value updated for feature: {feature}"),
            Whom::Segment(name) => {
                format!(
                    "Remote config updated for segment override on feature '{feature}' and segment '{name}'."
                )
            }
            Whom::Identity(name) => format!(
                "Remote config value updated for identity override on feature '{feature}' and identity '{name}'."
            ),
        });
    }

    /// Tells of a state: its present self by webhook, and an entry in the audit log in these words.
    fn tell_state(&mut self, by: Who, id: u64, at: Stamp, words: fn(&str, Whom<'_>) -> String) {
        let Some(state) = self.states.get(&id) else { return };
        let Some(feature) = self.features.get(&state.feature) else { return };
        let segment = self.segment_of(state).map(|(segment, _)| segment.name.as_str());
        let identity = state.identity.and_then(|id| self.identities.get(&id));
        let whom = match (segment, identity) {
            (Some(segment), _) => Whom::Segment(segment),
            (None, Some(identity)) => Whom::Identity(&identity.identifier),
            (None, None) => Whom::Everybody,
        };
        let log = words(&feature.name, whom);
        let (project, environment) = (feature.project, state.environment);
        self.pending.push(Pending::FlagUpdated(id));
        self.audit(at, by, project, Some(environment), About::State(id), log);
    }
}
