//! A digest of what overrides and variants are set to.
//!
//! Only what people mean goes in. Flagsmith's ids of states and of the places of segments do not: in an environment with
//! versions every save makes new ones, and a save that changed nothing is no change.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::wire::{FeatureSegment, FullState};

/// The digest; empty where there is nothing to tell.
pub(super) fn of(options: &[Value], states: &[FullState], segments: &[FeatureSegment]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for option in options {
        let part = |name: &str| option.get(name).cloned().unwrap_or_default();
        parts.push(
            json!([
                "option",
                part("id"),
                part("type"),
                part("string_value"),
                part("integer_value"),
                part("boolean_value")
            ])
            .to_string(),
        );
    }
    for state in states {
        let weights = weights(state);
        let overrides = !state.feature_segment.is_null() || !state.identity.is_null();
        // The default itself shows in the state; of it only the weights count here.
        if overrides {
            parts.push(
                json!([
                    "override",
                    segment(state, segments),
                    state.identity,
                    state.enabled,
                    typed(&state.feature_state_value),
                    weights
                ])
                .to_string(),
            );
        } else if !weights.is_empty() {
            parts.push(json!(["default", weights]).to_string());
        }
    }
    if parts.is_empty() {
        return String::new();
    }
    parts.sort_unstable();
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hex::encode(hash.finalize()).chars().take(32).collect()
}

/// Which segment an override is for, and at which place it counts.
fn segment(state: &FullState, segments: &[FeatureSegment]) -> Value {
    match &state.feature_segment {
        Value::Null => Value::Null,
        Value::Object(parts) => {
            json!([parts.get("segment"), parts.get("priority")])
        }
        number => segments
            .iter()
            .find(|segment| number.as_u64() == Some(segment.id))
            .map_or(Value::Null, |segment| json!([segment.segment, segment.priority])),
    }
}

/// Values without the fields that say nothing.
fn typed(value: &Value) -> Value {
    let Value::Object(parts) = value else { return value.clone() };
    ["type", "value", "string_value", "integer_value", "boolean_value"]
        .iter()
        .map(|name| parts.get(*name).cloned().unwrap_or_default())
        .collect()
}

/// How much of each variant there is, in a stable order.
fn weights(state: &FullState) -> Vec<String> {
    let mut weights: Vec<String> = state
        .multivariate_feature_state_values
        .iter()
        .map(|value| {
            let option = match value.get("multivariate_feature_option") {
                Some(Value::Object(option)) => option.get("id").cloned().unwrap_or_default(),
                other => other.cloned().unwrap_or_default(),
            };
            json!([option, value.get("percentage_allocation")]).to_string()
        })
        .collect();
    weights.sort_unstable();
    weights
}
