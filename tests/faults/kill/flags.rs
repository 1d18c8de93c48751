//! The flags of three services: who changes them, and what they truly are.

use std::collections::BTreeSet;

use flaglink::sandbox::flagsmith::{Flagsmith, Person as FlagsmithPerson, Value, Who};
use flaglink::sandbox::gitlab::{FeatureFlag, FlagEdit, Gitlab};
use flaglink::sandbox::unleash::{Person as UnleashPerson, Unleash};
use serde_json::{Value as Json, json};

use super::chance::Chance;

/// Flags that only people change, at any moment. Every service has all of these keys.
const CHANGED: [&str; 3] = ["f0", "f1", "f2"];
/// Flags that are also switched by commands.
const SWITCHED: [&str; 2] = ["s0", "s1"];

/// Unleash's id of whoever acts with an admin token.
const UNLEASH_TOKENS: i64 = -42;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Service {
    Flagsmith,
    Unleash,
    Gitlab,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flag {
    pub(super) service: Service,
    pub(super) key: &'static str,
}

/// A flag in one environment.
pub(super) type Spot = (Flag, &'static str);

/// One change of a flag that is switched by commands, as its service kept it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) by_bot: bool,
    pub(super) on: bool,
}

impl Service {
    const ALL: [Self; 3] = [Self::Flagsmith, Self::Unleash, Self::Gitlab];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flagsmith => "flagsmith",
            Self::Unleash => "unleash",
            Self::Gitlab => "gitlab",
        }
    }

    pub(super) fn environments(self) -> [&'static str; 2] {
        match self {
            Self::Unleash => ["development", "production"],
            Self::Flagsmith | Self::Gitlab => ["staging", "production"],
        }
    }
}

impl Flag {
    /// All flags there are.
    pub(super) fn all() -> Vec<Self> {
        let keys = || CHANGED.into_iter().chain(SWITCHED);
        Service::ALL.into_iter().flat_map(|service| keys().map(move |key| Self { service, key })).collect()
    }

    /// How people name it, so that no other is meant.
    pub(super) fn name(self) -> String {
        format!("{}:{}", self.service.name(), self.key)
    }

    /// Whether it is one that is also switched by commands.
    pub(super) fn is_switched(self) -> bool {
        SWITCHED.contains(&self.key)
    }

    /// Where it is switched. One of GitLab's that is off as a whole can only go on where its strategies say.
    pub(super) fn spots(self) -> Vec<Spot> {
        let all = self.service.environments();
        match (self.service, self.key) {
            (Service::Gitlab, "s0") => vec![(self, "production")],
            (Service::Gitlab, _) => vec![(self, "staging")],
            _ => all.map(|environment| (self, environment)).to_vec(),
        }
    }
}

pub(super) struct Services {
    pub(super) flagsmith: Flagsmith,
    /// Flagsmith's project.
    pub(super) project: u64,
    pub(super) unleash: Unleash,
    gitlab: Gitlab,
    ada: FlagsmithPerson,
    uma: UnleashPerson,
    shop: u64,
    tobias: u64,
    bot: u64,
}

impl Services {
    pub(super) async fn new(gitlab: Gitlab, shop: u64, tobias: u64, bot: u64) -> Self {
        let flagsmith = Flagsmith::start().await.unwrap();
        flagsmith.take_private_addresses(true);
        let project = flagsmith.new_project("Web shop");
        let ada = flagsmith.person("ada@example.com", project);
        for environment in Service::Flagsmith.environments() {
            ada.new_environment(environment).unwrap();
        }
        let unleash = Unleash::start().await.unwrap();
        unleash.take_private_addresses(true);
        // What a real one allows in a minute is less than this story needs.
        unleash.limit_searches(None);
        let uma = unleash.person("uma");
        for environment in Service::Gitlab.environments() {
            gitlab.environment(shop, environment, environment);
        }
        for flag in Flag::all() {
            match flag.service {
                Service::Flagsmith => ada.new_flag(flag.key, false, "blue").map(drop).unwrap(),
                Service::Unleash => uma.new_flag(flag.key, "").unwrap(),
                Service::Gitlab => {
                    let scope = if flag.is_switched() { flag.spots()[0].1 } else { "production" };
                    gitlab.new_feature_flag(tobias, shop, flag.key, true, vec![for_all(scope)]).unwrap();
                }
            }
        }
        Self { flagsmith, project, unleash, gitlab, ada, uma, shop, tobias, bot }
    }

    /// Somebody changes a flag that no command switches.
    pub(super) fn change(&self, flag: Flag, chance: &mut Chance) {
        let environment = chance.of(&flag.service.environments());
        match flag.service {
            Service::Flagsmith => {
                let value = chance.of(&["red", "green", "blue"]);
                self.ada.set(flag.key, environment, chance.once_in(2), value).unwrap();
            }
            Service::Unleash => {
                if chance.once_in(3) {
                    self.uma.rollout(flag.key, environment, chance.of(&[25, 50, 100])).unwrap();
                } else {
                    self.uma.switch(flag.key, environment, chance.once_in(2)).unwrap();
                }
            }
            Service::Gitlab => {
                let there = self.gitlabs(flag);
                let edit = if chance.once_in(2) {
                    FlagEdit { active: Some(!there.active), ..FlagEdit::default() }
                } else {
                    // GitLab sends no webhook for this.
                    let strategy = there
                        .strategies
                        .iter()
                        .find(|one| one.scopes.iter().any(|scope| scope.environment_scope == environment));
                    let entry = strategy.map_or_else(
                        || for_all(environment),
                        |strategy| json!({ "id": strategy.id, "_destroy": true }),
                    );
                    FlagEdit { strategies: vec![entry], ..FlagEdit::default() }
                };
                self.gitlab.edit_feature_flag(self.tobias, self.shop, flag.key, edit).unwrap();
            }
        }
    }

