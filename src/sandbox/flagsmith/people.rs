//! People who change flags: what a test or the demo lets somebody do in Flagsmith.

use serde_json::{Value as Json, json};

use super::Flagsmith;
use super::flags::{FeatureChange, NewFeature};
use super::model::{Who, World};
use super::states::{Change, Save};
use super::value::Value;
use super::versions::{SegmentChange, VersionChange, publisher};

/// Something that a person wanted to change is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox Flagsmith has no {what} `{name}`")]
pub struct NotThere {
    /// What kind of thing.
    pub what: &'static str,
    /// Its name.
    pub name: String,
}

fn not_there(what: &'static str, name: &str) -> NotThere {
    NotThere { what, name: name.to_owned() }
}

/// What a person wanted.
type Done<T = ()> = Result<T, NotThere>;

impl World {
    /// The user with that e-mail address, or the master API key of that name; made where there is none.
    pub(super) fn named(&mut self, who: &str) -> Who {
        if who.contains('@') {
            let found = self.users.values().find(|user| user.email == who).map(|user| user.id);
            return Who::User(found.unwrap_or_else(|| self.new_user(who, "", "")));
        }
        let found = self.keys.values().find(|key| key.name == who).map(|key| key.id);
        let organisation = self.organisations.keys().next().copied().unwrap_or_default();
        Who::Key(found.unwrap_or_else(|| self.new_key(organisation, who)))
    }

    /// What somebody is called in logs: a user by e-mail address, a key by name.
    pub(super) fn name_of(&self, who: Who) -> String {
        match who {
            Who::User(id) => self.users.get(&id).map(|user| user.email.clone()),
            Who::Key(id) => self.keys.get(&id).map(|key| key.name.clone()),
            Who::Nobody => None,
        }
        .unwrap_or_default()
    }

    /// Changes what everybody gets in an environment, by whatever way it goes there.
    fn set_default(&mut self, by: Who, environment: u64, feature: u64, change: Change) {
        if self.versioned(environment) {
            let change = VersionChange { default: change, ..VersionChange::default() };
            self.version_at_once(by, environment, feature, &change);
        } else if let Some(state) = self.default_state(environment, feature).map(|state| state.id) {
            self.change_state(by, state, &change, Save::Always);
        }
    }

    pub(super) fn versioned(&self, environment: u64) -> bool {
        self.environments.get(&environment).is_some_and(|found| found.use_v2_feature_versioning)
    }
}

/// Somebody who works on one project. Flags, environments, segments and tags are called by their names.
#[derive(Debug, Clone)]
pub struct Person {
    flagsmith: Flagsmith,
    who: Who,
    project: u64,
}

impl Person {
    pub(super) fn new(flagsmith: Flagsmith, who: Who, project: u64) -> Self {
        Self { flagsmith, who, project }
    }

    /// Who that is.
    pub fn who(&self) -> Who {
        self.who
    }

    /// Makes an environment. Returns its id.
    ///
    /// # Errors
    ///
    /// When the project is not there.
    pub fn new_environment(&self, name: &str) -> Done<u64> {
        self.flagsmith.change(|world| {
            if !world.projects.contains_key(&self.project) {
                return Err(not_there("project", &self.project.to_string()));
            }
            Ok(world.new_environment(self.who, self.project, name))
        })
    }

