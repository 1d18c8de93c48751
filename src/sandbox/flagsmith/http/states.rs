//! Feature states, where no versions are used.

use serde_json::{Map, Value as Json};

use super::call::{Answer, Call, Reply, truth};
use crate::sandbox::flagsmith::model::State;
use crate::sandbox::flagsmith::states::{Change, Save};
use crate::sandbox::flagsmith::value::Value;
use crate::sandbox::flagsmith::view;

/// What setting a state in an environment with versions is answered with.
pub(super) fn versions_needed() -> Reply {
    let words =
        "This environment uses v2 feature versioning. Use the environment feature version endpoint instead.";
    Reply::detail(400, words)
}

/// The defaults of an environment: no overrides. A feature can be asked for by exact name, whatever its case,
/// or by id.
pub(super) fn in_environment(call: &mut Call<'_>) -> Answer {
    let environment = call.environment(0)?;
    let (id, project) = (environment.id, environment.project);
    if call.is("POST") {
        return Err(Reply::detail(405, "The sandbox makes no states without their feature."));
    }
    let named = call.query("feature_name").map(str::to_lowercase);
    let wanted = call.query_id("feature");
    let states: Vec<&State> = call
        .world
        .features
        .values()
        .filter(|feature| feature.project == project)
        .filter(|feature| named.as_ref().is_none_or(|named| feature.name.to_lowercase() == *named))
        .filter(|feature| wanted.is_none_or(|wanted| feature.id == wanted))
        .filter_map(|feature| call.world.default_state(id, feature.id))
        .collect();
    call.page(&states, |world, state| view::state(world, state))
}

/// The value in a body in its bare form, if it has one.
pub(super) fn bare_value(body: &Map<String, Json>) -> Result<Option<Value>, Reply> {
    match body.get("feature_state_value") {
        None => Ok(None),
        Some(json) => match Value::from_bare(json) {
            Some(value) => Ok(Some(value)),
            None => Err(Reply::invalid("feature_state_value", "Invalid value.")),
        },
    }
}

/// The value in a body in its typed form, if it has one.
pub(super) fn typed_value(body: &Map<String, Json>) -> Result<Option<Value>, Reply> {
    match body.get("feature_state_value") {
        None => Ok(None),
        Some(json @ Json::Object(_)) => match Value::from_typed(json) {
            Some(value) => Ok(Some(value)),
            None => Err(Reply::invalid("feature_state_value", "Invalid value.")),
        },
        Some(_) => Err(Reply::invalid("feature_state_value", "Invalid data. Expected a dictionary.")),
    }
}

pub(super) fn one(call: &mut Call<'_>) -> Answer {
    let environment = call.environment(0)?;
    let (environment, versioned) = (environment.id, environment.use_v2_feature_versioning);
    let id = call.id(1);
    if call.world.states.get(&id).is_none_or(|state| state.environment != environment) {
        return Err(Reply::no("FeatureState"));
    }
    match call.method.as_str() {
        "GET" => {}
        "DELETE" => {
            call.world.delete_override(call.who, id);
            return Ok(Reply::nothing(204));
        }
        _ => {
            if versioned {
                return Err(versions_needed());
            }
            let body = call.body()?;
            let change = Change { enabled: truth(&body, "enabled")?, value: bare_value(&body)? };
            call.world.change_state(call.who, id, &change, Save::Always);
        }
    }
    let state = call.world.states.get(&id).ok_or_else(|| Reply::no("FeatureState"))?;
    Ok(Reply::ok(view::state(call.world, state)))
}

/// States with segment overrides, but without identity overrides.
pub(super) fn everywhere(call: &mut Call<'_>) -> Answer {
    let Some(environment) = call.query_id("environment") else {
        return Err(Reply::invalid("environment", "This field is required."));
    };
    let known = call.world.environments.get(&environment);
    let project = match known {
        Some(environment) if call.may_see_project(environment.project) => environment.project,
        _ => return Err(Reply::no("Environment")),
    };
    if call.is("POST") {
        return Err(Reply::detail(405, "The sandbox makes no states without their feature."));
    }
    let wanted = call.query_id("feature");
    let states: Vec<&State> = call
        .world
        .features
        .values()
        .filter(|feature| feature.project == project)
        .filter(|feature| wanted.is_none_or(|wanted| feature.id == wanted))
        .flat_map(|feature| call.world.live_states(environment, feature.id))
        .collect();
    call.page(&states, |world, state| view::state_typed(world, state))
}

/// Changes any state by its id, with a typed value.
pub(super) fn anywhere(call: &mut Call<'_>) -> Answer {
    let id = call.id(0);
    let found = call.world.states.get(&id).and_then(|state| call.world.environments.get(&state.environment));
    let versioned = match found {
        Some(environment) if call.may_see_project(environment.project) => {
            environment.use_v2_feature_versioning
        }
        _ => return Err(Reply::no("FeatureState")),
    };
    if versioned {
        return Err(versions_needed());
    }
    let body = call.body()?;
    let change = Change { enabled: truth(&body, "enabled")?, value: typed_value(&body)? };
    call.world.change_state(call.who, id, &change, Save::Always);
    let state = call.world.states.get(&id).ok_or_else(|| Reply::no("FeatureState"))?;
    Ok(Reply::ok(view::state_typed(call.world, state)))
}
