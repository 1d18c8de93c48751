//! Overrides and versions: what people change besides what everybody gets.

use super::{Done, Person, not_there, segment_id};
use crate::sandbox::flagsmith::states::{Change, Save};
use crate::sandbox::flagsmith::value::Value;
use crate::sandbox::flagsmith::versions::{SegmentChange, VersionChange, publisher};

impl Person {
    /// Overrides a flag for a segment, or changes the override.
    ///
    /// # Errors
    ///
    /// When flag, environment or segment are not there.
    pub fn override_for_segment(
        &self,
        flag: &str,
        environment: &str,
        segment: &str,
        on: bool,
        value: impl Into<Value>,
    ) -> Done {
        let change = Change { enabled: Some(on), value: Some(value.into()) };
        self.on_flag_in(flag, environment, |world, feature, environment| {
            let segment = segment_id(world, self.project, segment)?;
            if world.versioned(environment) {
                let wanted = SegmentChange { segment, priority: None, change };
                let change = VersionChange { segments: vec![wanted], ..VersionChange::default() };
                world.version_at_once(self.who, environment, feature, &change);
            } else if let Some(id) = world.segment_state(environment, feature, segment).map(|state| state.id)
            {
                world.change_state(self.who, id, &change, Save::Always);
            } else {
                let value = change.value.unwrap_or_default();
                world.new_segment_override(self.who, (environment, feature, segment), None, on, value);
            }
            Ok(())
        })
    }

    /// Takes a segment's override off.
    ///
    /// # Errors
    ///
    /// When flag, environment, segment or override are not there.
    pub fn drop_override_for_segment(&self, flag: &str, environment: &str, segment: &str) -> Done {
        self.on_flag_in(flag, environment, |world, feature, environment| {
            let id = segment_id(world, self.project, segment)?;
            let state = world
                .segment_state(environment, feature, id)
                .map(|state| state.id)
                .ok_or_else(|| not_there("override for segment", segment))?;
            if world.versioned(environment) {
                let change = VersionChange { without_segments: vec![id], ..VersionChange::default() };
                world.version_at_once(self.who, environment, feature, &change);
            } else {
                world.delete_override(self.who, state);
            }
            Ok(())
        })
    }

    /// Overrides a flag for an identity, or changes the override.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn override_for_identity(
        &self,
        flag: &str,
        environment: &str,
        identifier: &str,
        on: bool,
        value: impl Into<Value>,
    ) -> Done {
        let value = value.into();
        self.on_flag_in(flag, environment, |world, feature, environment| {
            let identity = world.identity(environment, identifier);
            match world.identity_state(identity, feature).map(|state| state.id) {
                Some(state) => {
                    let change = Change { enabled: Some(on), value: Some(value) };
                    world.change_state(self.who, state, &change, Save::Always);
                }
                None => {
                    world.new_identity_override(self.who, identity, feature, on, value);
                }
            }
            Ok(())
        })
    }

    /// Takes an identity's override off.
    ///
    /// # Errors
    ///
    /// When flag, environment or override are not there.
    pub fn drop_override_for_identity(&self, flag: &str, environment: &str, identifier: &str) -> Done {
        self.on_flag_in(flag, environment, |world, feature, environment| {
            let identity = world.identity(environment, identifier);
            let state = world
                .identity_state(identity, feature)
                .map(|state| state.id)
                .ok_or_else(|| not_there("override for identity", identifier))?;
            world.delete_override(self.who, state);
            Ok(())
        })
    }

    /// Gives the first option of a multivariate flag that share of everybody. Without versions nothing is told of it.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn share_out(&self, flag: &str, environment: &str, percent: f64) -> Done {
        self.on_flag_in(flag, environment, |world, feature, environment| {
            let versioned = world.versioned(environment);
            let draft = versioned
                .then(|| world.new_version(self.who, environment, feature, &VersionChange::default()));
            let live = world.default_state(environment, feature).map(|state| state.id);
            for state in world.states.values_mut() {
                let meant = match &draft {
                    Some(uuid) => state.version.as_ref() == Some(uuid) && state.feature_segment.is_none(),
                    None => Some(state.id) == live,
                };
                if let (true, Some(first)) = (meant, state.shares.first_mut()) {
                    first.percent = percent;
                }
            }
            if let Some(uuid) = draft {
                world.publish_version(&uuid, self.who, publisher(self.who));
            }
            Ok(())
        })
    }

    /// Makes a draft of a version, which changes nothing yet. Returns its UUID.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there, or the environment has no versions.
    pub fn draft(&self, flag: &str, environment: &str, change: &VersionChange) -> Done<String> {
        let name = environment;
        self.on_flag_in(flag, environment, |world, feature, environment| {
            if !world.versioned(environment) {
                return Err(not_there("versions in environment", name));
            }
            Ok(world.new_version(self.who, environment, feature, change))
        })
    }

    /// Publishes a draft.
    ///
    /// # Errors
    ///
    /// When it is not there, or published.
    pub fn publish(&self, version: &str) -> Done {
        self.flagsmith.change(|world| {
            let draft = world.versions.iter().any(|one| one.uuid == version && one.live_from.is_none());
            if !draft {
                return Err(not_there("draft", version));
            }
            world.publish_version(version, self.who, publisher(self.who));
            Ok(())
        })
    }
}
