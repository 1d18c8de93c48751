//! The bodies of webhooks.

use serde_json::{Value as Json, json};

use super::model::{AuditEntry, Feature, State, Version, Who};
use super::value::Value;
use super::view;
use super::world::World;

/// The data of `AUDIT_LOG_CREATED`. The author of what a master API key did is null.
pub(super) fn audit(world: &World, entry: &AuditEntry) -> Json {
    let author = match entry.by {
        Who::User(id) => world.users.get(&id),
        Who::Key(_) | Who::Nobody => None,
    };
    json!({
        "id": entry.id,
        "created_date": entry.created.zulu(),
        "log": entry.log,
        "author": author.map(|user| json!({
            "id": user.id,
            "uuid": user.uuid,
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "last_login": user.joined.zulu(),
        })),
        "environment": entry.environment.and_then(|id| world.environments.get(&id)).map(view::environment_in_audit),
        "project": world.projects.get(&entry.project).map(view::project),
        "related_object_id": entry.related_id,
        "related_object_uuid": entry.related_uuid,
        "related_object_type": entry.related_type,
        "is_system_event": false,
    })
}

/// The data of `FLAG_UPDATED` for a state as it is now.
///
/// The state before is that of the save before the last one, with the value before the last change of the
/// value: the two histories are kept apart, and so the value shown is often not the one that stood there.
pub(super) fn flag_updated(world: &World, state: &State) -> Option<Json> {
    let mut saves = state.saves.iter().rev();
    let last = saves.next()?;
    let mut data = json!({
        "new_state": shown(world, state, state.enabled, &state.value)?,
        "changed_by": name(world, last.by),
        "timestamp": last.at.zulu(),
    });
    if let Some(before) = saves.next() {
        let value = state.values.iter().rev().nth(1).cloned().unwrap_or_default();
        data["previous_state"] = shown(world, state, before.enabled, &value)?;
    }
    Some(data)
}

/// The data of `FLAG_DELETED`: who and when are those of the last save, not of the deletion.
pub(super) fn flag_deleted(world: &World, state: &State) -> Option<Json> {
    let last = state.saves.last()?;
    Some(json!({
        "new_state": null,
        "previous_state": shown(world, state, state.enabled, &state.value)?,
        "changed_by": name(world, last.by),
        "timestamp": last.at.zulu(),
    }))
}

/// The data of the `FLAG_UPDATED` that the task processor sends for a state of a version that was published.
pub(super) fn published_state(
    world: &World,
    version: &Version,
    state: &State,
    before: Option<&State>,
    by: Who,
) -> Option<Json> {
    let mut data = json!({
        "new_state": shown(world, state, state.enabled, &state.value)?,
        "changed_by": name(world, by),
        "timestamp": version.live_from.map(super::clock::Stamp::zulu),
    });
    if let Some(before) = before {
        data["previous_state"] = shown(world, before, before.enabled, &before.value)?;
    }
    Some(data)
}

/// The data of `NEW_VERSION_PUBLISHED`. It names no environment.
///
/// Of a version that a user published no delivery was recorded; their id and e-mail are what the source shows.
pub(super) fn version(world: &World, version: &Version) -> Json {
    let states: Vec<Json> = world
        .states
        .values()
        .filter(|state| state.version.as_deref() == Some(&version.uuid))
        .map(|state| {
            json!({
                "enabled": state.enabled,
                "value": state.value.bare(),
                "multivariate_feature_state_values": shares(world, state),
            })
        })
        .collect();
    let publisher = match version.published_by {
        Who::User(id) => world.users.get(&id),
        Who::Key(_) | Who::Nobody => None,
    };
    json!({
        "uuid": version.uuid,
        "feature": world.features.get(&version.feature).map(|feature| json!({ "id": feature.id, "name": feature.name })),
        "published_by": publisher.map(|user| json!({ "id": user.id, "email": user.email })),
        "feature_states": states,
    })
}

fn name(world: &World, who: Who) -> String {
    match who {
        Who::User(id) => world.users.get(&id).map(|user| user.email.clone()),
        Who::Key(id) => world.keys.get(&id).map(|key| key.name.clone()),
        Who::Nobody => None,
    }
    .unwrap_or_default()
}

fn shown(world: &World, state: &State, enabled: bool, value: &Value) -> Option<Json> {
    let feature = world.features.get(&state.feature)?;
    let environment = world.environments.get(&state.environment)?;
    let identity = state.identity.and_then(|id| world.identities.get(&id));
    Some(json!({
        "enabled": enabled,
        "environment": { "id": environment.id, "name": environment.name },
        "feature": feature_in_state(world, feature),
        "feature_segment": world.segment_of(state).map(|(segment, feature_segment)| json!({
            "priority": feature_segment.priority,
            "segment": { "id": segment.id, "name": segment.name, "description": segment.description },
        })),
        "feature_state_value": value.bare(),
        "identity": state.identity,
        "identity_identifier": identity.map(|identity| &identity.identifier),
        "multivariate_feature_state_values": shares(world, state),
    }))
}

fn feature_in_state(world: &World, feature: &Feature) -> Json {
    json!({
        "id": feature.id,
        "name": feature.name,
        "created_date": feature.created.zulu(),
        "default_enabled": feature.default_enabled,
        "description": feature.description,
        "initial_value": feature.initial_value,
        "type": view::feature_type(feature),
        "project": world.projects.get(&feature.project).map(|project| json!({ "id": project.id, "name": project.name })),
    })
}

fn shares(world: &World, state: &State) -> Vec<Json> {
    let options =
        world.features.get(&state.feature).map(|feature| feature.options.as_slice()).unwrap_or_default();
    state
        .shares
        .iter()
        .filter_map(|share| {
            let option = options.iter().find(|option| option.id == share.option)?;
            Some(json!({
                "id": share.id,
                "multivariate_feature_option": { "id": option.id, "value": option.value.bare() },
                "percentage_allocation": share.percent,
            }))
        })
        .collect()
}
