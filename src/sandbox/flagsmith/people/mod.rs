//! People who change flags: what a test or the demo lets somebody do in Flagsmith.

mod overrides;

use serde_json::{Value as Json, json};

use crate::sandbox::flagsmith::Flagsmith;
use crate::sandbox::flagsmith::flags::{FeatureChange, NewFeature};
use crate::sandbox::flagsmith::model::Who;
use crate::sandbox::flagsmith::states::{Change, Save};
use crate::sandbox::flagsmith::value::Value;
use crate::sandbox::flagsmith::versions::VersionChange;
use crate::sandbox::flagsmith::world::World;

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
    pub(in crate::sandbox::flagsmith) fn named(&mut self, who: &str) -> Who {
        if who.contains('@') {
            let found = self.users.values().find(|user| user.email == who).map(|user| user.id);
            return Who::User(found.unwrap_or_else(|| self.new_user(who, "", "")));
        }
        let found = self.keys.values().find(|key| key.name == who).map(|key| key.id);
        let organisation = self.organisations.keys().next().copied().unwrap_or_default();
        Who::Key(found.unwrap_or_else(|| self.new_key(organisation, who)))
    }

    /// What somebody is called in logs: a user by e-mail address, a key by name.
    pub(in crate::sandbox::flagsmith) fn name_of(&self, who: Who) -> String {
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

    pub(in crate::sandbox::flagsmith) fn versioned(&self, environment: u64) -> bool {
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
    pub(in crate::sandbox::flagsmith) fn new(flagsmith: Flagsmith, who: Who, project: u64) -> Self {
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

    /// Becomes a flag's owner, the only one.
    ///
    /// # Errors
    ///
    /// When it is not there.
    pub fn own(&self, flag: &str) -> Done {
        self.on_flag(flag, |world, feature| {
            if let (Who::User(me), Some(found)) = (self.who, world.features.get_mut(&feature)) {
                found.owners = vec![me];
            }
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
