//! Versions of a feature in an environment.

use serde_json::{Map, Value as Json, json};

use super::call::{Answer, Call, Reply, truth};
use super::states::typed_value;
use crate::sandbox::flagsmith::model::{Version, Who};
use crate::sandbox::flagsmith::states::Change;
use crate::sandbox::flagsmith::versions::{SegmentChange, VersionChange, publisher};
use crate::sandbox::flagsmith::view;

/// Newest first. `is_live=true` finds every version that was ever live.
pub(super) fn all(call: &mut Call<'_>) -> Answer {
    let (environment, feature) = call.environment_and_feature()?;
    if call.is("POST") {
        return create(call, environment, feature);
    }
    let live = call.query_truth("is_live");
    let versions: Vec<&Version> = call
        .world
        .versions
        .iter()
        .rev()
        .filter(|version| (version.environment, version.feature) == (environment, feature))
        .filter(|version| live.is_none_or(|live| version.live_from.is_some() == live))
        .collect();
    call.page(&versions, |_, version| view::version(version))
}

fn list(body: &Map<String, Json>, field: &str) -> Result<Vec<Json>, Reply> {
    match body.get(field) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(list)) => Ok(list.clone()),
        Some(_) => Err(Reply::invalid(field, "Expected a list of items.")),
    }
}

fn create(call: &mut Call<'_>, environment: u64, feature: u64) -> Answer {
    let body = call.body()?;
    if !call.world.versioned(environment) {
        return Err(Reply::detail(400, "Environment is not using v2 feature versioning."));
    }
    let mut change = VersionChange::default();
    let states =
        [list(&body, "feature_states_to_update")?, list(&body, "feature_states_to_create")?].concat();
    for state in states {
        let Json::Object(state) = state else {
            return Err(Reply::invalid("feature_states_to_update", "Invalid data. Expected a dictionary."));
        };
        let wanted = Change { enabled: truth(&state, "enabled")?, value: typed_value(&state)? };
        let link = state.get("feature_segment").filter(|link| !link.is_null());
        let Some(link) = link else {
            change.default = wanted;
            continue;
        };
        let segment = link.get("segment").and_then(Json::as_u64).unwrap_or_default();
        if !call.world.segments.contains_key(&segment) {
            let words = format!("Invalid pk \"{segment}\" - object does not exist.");
            return Err(Reply::json(400, json!({ "feature_segment": { "segment": [words] } })));
        }
        let priority = link.get("priority").and_then(Json::as_i64);
        change.segments.push(SegmentChange { segment, priority, change: wanted });
    }
    change.without_segments =
        list(&body, "segment_ids_to_delete_overrides")?.iter().filter_map(Json::as_u64).collect();
    let uuid = call.world.new_version(call.who, environment, feature, &change);
    if truth(&body, "publish_immediately")?.unwrap_or_default() {
        let by = publisher(call.who);
        call.world.publish_version(&uuid, by, by);
    }
    shown(call, &uuid).map(Reply::created)
}

fn shown(call: &Call<'_>, uuid: &str) -> Result<Json, Reply> {
    let version = call.world.versions.iter().find(|version| version.uuid == uuid);
    version.map(view::version).ok_or_else(|| Reply::no("EnvironmentFeatureVersion"))
}

/// The version named in the path: its UUID, and whether it is live.
fn named(call: &Call<'_>) -> Result<(String, bool), Reply> {
    let (environment, feature) = call.environment_and_feature()?;
    call.world
        .versions
        .iter()
        .filter(|version| (version.environment, version.feature) == (environment, feature))
        .find(|version| version.uuid == call.part(2))
        .map(|version| (version.uuid.clone(), version.live_from.is_some()))
        .ok_or_else(|| Reply::no("EnvironmentFeatureVersion"))
}

pub(super) fn one(call: &mut Call<'_>) -> Answer {
    let (uuid, _) = named(call)?;
    if call.world.delete_version(&uuid) {
        Ok(Reply::nothing(204))
    } else {
        Err(Reply::detail(400, "Cannot delete a live version."))
    }
}

pub(super) fn publish(call: &mut Call<'_>) -> Answer {
    let (uuid, live) = named(call)?;
    if !live {
        let by = match call.who {
            Who::User(_) => call.who,
            Who::Key(_) | Who::Nobody => Who::Nobody,
        };
        call.world.publish_version(&uuid, by, by);
    }
    let live_from = shown(call, &uuid)?.get("live_from").cloned().unwrap_or_default();
    Ok(Reply::ok(json!({ "live_from": live_from })))
}

/// What a version sets: a plain array.
pub(super) fn states(call: &mut Call<'_>) -> Answer {
    let (uuid, _) = named(call)?;
    if call.is("POST") {
        return Err(Reply::detail(405, "The sandbox changes versions only when they are made."));
    }
    let states: Vec<Json> = call
        .world
        .states
        .values()
        .filter(|state| state.version.as_deref() == Some(&uuid))
        .map(|state| view::state_with_segment(call.world, state))
        .collect();
    Ok(Reply::ok(Json::Array(states)))
}
