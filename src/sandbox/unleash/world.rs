//! All that the sandbox Unleash knows, and finding and setting up things in it.

use std::collections::BTreeMap;

use serde_json::json;

use super::clock::{Stamp, secret};
use super::deliveries::{Delivery, Outgoing};
use super::model::{Actor, Addon, Environment, Event, Feature, Project, TagType, Token};

/// Everything the sandbox Unleash knows.
#[derive(Debug, Default)]
pub struct World {
    /// Whether private and loopback addresses are taken for webhooks, as with `UNLEASH_ALLOW_LIST_INTEGRATION`.
    pub private_addresses: bool,
    /// How many searches for flags are answered in a minute; `None`: any number.
    pub searches: Option<u64>,
    /// Whether it is the enterprise edition: it has change requests.
    pub enterprise: bool,
    /// The version that it says it is.
    pub version: String,
    /// Tokens of the Admin API, oldest first.
    pub tokens: Vec<Token>,
    /// People: their ids by name.
    pub users: BTreeMap<String, i64>,
    /// Environments, in their order.
    pub environments: Vec<Environment>,
    /// Projects, oldest first.
    pub projects: Vec<Project>,
    /// Flags, oldest first, archived ones too.
    pub features: Vec<Feature>,
    /// Types of tags, oldest first.
    pub tag_types: Vec<TagType>,
    /// All events, oldest first.
    pub events: Vec<Event>,
    /// Webhooks, oldest first.
    pub addons: Vec<Addon>,
    pub(super) last_addon: u64,
    pub(super) last_event: u64,
    /// When the present minute of searches began, and how many there were in it.
    pub(super) searched: Option<(Stamp, u64)>,
    pub(super) outgoing: Vec<Outgoing>,
    /// What was sent until now, for whoever asks an integration for it.
    pub(super) sent: Vec<Delivery>,
}

impl World {
    /// What a new Unleash has: one project, two environments, one type of tags.
    pub(super) fn new() -> Self {
        let mut world = Self { searches: Some(15), version: "8.2.0".to_owned(), ..Self::default() };
        world.new_environment("development", "development");
        world.new_environment("production", "production");
        world.new_project("default", "Default");
        world.tag_types.push(TagType {
            name: "simple".to_owned(),
            description: Some("Used to simplify filtering of features".to_owned()),
            icon: Some("#".to_owned()),
            color: Some("#FFFFFF".to_owned()),
        });
        world.named("admin");
        world
    }

    /// Makes an environment, which no project uses yet. Does nothing where there is one of that name.
    pub fn new_environment(&mut self, name: &str, kind: &str) {
        if self.environments.iter().all(|known| known.name != name) {
            let sort_order = self.environments.iter().map(|known| known.sort_order).max().unwrap_or(1) + 1;
            self.environments.push(Environment { name: name.to_owned(), kind: kind.to_owned(), sort_order });
        }
    }

    /// Makes a project that uses all environments there are. Does nothing where there is one of that id.
    pub fn new_project(&mut self, id: &str, name: &str) {
        if self.project(id).is_none() {
            self.projects.push(Project {
                id: id.to_owned(),
                name: name.to_owned(),
                created_at: Stamp::now(),
                environments: self.environments.iter().map(|known| (known.name.clone(), None)).collect(),
            });
        }
    }

    /// Forgets all events and numbers new ones from the beginning, as with another database in which the same flags were made.
    pub fn begin_events_anew(&mut self) {
        self.events.clear();
        self.last_event = 0;
    }

    /// The project of that id.
    pub fn project(&self, id: &str) -> Option<&Project> {
        self.projects.iter().find(|project| project.id == id)
    }

    /// The environments that a project uses, in their order.
    pub fn environments_of(&self, project: &str) -> Vec<&Environment> {
        let project = self.project(project);
        let uses = |name: &str| project.is_some_and(|project| project.environments.contains_key(name));
        self.environments.iter().filter(|known| uses(&known.name)).collect()
    }

    /// The flag of that name, archived or not.
    pub fn feature(&self, name: &str) -> Option<&Feature> {
        self.features.iter().find(|feature| feature.name == name)
    }

    pub(super) fn feature_mut(&mut self, name: &str) -> Option<&mut Feature> {
        self.features.iter_mut().find(|feature| feature.name == name)
    }

    /// Whether changes in this environment of the project have to be requested, and then approved by how many.
    pub fn approvals(&self, project: &str, environment: &str) -> Option<u64> {
        self.enterprise.then(|| *self.project(project)?.environments.get(environment)?).flatten()
    }

    /// Has changes in an environment of a project requested from now on, or not any more. An Unleash that can
    /// do that is an enterprise one. `false` where project or environment are not there.
    pub fn require_approvals(&mut self, project: &str, environment: &str, approvals: Option<u64>) -> bool {
        let found = self.projects.iter_mut().find(|known| known.id == project);
        let Some(place) = found.and_then(|project| project.environments.get_mut(environment)) else {
            return false;
        };
        *place = approvals;
        self.enterprise = self.enterprise || approvals.is_some();
        true
    }

    /// The person of that name; made where there is none.
    pub fn named(&mut self, name: &str) -> Actor {
        let next = i64::try_from(self.users.len()).unwrap_or_default() + 1;
        let id = *self.users.entry(name.to_owned()).or_insert(next);
        Actor { id, name: name.to_owned() }
    }

    /// A new admin token of that name. Returns its secret.
    pub fn new_token(&mut self, name: &str) -> String {
        self.add_token(Actor { id: -42, name: name.to_owned() }, format!("*:*.{}", secret()))
    }

    /// A new personal access token. Returns its secret.
    pub fn new_personal_token(&mut self, person: &str) -> String {
        let actor = self.named(person);
        self.add_token(actor, format!("user:{}", secret()))
    }

    fn add_token(&mut self, actor: Actor, secret: String) -> String {
        self.tokens.push(Token { secret: secret.clone(), actor, revoked: false });
        secret
    }

    /// Registers a webhook for these kinds of events in all projects, without any check of its address: what
    /// an Unleash does that has it on its list of allowed hosts. Returns its id.
    pub fn add_webhook(&mut self, url: &str, authorization: Option<&str>, events: &[&str]) -> u64 {
        let mut parameters = serde_json::Map::new();
        parameters.insert("url".to_owned(), json!(url));
        if let Some(authorization) = authorization {
            parameters.insert("authorization".to_owned(), json!(authorization));
        }
        self.last_addon += 1;
        self.addons.push(Addon {
            id: self.last_addon,
            enabled: true,
            description: None,
            parameters,
            events: events.iter().map(|&event| event.to_owned()).collect(),
            projects: vec!["*".to_owned()],
            environments: Vec::new(),
            created_at: Stamp::now(),
        });
        self.last_addon
    }
}
