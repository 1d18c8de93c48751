//! The variants of a multivariate flag: what users may get in place of the value.

use serde_json::Value;

use super::wire::{FullState, plain};
use crate::domain::Variant;

/// Those that somebody gets by default in an environment, in Flagsmith's order, each by its value. What is left of all users gets
/// the value itself.
pub(super) fn of(options: &[Value], default: &FullState) -> Vec<Variant> {
    let share_of = |id: u64| {
        let of_it =
            default.multivariate_feature_state_values.iter().find(|value| option_of(value) == Some(id))?;
        of_it.get("percentage_allocation")?.as_f64().filter(|share| *share > 0.0)
    };
    let variant = |option: &Value| {
        let share = share_of(option.get("id")?.as_u64()?)?;
        Some(Variant { name: plain(option).unwrap_or_default(), share: Some(share) })
    };
    options.iter().filter_map(variant).collect()
}

/// Which option a weight is of: by its number, or all of it.
fn option_of(weight: &Value) -> Option<u64> {
    let option = weight.get("multivariate_feature_option")?;
    option.as_u64().or_else(|| option.get("id")?.as_u64())
}

/// Those that a webhook says of a default; `None` where it says none.
pub(super) fn claimed(state: &Value) -> Option<Vec<Variant>> {
    let weights = state.get("multivariate_feature_state_values")?.as_array().filter(|all| !all.is_empty())?;
    let variant = |weight: &Value| {
        let share = weight.get("percentage_allocation")?.as_f64().filter(|share| *share > 0.0)?;
        let name = plain(weight.get("multivariate_feature_option")?).unwrap_or_default();
        Some(Variant { name, share: Some(share) })
    };
    Some(weights.iter().filter_map(variant).collect())
}