    /// Switches an environment over to version 2 of feature versioning.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn use_versions(&self, environment: &str) -> Done {
        self.in_environment(environment, |world, environment| world.enable_versions(environment))
    }

    /// Sets how many must approve a change in an environment; `None`: nobody.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn require_approvals(&self, environment: &str, approvals: Option<u64>) -> Done {
        self.in_environment(environment, |world, environment| {
            if let Some(found) = world.environments.get_mut(&environment) {
                found.minimum_change_request_approvals = approvals;
            }
        })
    }

    /// Makes a segment. Returns its id.
    pub fn new_segment(&self, name: &str) -> u64 {
        self.flagsmith.change(|world| world.new_segment(self.who, self.project, name, Some(""), json!([])))
    }

    /// Makes a flag, on or off and with this value in every environment. Returns its id.
    ///
    /// # Errors
    ///
    /// When there is one of that name; the error says which.
    pub fn new_flag(&self, name: &str, on: bool, value: impl Into<Value>) -> Done<u64> {
        let initial_value = match value.into() {
            Value::Nothing => None,
            Value::Text(text) => Some(text),
            Value::Whole(number) => Some(number.to_string()),
            Value::Truth(truth) => Some(truth.to_string()),
        };
        self.new_feature(NewFeature {
            name: name.to_owned(),
            default_enabled: on,
            initial_value,
            ..NewFeature::default()
        })
    }

    /// Makes a flag with all that can be said about it. Returns its id.
    ///
    /// # Errors
    ///
    /// When there is one of that name; the error says which.
    pub fn new_feature(&self, new: NewFeature) -> Done<u64> {
        self.flagsmith.change(|world| {
            if world.feature_named(self.project, &new.name).is_some() {
                return Err(not_there("room for a second flag", &new.name));
            }
            Ok(world.new_feature(self.who, self.project, new))
        })
    }

    /// Switches a flag on or off.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn switch(&self, flag: &str, environment: &str, on: bool) -> Done {
        self.set_state(flag, environment, Change { enabled: Some(on), value: None })
    }

    /// Sets a flag's value.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn set_value(&self, flag: &str, environment: &str, value: impl Into<Value>) -> Done {
        self.set_state(flag, environment, Change { enabled: None, value: Some(value.into()) })
    }

    /// Switches a flag and sets its value at once. Without versions, Flagsmith tells of this twice.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn set(&self, flag: &str, environment: &str, on: bool, value: impl Into<Value>) -> Done {
        self.set_state(flag, environment, Change { enabled: Some(on), value: Some(value.into()) })
    }

    fn set_state(&self, flag: &str, environment: &str, change: Change) -> Done {
        self.on_flag_in(flag, environment, |world, feature, environment| {
            world.set_default(self.who, environment, feature, change);
            Ok(())
        })
    }

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

    /// Archives a flag, or brings it back.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn archive(&self, flag: &str, archived: bool) -> Done {
        let change = FeatureChange { is_archived: Some(archived), ..FeatureChange::default() };
        self.on_flag(flag, |world, feature| {
            world.change_feature(self.who, feature, change);
            Ok(())
        })
    }

    /// Writes what a flag is about.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn describe(&self, flag: &str, description: &str) -> Done {
        let description = Some(Some(description.to_owned()));
        let change = FeatureChange { description, ..FeatureChange::default() };
        self.on_flag(flag, |world, feature| {
            world.change_feature(self.who, feature, change);
            Ok(())
        })
    }

    /// Deletes a flag.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn delete(&self, flag: &str) -> Done {
        self.on_flag(flag, |world, feature| {
            world.delete_feature(self.who, feature);
            Ok(())
        })
    }

    /// Puts a tag on a flag, and makes it first where the project has none of that label.
    ///
    /// # Errors
    ///
    /// When the flag is not there.
    pub fn tag(&self, flag: &str, label: &str) -> Done {
        self.on_flag(flag, |world, feature| {
            let found = world.tags.values().find(|tag| tag.project == self.project && tag.label == label);
            let id = match found.map(|tag| tag.id) {
                Some(id) => id,
                None => world.new_tag(self.project, label, "#6837FC", None),
            };
            let mut tags =
                world.features.get(&feature).map(|feature| feature.tags.clone()).unwrap_or_default();
            tags.push(id);
            world.change_feature(
                self.who,
                feature,
                FeatureChange { tags: Some(tags), ..FeatureChange::default() },
            );
            Ok(())
        })
    }

    /// Takes the tags of that label off a flag.
    ///
    /// # Errors
    ///
    /// When the flag is not there.
    pub fn untag(&self, flag: &str, label: &str) -> Done {
        self.on_flag(flag, |world, feature| {
            let labelled = |id: &u64| world.tags.get(id).is_some_and(|tag| tag.label == label);
            let mut tags =
                world.features.get(&feature).map(|feature| feature.tags.clone()).unwrap_or_default();
            tags.retain(|id| !labelled(id));
            world.change_feature(
                self.who,
                feature,
                FeatureChange { tags: Some(tags), ..FeatureChange::default() },
            );
            Ok(())
        })
    }

    /// The labels of a flag's tags.
    ///
    /// # Errors
    ///
    /// When the flag is not there.
    pub fn labels(&self, flag: &str) -> Done<Vec<String>> {
        self.on_flag(flag, |world, feature| {
            let tags = world.features.get(&feature).map(|feature| feature.tags.clone()).unwrap_or_default();
            Ok(tags.iter().filter_map(|id| world.tags.get(id)).map(|tag| tag.label.clone()).collect())
        })
    }

    /// Links a flag by hand, as the dashboard does. `kind` is `GITLAB_ISSUE` or `GITLAB_MR`. Returns the
    /// link's id.
    ///
    /// # Errors
    ///
    /// When the flag is not there.
    pub fn link(&self, flag: &str, kind: &str, url: &str, metadata: Json) -> Done<u64> {
        self.on_flag(flag, |world, feature| Ok(world.link(feature, kind, url, metadata)))
    }

    /// Takes a link off by hand.
    ///
    /// # Errors
    ///
    /// When flag or link are not there.
    pub fn unlink(&self, flag: &str, url: &str) -> Done {
        self.on_flag(flag, |world, feature| {
            let found = world.resources.values().find(|link| link.feature == feature && link.url == url);
            let id = found.map(|link| link.id).ok_or_else(|| not_there("link", url))?;
            world.unlink(id);
            Ok(())
        })
    }

    /// The pages that a flag is linked to.
    ///
    /// # Errors
    ///
    /// When the flag is not there.
    pub fn links(&self, flag: &str) -> Done<Vec<String>> {
        self.on_flag(flag, |world, feature| {
            let links = world.resources.values().filter(|link| link.feature == feature);
            Ok(links.map(|link| link.url.clone()).collect())
        })
    }

    /// Whether a flag is on for everybody without an override, and its value.
    ///
    /// # Errors
    ///
    /// When flag or environment are not there.
    pub fn state(&self, flag: &str, environment: &str) -> Done<(bool, Value)> {
        self.on_flag_in(flag, environment, |world, feature, environment| {
            let state =
                world.default_state(environment, feature).ok_or_else(|| not_there("state of flag", flag))?;
            Ok((state.enabled, state.value.clone()))
        })
    }

    fn on_flag<T>(&self, flag: &str, work: impl FnOnce(&mut World, u64) -> Done<T>) -> Done<T> {
        self.flagsmith.change(|world| {
            let found = world.feature_named(self.project, flag).map(|feature| feature.id);
            work(world, found.ok_or_else(|| not_there("flag", flag))?)
        })
    }

    fn on_flag_in<T>(
        &self,
        flag: &str,
        environment: &str,
        work: impl FnOnce(&mut World, u64, u64) -> Done<T>,
    ) -> Done<T> {
        self.on_flag(flag, |world, feature| {
            let environment = environment_id(world, self.project, environment)?;
            work(world, feature, environment)
        })
    }

    fn in_environment(&self, environment: &str, work: impl FnOnce(&mut World, u64)) -> Done {
        self.flagsmith.change(|world| {
            let environment = environment_id(world, self.project, environment)?;
            work(world, environment);
            Ok(())
        })
    }
}

fn environment_id(world: &World, project: u64, name: &str) -> Done<u64> {
    let found = world.environment_named(project, name).map(|environment| environment.id);
    found.ok_or_else(|| not_there("environment", name))
}

fn segment_id(world: &World, project: u64, name: &str) -> Done<u64> {
    let found = world.segment_named(project, name).map(|segment| segment.id);
    found.ok_or_else(|| not_there("segment", name))
}
