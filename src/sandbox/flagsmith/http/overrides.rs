//! Overrides for segments and identities, where no versions are used.

use serde_json::{Value as Json, json};

use super::call::{Answer, Call, Reply, text, truth};
use super::states::{bare_value, typed_value, versions_needed};
use crate::sandbox::flagsmith::model::FeatureSegment;
use crate::sandbox::flagsmith::states::{Change, Save};
use crate::sandbox::flagsmith::view;

/// The segment overrides of a feature in an environment, by the names of their segments.
pub(super) fn feature_segments(call: &mut Call<'_>) -> Answer {
    let (Some(environment), Some(feature)) = (call.query_id("environment"), call.query_id("feature")) else {
        return Err(Reply::json(400, json!(["Missing query parameters: environment, feature"])));
    };
    if call.is("POST") {
        return Err(Reply::detail(405, "The sandbox makes no segment overrides without their state."));
    }
    let known = call.world.environments.get(&environment);
    if known.is_none_or(|known| !call.may_see_project(known.project)) {
        return Err(Reply::no("Environment"));
    }
    let links: Vec<&FeatureSegment> = call
        .world
        .live_states(environment, feature)
        .into_iter()
        .filter_map(|state| call.world.feature_segments.get(&state.feature_segment?))
        .collect();
    call.page(&links, |world, link| view::feature_segment(world, link))
}

pub(super) fn feature_segment(call: &mut Call<'_>) -> Answer {
    let link = call.world.feature_segments.get(&call.id(0)).ok_or_else(|| Reply::no("FeatureSegment"))?;
    let environment = call.world.environments.get(&link.environment);
    let environment = match environment {
        Some(environment) if call.may_see_project(environment.project) => environment,
        _ => return Err(Reply::no("FeatureSegment")),
    };
    match call.method.as_str() {
        "GET" => Ok(Reply::ok(view::feature_segment(call.world, link))),
        "DELETE" => {
            if environment.use_v2_feature_versioning {
                return Err(versions_needed());
            }
            let state = call.world.states.values().find(|state| state.feature_segment == Some(link.id));
            if let Some(state) = state.map(|state| state.id) {
                call.world.delete_override(call.who, state);
            }
            Ok(Reply::nothing(204))
        }
        _ => {
            let id = link.id;
            let body = call.body()?;
            let priority = body.get("priority").and_then(Json::as_i64);
            if let (Some(link), Some(priority)) = (call.world.feature_segments.get_mut(&id), priority) {
                link.priority = priority;
            }
            let link = call.world.feature_segments.get(&id).ok_or_else(|| Reply::no("FeatureSegment"))?;
            Ok(Reply::ok(view::feature_segment(call.world, link)))
        }
    }
}

pub(super) fn create_for_segment(call: &mut Call<'_>) -> Answer {
    let environment = call.environment(0)?;
    let (id, project, versioned) =
        (environment.id, environment.project, environment.use_v2_feature_versioning);
    let feature = call.id(1);
    if call.world.features.get(&feature).is_none_or(|feature| feature.project != project) {
        return Err(Reply::no("Feature"));
    }
    if versioned {
        return Err(versions_needed());
    }
    let body = call.body()?;
    let link = body.get("feature_segment").cloned().unwrap_or_default();
    let segment = link.get("segment").and_then(Json::as_u64).unwrap_or_default();
    if call.world.segments.get(&segment).is_none_or(|segment| segment.project != project) {
        let words = format!("Invalid pk \"{segment}\" - object does not exist.");
        return Err(Reply::json(400, json!({ "feature_segment": { "segment": [words] } })));
    }
    if call.world.segment_state(id, feature, segment).is_some() {
        let words = "Segment override already exists for feature in environment.";
        return Err(Reply::json(400, json!({ "feature_segment": [words] })));
    }
    let value = typed_value(&body)?.unwrap_or_default();
    let enabled = truth(&body, "enabled")?.unwrap_or_default();
    let priority = link.get("priority").and_then(Json::as_i64);
    let state = call.world.new_segment_override(call.who, (id, feature, segment), priority, enabled, value);
    let state = call.world.states.get(&state).ok_or_else(|| Reply::no("FeatureState"))?;
    Ok(Reply::created(view::state_with_segment(call.world, state)))
}

pub(super) fn identities(call: &mut Call<'_>) -> Answer {
    let environment = call.environment(0)?.id;
    let show =
        |id: u64, identifier: &str| json!({ "id": id, "identifier": identifier, "environment": environment });
    if call.is("POST") {
        let body = call.body()?;
        let identifier = text(&body, "identifier")?;
        let id = call.world.identity(environment, identifier);
        return Ok(Reply::created(show(id, identifier)));
    }
    let identities: Vec<Json> = call
        .world
        .identities
        .values()
        .filter(|identity| identity.environment == environment)
        .map(|identity| show(identity.id, &identity.identifier))
        .collect();
    call.page(&identities, |_, identity| identity.clone())
}

fn identity(call: &Call<'_>) -> Result<u64, Reply> {
    let environment = call.environment(0)?.id;
    match call.world.identities.get(&call.id(1)) {
        Some(identity) if identity.environment == environment => Ok(identity.id),
        _ => Err(Reply::no("Identity")),
    }
}

pub(super) fn of_identity(call: &mut Call<'_>) -> Answer {
    let identity = identity(call)?;
    if call.is("POST") {
        let project = call.environment(0)?.project;
        let body = call.body()?;
        let feature = body.get("feature").and_then(Json::as_u64).unwrap_or_default();
        if call.world.features.get(&feature).is_none_or(|feature| feature.project != project) {
            return Err(Reply::invalid(
                "feature",
                &format!("Invalid pk \"{feature}\" - object does not exist."),
            ));
        }
        if call.world.identity_state(identity, feature).is_some() {
            return Err(Reply::invalid(
                "non_field_errors",
                "The fields feature, identity must make a unique set.",
            ));
        }
        let value = bare_value(&body)?.unwrap_or_default();
        let enabled = truth(&body, "enabled")?.unwrap_or_default();
        let state = call.world.new_identity_override(call.who, identity, feature, enabled, value);
        let state =
            state.and_then(|id| call.world.states.get(&id)).ok_or_else(|| Reply::no("FeatureState"))?;
        return Ok(Reply::created(view::state(call.world, state)));
    }
    let states: Vec<_> =
        call.world.states.values().filter(|state| state.identity == Some(identity)).collect();
    call.page(&states, |world, state| view::state(world, state))
}

pub(super) fn one_of_identity(call: &mut Call<'_>) -> Answer {
    let identity = identity(call)?;
    let id = call.id(2);
    if call.world.states.get(&id).is_none_or(|state| state.identity != Some(identity)) {
        return Err(Reply::no("FeatureState"));
    }
    match call.method.as_str() {
        "GET" => {}
        "DELETE" => {
            call.world.delete_override(call.who, id);
            return Ok(Reply::nothing(204));
        }
        _ => {
            let body = call.body()?;
            let change = Change { enabled: truth(&body, "enabled")?, value: bare_value(&body)? };
            call.world.change_state(call.who, id, &change, Save::Always);
        }
    }
    let state = call.world.states.get(&id).ok_or_else(|| Reply::no("FeatureState"))?;
    Ok(Reply::ok(view::state(call.world, state)))
}
