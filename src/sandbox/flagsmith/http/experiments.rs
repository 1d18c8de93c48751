//! The experimental calls that change a flag whether its environment has versions or not.

use serde_json::{Map, Value as Json, json};

use super::call::{Answer, Call, Reply, truth};
use crate::sandbox::flagsmith::states::{Change, Save};
use crate::sandbox::flagsmith::value::Value;
use crate::sandbox::flagsmith::versions::{SegmentChange, VersionChange};

/// What changing a flag is answered with where changes must be approved (from the source; not recorded).
pub(super) fn approvals_needed() -> Reply {
    let words = "This endpoint cannot be used when change requests are enabled. Use the change request workflow instead.";
    Reply::detail(403, words)
}

/// The environment in the path and the feature in the body, by id or exact name.
fn target(call: &Call<'_>, body: &Map<String, Json>) -> Result<(u64, u64), Reply> {
    let environment = call.environment(0)?;
    if environment.minimum_change_request_approvals.is_some() {
        return Err(approvals_needed());
    }
    let named = body.get("feature").cloned().unwrap_or_default();
    let name = named.get("name").and_then(Json::as_str);
    let id = named.get("id").and_then(Json::as_u64);
    let (found, python) = match (name, id) {
        (Some(name), None) => {
            let found = call
                .world
                .features
                .values()
                .find(|feature| feature.project == environment.project && feature.name == name);
            (found, format!("{{'name': '{name}'}}"))
        }
        (None, Some(id)) => {
            let found = call.world.features.get(&id);
            (found.filter(|feature| feature.project == environment.project), format!("{{'id': {id}}}"))
        }
        (Some(_), Some(_)) => {
            let words = ["Provide either 'name' or 'id', not both"];
            return Err(Reply::json(400, json!({ "feature": { "non_field_errors": words } })));
        }
        (None, None) => {
            let words = ["Either 'name' or 'id' is required for feature identification"];
            return Err(Reply::json(400, json!({ "feature": { "non_field_errors": words } })));
        }
    };
    match found {
        Some(feature) => Ok((environment.id, feature.id)),
        None => Err(Reply::json(400, json!([format!("Feature '{python}' not found in project")]))),
    }
}

/// Both fields must be there.
fn change(body: &Map<String, Json>) -> Result<Change, Reply> {
    let enabled = truth(body, "enabled")?;
    if enabled.is_none() {
        return Err(Reply::invalid("enabled", "This field is required."));
    }
    let value = body.get("value").ok_or_else(|| Reply::invalid("value", "This field is required."))?;
    let value = Value::from_named(value).map_err(|error| Reply::json(400, json!({ "value": error })))?;
    Ok(Change { enabled, value: Some(value) })
}

fn apply(call: &mut Call<'_>, environment: u64, feature: u64, wanted: VersionChange) {
    if call.world.versioned(environment) {
        call.world.version_at_once(call.who, environment, feature, &wanted);
        return;
    }
    if wanted.default != Change::default()
        && let Some(state) = call.world.default_state(environment, feature).map(|state| state.id)
    {
        call.world.change_state(call.who, state, &wanted.default, Save::Always);
    }
    for one in wanted.segments {
        match call.world.segment_state(environment, feature, one.segment).map(|state| state.id) {
            Some(state) => call.world.change_state(call.who, state, &one.change, Save::Always),
            None => {
                let enabled = one.change.enabled.unwrap_or_default();
                let value = one.change.value.unwrap_or_default();
                let of = (environment, feature, one.segment);
                call.world.new_segment_override(call.who, of, one.priority, enabled, value);
            }
        }
    }
}

fn segment(call: &Call<'_>, id: Option<u64>) -> Result<u64, Reply> {
    let id =
        id.ok_or_else(|| Reply::json(400, json!({ "segment": { "id": ["This field is required."] } })))?;
    if call.world.segments.contains_key(&id) {
        return Ok(id);
    }
    Err(Reply::json(400, json!([format!("Segment {id} not found in project")])))
}

pub(super) fn update_flag_v1(call: &mut Call<'_>) -> Answer {
    let body = call.body()?;
    let (environment, feature) = target(call, &body)?;
    let change = change(&body)?;
    let mut wanted = VersionChange::default();
    match body.get("segment") {
        None | Some(Json::Null) => wanted.default = change,
        Some(named) => {
            let segment = segment(call, named.get("id").and_then(Json::as_u64))?;
            let priority = named.get("priority").and_then(Json::as_i64);
            wanted.segments.push(SegmentChange { segment, priority, change });
        }
    }
    apply(call, environment, feature, wanted);
    Ok(Reply::nothing(204))
}

pub(super) fn update_flag_v2(call: &mut Call<'_>) -> Answer {
    let body = call.body()?;
    let (environment, feature) = target(call, &body)?;
    let Some(Json::Object(default)) = body.get("environment_default") else {
        return Err(Reply::invalid("environment_default", "This field is required."));
    };
    let mut wanted = VersionChange { default: change(default)?, ..VersionChange::default() };
    for one in body.get("segment_overrides").and_then(Json::as_array).into_iter().flatten() {
        let Json::Object(one) = one else {
            return Err(Reply::invalid("segment_overrides", "Invalid data. Expected a dictionary."));
        };
        let segment = segment(call, one.get("segment_id").and_then(Json::as_u64))?;
        if wanted.segments.iter().any(|other| other.segment == segment) {
            return Err(Reply::invalid("segment_overrides", "Duplicate segment_id values are not allowed"));
        }
        let priority = one.get("priority").and_then(Json::as_i64);
        wanted.segments.push(SegmentChange { segment, priority, change: change(one)? });
    }
    apply(call, environment, feature, wanted);
    Ok(Reply::nothing(204))
}

pub(super) fn delete_segment_override(call: &mut Call<'_>) -> Answer {
    let body = call.body()?;
    let (environment, feature) = target(call, &body)?;
    let named = body.get("segment").and_then(|segment| segment.get("id")).and_then(Json::as_u64);
    let segment = segment(call, named)?;
    let Some(state) = call.world.segment_state(environment, feature, segment).map(|state| state.id) else {
        let words = format!("Segment override for segment {segment} does not exist.");
        return Err(Reply::json(400, json!([words])));
    };
    if call.world.versioned(environment) {
        let change = VersionChange { without_segments: vec![segment], ..VersionChange::default() };
        call.world.version_at_once(call.who, environment, feature, &change);
    } else {
        call.world.delete_override(call.who, state);
    }
    Ok(Reply::nothing(204))
}
