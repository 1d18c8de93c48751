//! What flags are set to, in every environment.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;
use tracing::Instrument as _;

use super::Unleash;
use super::catalog::Known;
use super::wire::{Environment, Strategy};
use crate::domain::{self, EnvironmentState, FlagRef, FlagState};
use crate::flags::share::percent;
use crate::flags::{Provided, ProviderError};

impl Unleash {
    pub(super) async fn state_of(&self, flag: &FlagRef, internal_id: &str) -> Provided<Option<FlagState>> {
        let found = self.find(&flag.key).await?;
        let Some(known) = found.filter(|known| known.feature.internal_id() == internal_id) else {
            return Ok(None);
        };
        if !known.archived {
            return Ok(Some(self.as_state(&known)));
        }
        let feature = self.with_strategies(&known.feature).await?;
        Ok(Some(self.as_state(&Known { feature, ..known })))
    }

    /// One request a flag that is not archived: Unleash has no list with strategies and the moment at which flags were made. The client keeps few of
    /// them under way.
    pub(super) async fn states_of(&self, flags: &[(FlagRef, String)]) -> Provided<Vec<Option<FlagState>>> {
        let mut reads = JoinSet::new();
        for (place, (flag, internal_id)) in flags.iter().cloned().enumerate() {
            let unleash = self.clone();
            let read = async move { (place, unleash.state_of(&flag, &internal_id).await) };
            reads.spawn(read.in_current_span());
        }
        let mut states = vec![None; flags.len()];
        while let Some(read) = reads.join_next().await {
            let (place, state) = read
                .map_err(|_| ProviderError::Strange(format!("reading from {} was broken off", self.name)))?;
            if let Some(slot) = states.get_mut(place) {
                *slot = state?;
            }
        }
        Ok(states)
    }

    fn as_state(&self, known: &Known) -> FlagState {
        let mut environments: Vec<&Environment> = known.feature.environments.iter().collect();
        environments.sort_by(|a, b| (a.sort_order, &a.name).cmp(&(b.sort_order, &b.name)));
        FlagState {
            environments: environments
                .into_iter()
                // One in the archive is given to nobody, whatever it says of its environments.
                .map(|one| self.in_environment(&known.feature.name, one, known.archived))
                .collect(),
            archived: known.archived,
            archived_is_off: true,
            stale: known.feature.stale,
        }
    }

    fn in_environment(&self, key: &str, environment: &Environment, archived: bool) -> EnvironmentState {
        let mut state = EnvironmentState {
            environment: environment.name.clone(),
            on: environment.enabled && !archived,
            digest: digest(&environment.strategies),
            url: Some(self.page(key)),
            ..EnvironmentState::default()
        };
        let live: Vec<&Strategy> = environment.strategies.iter().filter(|one| !one.disabled).collect();
        match live.as_slice() {
            // Without a strategy that counts, Unleash's own programs take it for on for everybody.
            [] => {}
            [only] if !is_limited(only) => state.rollout = share(only).filter(|share| *share < 100.0),
            several => {
                state.strategies = several
                    .iter()
                    .map(|one| domain::Strategy {
                        name: one.name.clone(),
                        share: share(one),
                        limited: is_limited(one),
                    })
                    .collect();
            }
        }
        for variant in live.iter().flat_map(|one| &one.variants) {
            let known = state.variants.iter().any(|known| known.name == variant.name);
            if !known {
                state.variants.push(domain::Variant {
                    name: variant.name.clone(),
                    // Several strategies may give it to different shares.
                    share: variant
                        .weight
                        .filter(|_| live.len() == 1)
                        .and_then(|weight| percent(weight / 10.0)),
                });
            }
        }
        state
    }
}

/// For what share of users a strategy is, in percent, where it goes by one.
pub(super) fn share(strategy: &Strategy) -> Option<f64> {
    let rollout = strategy.parameters.get("rollout").or_else(|| strategy.parameters.get("percentage"))?;
    let share = match rollout {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    share.and_then(percent)
}

/// Whether a strategy is for some users only, whatever its share.
pub(super) fn is_limited(strategy: &Strategy) -> bool {
    let plain = matches!(
        strategy.name.as_str(),
        "default"
            | "flexibleRollout"
            | "gradualRolloutRandom"
            | "gradualRolloutUserId"
            | "gradualRolloutSessionId"
    );
    !plain || !strategy.constraints.is_empty() || !strategy.segments.is_empty()
}

/// A digest of what the rest of a state does not show: constraints, segments, payloads, disabled strategies. Unleash's ids do
/// not go in, nor does what a plain strategy for everybody has; so its coming and going is no change.
fn digest(strategies: &[Strategy]) -> String {
    let mut hash = Sha256::new();
    let mut empty = true;
    for one in strategies {
        let parameters: Vec<(&String, &Value)> = one
            .parameters
            .iter()
            .filter(|(name, value)| match name.as_str() {
                "rollout" | "percentage" | "groupId" => false,
                "stickiness" => *value != "default",
                _ => true,
            })
            .collect();
        let variants: Vec<Value> =
            one.variants.iter().map(|one| json!([one.name, one.weight, one.rest])).collect();
        let special = one.disabled || is_limited(one) || !parameters.is_empty() || !variants.is_empty();
        if !special {
            continue;
        }
        empty = false;
        let part = json!([
            one.name,
            one.disabled,
            one.disabled.then(|| share(one)),
            parameters,
            one.constraints,
            one.segments,
            variants
        ]);
        hash.update(part.to_string().as_bytes());
        hash.update([0]);
    }
    if empty { String::new() } else { hex::encode(hash.finalize()).chars().take(32).collect() }
}
