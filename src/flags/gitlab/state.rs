//! What a flag is set to in each environment. GitLab has no such field: a flag is on where it is active and one of its
//! strategies counts.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::plan::counts;
use super::scope::folded;
use crate::domain::{EnvironmentState, FlagState, Strategy};
use crate::flags::share::percent;
use crate::gitlab::{Environment, FeatureFlag, FlagStrategy};

/// The environments of a flag: GitLab's, folders folded, and those that its strategies name; by tier, then by name.
pub(super) fn environments_of(known: &[Environment], flag: &FeatureFlag) -> Vec<String> {
    let mut all: Vec<(u8, String)> =
        known.iter().map(|one| (tier(one.tier.as_deref()), folded(&one.name))).collect();
    for scope in flag.strategies.iter().flat_map(|strategy| &strategy.scopes) {
        if !all.iter().any(|(_, name)| *name == scope.environment_scope) {
            let name = scope.environment_scope.clone();
            let at = known.iter().find(|one| one.name == name).map_or(4, |one| tier(one.tier.as_deref()));
            all.push((at, name));
        }
    }
    all.sort();
    let mut names: Vec<String> = Vec::with_capacity(all.len());
    for (_, name) in all {
        if name != "*" && !names.contains(&name) {
            names.push(name);
        }
    }
    if names.is_empty() {
        names.push("*".to_owned());
    }
    names
}

fn tier(name: Option<&str>) -> u8 {
    match name {
        Some("production") => 0,
        Some("staging") => 1,
        Some("testing") => 2,
        Some("development") => 3,
        _ => 4,
    }
}

/// The state in these environments.
pub(super) fn state_in(environments: &[String], flag: &FeatureFlag, page: &str) -> FlagState {
    let environments = environments.iter().map(|name| environment_state(name, flag, page)).collect();
    FlagState { environments, ..FlagState::default() }
}

fn environment_state(name: &str, flag: &FeatureFlag, page: &str) -> EnvironmentState {
    let here: Vec<&FlagStrategy> = flag.strategies.iter().filter(|one| counts(one, name)).collect();
    let on = flag.active && !here.is_empty();
    let mut state = EnvironmentState {
        environment: name.to_owned(),
        on,
        digest: digest(&here),
        url: Some(page.to_owned()),
        ..EnvironmentState::default()
    };
    if on {
        let mut strategies: Vec<Strategy> = here.iter().map(|one| told(one)).collect();
        match strategies.as_slice() {
            [one] if !one.limited => state.rollout = one.share.filter(|share| *share < 100.0),
            _ => {
                strategies.sort_by(|a, b| {
                    a.name.cmp(&b.name).then(a.share.unwrap_or(100.0).total_cmp(&b.share.unwrap_or(100.0)))
                });
                state.strategies = strategies;
            }
        }
    }
    state
}

fn told(strategy: &FlagStrategy) -> Strategy {
    let share = |name: &str| {
        let value = strategy.parameters.get(name)?;
        value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).and_then(percent)
    };
    Strategy {
        name: strategy.name.clone(),
        share: match strategy.name.as_str() {
            "gradualRolloutUserId" => share("percentage"),
            "flexibleRollout" => share("rollout"),
            _ => None,
        },
        limited: !matches!(strategy.name.as_str(), "default" | "gradualRolloutUserId" | "flexibleRollout"),
    }
}

/// Who is chosen, and how users are told apart; empty where there is nothing to tell.
fn digest(strategies: &[&FlagStrategy]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for strategy in strategies {
        let of = |name: &str| strategy.parameters.get(name).cloned().unwrap_or_default();
        match strategy.name.as_str() {
            "default" | "gradualRolloutUserId" => {}
            "flexibleRollout" if of("stickiness").as_str().is_none_or(|text| text == "default") => {}
            "flexibleRollout" => parts.push(json!(["stickiness", of("stickiness")]).to_string()),
            "userWithId" => parts.push(json!(["users", of("userIds")]).to_string()),
            "gitlabUserList" => {
                let list = strategy.user_list.as_ref();
                let part = |name: &str| list.and_then(|list| list.get(name)).cloned().unwrap_or(Value::Null);
                parts.push(json!(["list", part("iid"), part("user_xids")]).to_string());
            }
            other => parts.push(json!([other, strategy.parameters]).to_string()),
        }
    }
    if parts.is_empty() {
        return String::new();
    }
    parts.sort_unstable();
    hex::encode(Sha256::digest(parts.join("\0").as_bytes())).chars().take(32).collect()
}
