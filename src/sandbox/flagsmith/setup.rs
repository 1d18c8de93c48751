//! Making what flags live in: organisations, people, keys, projects, environments, segments, identities.

use super::events::About;
use super::model::{Environment, Identity, Key, Organisation, Project, Saved, Segment, State, User, Who};
use super::value::Value;
use super::world::World;

impl World {
    /// A new organisation.
    pub fn new_organisation(&mut self, name: &str) -> u64 {
        let id = self.next_id("organisation");
        let organisation = Organisation {
            id,
            uuid: self.mint.uuid(),
            subscription: self.mint.uuid(),
            name: name.to_owned(),
            created: self.clock.now(),
        };
        self.organisations.insert(id, organisation);
        id
    }

    /// A new user.
    pub fn new_user(&mut self, email: &str, first_name: &str, last_name: &str) -> u64 {
        let id = self.next_id("user");
        let user = User {
            id,
            uuid: self.mint.uuid(),
            email: email.to_owned(),
            first_name: first_name.to_owned(),
            last_name: last_name.to_owned(),
            token: self.mint.hex(),
            joined: self.clock.now(),
        };
        self.users.insert(id, user);
        id
    }

    /// A new master API key.
    pub fn new_key(&mut self, organisation: u64, name: &str) -> u64 {
        let id = self.next_id("key");
        let key = Key {
            id,
            organisation,
            name: name.to_owned(),
            secret: format!("{}.{}", self.mint.token(8), self.mint.token(32)),
            created: self.clock.now(),
            revoked: false,
        };
        self.keys.insert(id, key);
        id
    }

    /// A new project. It is not in the audit log.
    pub fn new_project(&mut self, organisation: u64, name: &str) -> u64 {
        let id = self.next_id("project");
        let project = Project {
            id,
            uuid: self.mint.uuid(),
            name: name.to_owned(),
            organisation,
            feature_name_regex: None,
        };
        self.projects.insert(id, project);
        id
    }

    /// A new environment, in which every feature of the project gets its initial state. Of these, nothing is
    /// told.
    pub fn new_environment(&mut self, by: Who, project: u64, name: &str) -> u64 {
        let id = self.next_id("environment");
        let environment = Environment {
            id,
            uuid: self.mint.uuid(),
            name: name.to_owned(),
            api_key: self.mint.token(22),
            project,
            minimum_change_request_approvals: None,
            use_v2_feature_versioning: false,
        };
        self.environments.insert(id, environment);
        let at = self.clock.now();
        let log = format!("New Environment created: {name}");
        self.audit(at, by, project, Some(id), About::Environment(id), log);
        for feature in self.features_in(project) {
            self.new_default_state(by, id, feature);
        }
        id
    }

    /// A new segment.
    pub fn new_segment(
        &mut self,
        by: Who,
        project: u64,
        name: &str,
        description: Option<&str>,
        rules: serde_json::Value,
    ) -> u64 {
        let id = self.next_id("segment");
        let segment = Segment {
            id,
            uuid: self.mint.uuid(),
            project,
            name: name.to_owned(),
            description: description.map(str::to_owned),
            rules,
            created: self.clock.now(),
        };
        let at = segment.created;
        self.segments.insert(id, segment);
        self.audit(at, by, project, None, About::Segment(id), format!("New Segment created: {name}"));
        id
    }

    /// The identity of that identifier in an environment, made where there is none.
    pub fn identity(&mut self, environment: u64, identifier: &str) -> u64 {
        let found = self
            .identities
            .values()
            .find(|identity| identity.environment == environment && identity.identifier == identifier);
        if let Some(identity) = found {
            return identity.id;
        }
        let id = self.next_id("identity");
        self.identities.insert(id, Identity { id, environment, identifier: identifier.to_owned() });
        id
    }

    /// The initial state of a feature in an environment. Returns its id.
    pub(super) fn new_default_state(&mut self, by: Who, environment: u64, feature: u64) -> Option<u64> {
        let made_of = self.features.get(&feature)?;
        let enabled = made_of.default_enabled;
        let value = Value::from_initial(made_of.initial_value.as_deref());
        let options: Vec<(u64, f64)> =
            made_of.options.iter().map(|option| (option.id, option.share)).collect();
        let mut state = self.new_state(by, environment, feature, enabled, value);
        state.shares = options.into_iter().map(|(option, percent)| self.new_share(option, percent)).collect();
        let id = state.id;
        self.states.insert(id, state);
        Some(id)
    }

    pub(super) fn new_share(&mut self, option: u64, percent: f64) -> super::model::Share {
        super::model::Share { id: self.next_id("share"), uuid: self.mint.uuid(), option, percent }
    }

    /// A state that is not yet in the table.
    pub(super) fn new_state(
        &mut self,
        by: Who,
        environment: u64,
        feature: u64,
        enabled: bool,
        value: Value,
    ) -> State {
        let live_from = self.clock.now();
        let created = self.clock.now();
        let updated = self.clock.now();
        State {
            id: self.next_id("state"),
            uuid: self.mint.uuid(),
            feature,
            environment,
            identity: None,
            feature_segment: None,
            version: None,
            enabled,
            value: value.clone(),
            shares: Vec::new(),
            created,
            updated,
            live_from: Some(live_from),
            saves: vec![Saved { at: self.clock.now(), enabled, by }],
            values: vec![value],
        }
    }
}