    /// Somebody switches a flag that is switched by commands, too.
    pub(super) fn turn(&self, (flag, environment): Spot, on: bool) {
        match flag.service {
            Service::Flagsmith => self.ada.switch(flag.key, environment, on).unwrap(),
            Service::Unleash => self.uma.switch(flag.key, environment, on).unwrap(),
            Service::Gitlab => self.gitlab.set_flag_active(self.tobias, self.shop, flag.key, on).unwrap(),
        }
    }

    pub(super) fn is_on(&self, (flag, environment): Spot) -> bool {
        match flag.service {
            Service::Flagsmith => self.ada.state(flag.key, environment).unwrap().0,
            Service::Unleash => self.uma.is_on(flag.key, environment).unwrap(),
            Service::Gitlab => {
                let there = self.gitlabs(flag);
                let mut scopes = there.strategies.iter().flat_map(|strategy| &strategy.scopes);
                there.active && scopes.any(|scope| scope.environment_scope == environment)
            }
        }
    }

    /// What a panel has to say of it there.
    pub(super) fn cell(&self, flag: Flag, environment: &str) -> String {
        let Some(environment) = flag.service.environments().into_iter().find(|one| *one == environment)
        else {
            return "–".to_owned();
        };
        let mut cell = if self.is_on((flag, environment)) { "🟢 on" } else { "⚪ off" }.to_owned();
        match flag.service {
            Service::Flagsmith => cell.push_str(&format!(" `{}`", self.value(flag, environment))),
            Service::Unleash => {
                let strategies = self.uma.strategies(flag.key, environment).unwrap();
                let share = strategies.first().and_then(|one| one.parameters["rollout"].as_str());
                if let (true, Some(share)) = (cell.contains("on"), share.filter(|share| *share != "100")) {
                    cell.push_str(&format!(" for {share} %"));
                }
            }
            Service::Gitlab => {}
        }
        cell
    }

    pub(super) fn value(&self, flag: Flag, environment: &str) -> String {
        match self.ada.state(flag.key, environment).unwrap().1 {
            Value::Text(text) => text,
            other => panic!("{other:?}"),
        }
    }

    /// The pages that stand on a flag, once for each time; `None` where the service has no place for them.
    pub(super) fn links(&self, flag: Flag) -> Option<Vec<String>> {
        match flag.service {
            Service::Flagsmith => Some(self.ada.links(flag.key).unwrap()),
            Service::Unleash => {
                Some(self.uma.links(flag.key).unwrap().into_iter().map(|link| link.url).collect())
            }
            Service::Gitlab => None,
        }
    }

    /// How often a flag was changed there since it was made, and by whom, as its service kept it.
    pub(super) fn turns(&self, (flag, environment): Spot) -> Vec<Turn> {
        match flag.service {
            Service::Flagsmith => self.flagsmith.read(|world| {
                let feature = world.feature_named(self.project, flag.key).unwrap().id;
                let environment = world.environment_named(self.project, environment).unwrap().id;
                let saves = &world.default_state(environment, feature).unwrap().saves;
                let saves = saves.iter().skip(1);
                saves.map(|save| Turn { by_bot: matches!(save.by, Who::Key(_)), on: save.enabled }).collect()
            }),
            Service::Unleash => self.unleash.read(|world| {
                let events = world.events.iter().filter(|event| {
                    event.feature.as_deref() == Some(flag.key)
                        && event.environment.as_deref() == Some(environment)
                });
                events
                    .filter_map(|event| {
                        let on = match event.kind {
                            "feature-environment-enabled" => true,
                            "feature-environment-disabled" => false,
                            _ => return None,
                        };
                        Some(Turn { by_bot: event.by.id == UNLEASH_TOKENS, on })
                    })
                    .collect()
            }),
            Service::Gitlab => {
                let edits = self.gitlabs(flag).edits;
                edits.iter().map(|edit| Turn { by_bot: edit.by == self.bot, on: edit.active }).collect()
            }
        }
    }

    /// The values that a flag of Flagsmith's had there one after the other, without the one that it was made with.
    pub(super) fn values(&self, (flag, environment): Spot) -> Vec<String> {
        if flag.service != Service::Flagsmith {
            return Vec::new();
        }
        self.flagsmith.read(|world| {
            let feature = world.feature_named(self.project, flag.key).unwrap().id;
            let environment = world.environment_named(self.project, environment).unwrap().id;
            let values = world.default_state(environment, feature).unwrap().values.iter().skip(1);
            values
                .map(|value| match value {
                    Value::Text(text) => text.clone(),
                    other => panic!("{other:?}"),
                })
                .collect()
        })
    }

    fn gitlabs(&self, flag: Flag) -> FeatureFlag {
        self.gitlab.read(|model| model.feature_flag(self.shop, flag.key).cloned()).unwrap()
    }
}

/// Pages without double ones, and whether there were any.
pub(super) fn once(pages: &[String]) -> (BTreeSet<&str>, bool) {
    let different: BTreeSet<&str> = pages.iter().map(String::as_str).collect();
    let doubled = different.len() < pages.len();
    (different, doubled)
}

/// A strategy for everybody in a scope, as GitLab's API takes it.
fn for_all(scope: &str) -> Json {
    json!({ "name": "default", "parameters": {}, "scopes": [{ "environment_scope": scope }] })
}
