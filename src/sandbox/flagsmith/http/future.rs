//! The newest calls: the whole of a flag in an environment, with or without versions.

use serde_json::{Map, Value as Json, json};

use super::call::{Answer, Call, Reply, truth};
use super::experiments::approvals_needed;
use crate::sandbox::flagsmith::states::{Change, Save};
use crate::sandbox::flagsmith::value::Value;
use crate::sandbox::flagsmith::versions::{SegmentChange, VersionChange};
use crate::sandbox::flagsmith::view;

/// Environment and feature; all that is missing is `Not found.`
fn target(call: &Call<'_>) -> Result<(u64, u64), Reply> {
    let environment = call.environment(0).map_err(|_| Reply::not_found())?;
    match call.world.features.get(&call.id(1)) {
        Some(feature) if feature.project == environment.project => Ok((environment.id, feature.id)),
        _ => Err(Reply::not_found()),
    }
}

pub(super) fn flag(call: &mut Call<'_>) -> Answer {
    let (environment, feature) = target(call)?;
    if !call.is("GET") {
        must_be_free(call)?;
        let wanted = wanted(call)?;
        if call.world.versioned(environment) {
            change_version(call, environment, feature, wanted);
        } else {
            change_states(call, environment, feature, wanted);
        }
    }
    Ok(Reply::ok(view::whole(call.world, environment, feature)))
}

fn must_be_free(call: &Call<'_>) -> Result<(), Reply> {
    match call.environment(0)?.minimum_change_request_approvals {
        Some(_) => Err(approvals_needed()),
        None => Ok(()),
    }
}

fn wanted(call: &Call<'_>) -> Result<VersionChange, Reply> {
    let body = call.body()?;
    let mut wanted = VersionChange::default();
    if let Some(default) = body.get("environment_default") {
        wanted.default =
            change(default).map_err(|error| Reply::json(400, json!({ "environment_default": error })))?;
    }
    for one in body.get("segment_overrides").and_then(Json::as_array).into_iter().flatten() {
        let id = one.get("segment").and_then(|segment| segment.get("id")).and_then(Json::as_u64);
        let segment = id.filter(|id| call.world.segments.contains_key(id));
        let Some(segment) = segment else {
            let words = [format!("Segment {} not found.", id.unwrap_or_default())];
            return Err(Reply::json(400, json!({ "segment_overrides": words })));
        };
        let change =
            change(one).map_err(|error| Reply::json(400, json!({ "segment_overrides": [error] })))?;
        let priority = one.get("priority").and_then(Json::as_i64);
        wanted.segments.push(SegmentChange { segment, priority, change });
    }
    Ok(wanted)
}

fn change(json: &Json) -> Result<Change, Json> {
    let fields: &Map<String, Json> =
        json.as_object().ok_or_else(|| json!(["Invalid data. Expected a dictionary."]))?;
    let enabled = truth(fields, "enabled").map_err(|_| json!({ "enabled": ["Must be a valid boolean."] }))?;
    let value = match fields.get("value") {
        None => None,
        Some(value) => Some(Value::from_named(value).map_err(|error| json!({ "value": error }))?),
    };
    Ok(Change { enabled, value })
}

/// What changes nothing makes no version.
fn change_version(call: &mut Call<'_>, environment: u64, feature: u64, mut wanted: VersionChange) {
    let world = &*call.world;
    let changes = |enabled: bool, value: &Value, change: &Change| {
        change.enabled.is_some_and(|wanted| wanted != enabled)
            || change.value.as_ref().is_some_and(|wanted| wanted != value)
    };
    let default = world.default_state(environment, feature);
    let mut any = default.is_some_and(|state| changes(state.enabled, &state.value, &wanted.default));
    for one in &mut wanted.segments {
        match world.segment_state(environment, feature, one.segment) {
            Some(state) => {
                let priority = world.segment_of(state).map(|(_, link)| link.priority);
                any |= changes(state.enabled, &state.value, &one.change);
                any |= one.priority.is_some() && one.priority != priority;
            }
            None => {
                // A new override begins with what everybody gets.
                let inherited =
                    wanted.default.value.clone().or_else(|| default.map(|state| state.value.clone()));
                one.change.value = one.change.value.take().or(inherited);
                any = true;
            }
        }
    }
    if any {
        call.world.version_at_once(call.who, environment, feature, &wanted);
    }
}

fn change_states(call: &mut Call<'_>, environment: u64, feature: u64, wanted: VersionChange) {
    let Some(default) = call.world.default_state(environment, feature).map(|state| state.id) else { return };
    call.world.change_state(call.who, default, &wanted.default, Save::WhenSwitched);
    for one in wanted.segments {
        if let Some(state) = call.world.segment_state(environment, feature, one.segment).map(|state| state.id)
        {
            if let (Some(priority), Some(link)) =
                (one.priority, call.world.states.get(&state).and_then(|state| state.feature_segment))
                && let Some(link) = call.world.feature_segments.get_mut(&link)
            {
                link.priority = priority;
            }
            call.world.change_state(call.who, state, &one.change, Save::WhenSwitched);
            continue;
        }
        // Made switched off and with the feature's first value, and then changed: three things are told.
        let value = one
            .change
            .value
            .or_else(|| call.world.states.get(&default).map(|state| state.value.clone()))
            .unwrap_or_default();
        let initial = call.world.features.get(&feature).and_then(|feature| feature.initial_value.clone());
        let initial = Value::from_initial(initial.as_deref());
        let of = (environment, feature, one.segment);
        let state = call.world.new_segment_override(call.who, of, one.priority, false, initial);
        let change = Change { enabled: one.change.enabled, value: Some(value) };
        call.world.change_state(call.who, state, &change, Save::WhenSwitched);
    }
}

pub(super) fn segment_override(call: &mut Call<'_>) -> Answer {
    let (environment, feature) = target(call)?;
    must_be_free(call)?;
    let segment = call.id(2);
    let state = call.world.segment_state(environment, feature, segment).map(|state| state.id);
    let state = state.ok_or_else(Reply::not_found)?;
    if call.world.versioned(environment) {
        let change = VersionChange { without_segments: vec![segment], ..VersionChange::default() };
        call.world.version_at_once(call.who, environment, feature, &change);
    } else {
        call.world.delete_override(call.who, state);
    }
    Ok(Reply::ok(view::whole(call.world, environment, feature)))
}
