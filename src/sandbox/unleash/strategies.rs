//! What can be done to strategies.

use serde_json::{Map, Value as Json, json};

use super::clock::ulid;
use super::events::happened;
use super::model::{Actor, Strategy, StrategyChange};
use super::view;
use super::world::World;

impl World {
    /// Adds a strategy. Returns its id; empty where there is no such flag.
    pub fn add_strategy(&mut self, by: &Actor, name: &str, environment: &str, new: StrategyChange) -> String {
        self.add_strategy_in(by, name, environment, new, &ulid())
    }

    pub(super) fn add_strategy_in(
        &mut self,
        by: &Actor,
        name: &str,
        environment: &str,
        new: StrategyChange,
        group: &str,
    ) -> String {
        let Some(state) = self.state_mut(name, environment) else { return String::new() };
        let sort_order = state.strategies.iter().map(|known| known.sort_order + 1).max().unwrap_or_default();
        let kind = new.name.clone().unwrap_or_default();
        let mut strategy = Strategy {
            id: ulid(),
            parameters: usual_parameters(&kind, name),
            name: kind,
            title: None,
            disabled: false,
            constraints: json!([]),
            variants: json!([]),
            segments: json!([]),
            sort_order,
        };
        apply(&mut strategy, new);
        let (id, shown) = (strategy.id.clone(), view::strategy(&strategy));
        state.strategies.push(strategy);
        let added = happened("feature-strategy-add").with(shown).in_environment(environment);
        self.tell(by, name, added.group(Some(group)));
        id
    }

    /// Changes a strategy. `false` where there is none of that id.
    pub fn change_strategy(
        &mut self,
        by: &Actor,
        name: &str,
        environment: &str,
        id: &str,
        change: StrategyChange,
    ) -> bool {
        let found = self
            .state_mut(name, environment)
            .and_then(|state| state.strategies.iter_mut().find(|strategy| strategy.id == id));
        let Some(strategy) = found else { return false };
        let before = view::strategy(strategy);
        apply(strategy, change);
        let after = view::strategy(strategy);
        let group = ulid();
        let changed = happened("feature-strategy-update").with(after).was(before);
        self.tell(by, name, changed.in_environment(environment).group(Some(&group)));
        self.off_without_strategies(by, name, environment, &group);
        true
    }

    /// Takes a strategy away. `false` where there is none of that id.
    pub fn remove_strategy(&mut self, by: &Actor, name: &str, environment: &str, id: &str) -> bool {
        let Some(state) = self.state_mut(name, environment) else { return false };
        let Some(place) = state.strategies.iter().position(|strategy| strategy.id == id) else {
            return false;
        };
        let before = view::strategy(&state.strategies.remove(place));
        let group = ulid();
        let removed = happened("feature-strategy-remove").was(before).in_environment(environment);
        self.tell(by, name, removed.group(Some(&group)));
        self.off_without_strategies(by, name, environment, &group);
        true
    }

    /// A flag whose last enabled strategy goes is switched off (not recorded).
    fn off_without_strategies(&mut self, by: &Actor, name: &str, environment: &str, group: &str) {
        let state = self.state(name, environment);
        if state.is_some_and(|state| state.strategies.iter().all(|strategy| strategy.disabled)) {
            self.set_enabled(by, name, environment, false, group);
        }
    }
}

/// What Unleash adds to the parameters that were sent.
fn usual_parameters(kind: &str, flag: &str) -> Map<String, Json> {
    match json!({ "groupId": flag, "rollout": "100", "stickiness": "default" }) {
        Json::Object(usual) if kind == "flexibleRollout" => usual,
        _ => Map::new(),
    }
}

fn apply(strategy: &mut Strategy, change: StrategyChange) {
    if let Some(name) = change.name {
        strategy.name = name;
    }
    if let Some(title) = change.title {
        strategy.title = title;
    }
    strategy.disabled = change.disabled.unwrap_or(strategy.disabled);
    if let Some(constraints) = change.constraints {
        strategy.constraints = constraints;
    }
    if let Some(parameters) = change.parameters {
        strategy.parameters.extend(parameters);
    }
    if let Some(variants) = change.variants {
        strategy.variants = variants;
    }
    if let Some(segments) = change.segments {
        strategy.segments = segments;
    }
    strategy.sort_order = change.sort_order.unwrap_or(strategy.sort_order);
}
