//! Flags.

use serde_json::{Value as Json, json};

use super::call::{Answer, Call, Reply};
use crate::sandbox::unleash::flags::{FeatureChange, is_name, text};
use crate::sandbox::unleash::view;

/// The flags of a project that are not archived. One that is not there has none (not recorded).
pub(super) fn all(call: &mut Call<'_>) -> Answer {
    let project = call.part(0);
    let live = call.world.features.iter().filter(|one| one.project == project && one.archived_at.is_none());
    let shown: Vec<Json> = live.map(|feature| view::listed_feature(call.world, feature)).collect();
    Ok(Reply::ok(json!({ "version": 2, "features": shown })))
}

pub(super) fn make(call: &mut Call<'_>) -> Answer {
    let (project, body) = (call.part(0), call.body()?);
    let name = text(&body, "name").unwrap_or_default();
    if !is_name(&name) {
        return Err(Reply::bad_name(&format!("\"name\" must be URL friendly. You provided \"{name}\".")));
    }
    if call.world.project(&project).is_none() {
        return Err(Reply::not_found(&format!("Could not find project with id {project}")));
    }
    let kind = text(&body, "type").unwrap_or_else(|| "release".to_owned());
    let description = text(&body, "description");
    let impressions = body.get("impressionData").and_then(Json::as_bool).unwrap_or_default();
    let who = call.who.clone();
    if !call.world.new_feature(&who, &project, &name, &kind, description.as_deref(), impressions) {
        let archived = call.world.feature(&name).is_some_and(|known| known.archived_at.is_some());
        let words = if archived {
            "An archived flag with that name already exists"
        } else {
            "A flag with that name already exists"
        };
        return Err(Reply::error(409, "NameExistsError", words));
    }
    short(call, 201, &name)
}

fn short(call: &Call<'_>, status: u16, name: &str) -> Answer {
    let found = call.world.feature(name);
    Ok(Reply::json(status, found.map(view::short_feature).unwrap_or_default()))
}

/// One flag. An archived one is not found, in words of its own.
pub(super) fn one(call: &mut Call<'_>) -> Answer {
    let found = call.feature()?;
    if found.archived_at.is_some() {
        let words = format!("Could not find feature flag with name {}", found.name);
        return Err(Reply::not_found(&words));
    }
    Ok(Reply::ok(view::feature(call.world, found)))
}

pub(super) fn replace(call: &mut Call<'_>) -> Answer {
    let (name, body) = (call.live_feature()?, call.body()?);
    let change = FeatureChange {
        description: body.get("description").map(|value| value.as_str().map(str::to_owned)),
        kind: text(&body, "type"),
        stale: body.get("stale").and_then(Json::as_bool),
        impression_data: body.get("impressionData").and_then(Json::as_bool),
    };
    let who = call.who.clone();
    call.world.change_feature(&who, &name, change);
    short(call, 200, &name)
}

/// A JSON patch; of its operations those that replace a field.
pub(super) fn patch(call: &mut Call<'_>) -> Answer {
    let (name, body) = (call.live_feature()?, call.body()?);
    let mut change = FeatureChange::default();
    for operation in body.as_array().map(Vec::as_slice).unwrap_or_default() {
        let value = operation.get("value").cloned().unwrap_or_default();
        match text(operation, "path").unwrap_or_default().as_str() {
            "/description" => change.description = Some(value.as_str().map(str::to_owned)),
            "/type" => change.kind = value.as_str().map(str::to_owned),
            "/stale" => change.stale = value.as_bool(),
            "/impressionData" => change.impression_data = value.as_bool(),
            _ => {}
        }
    }
    let who = call.who.clone();
    call.world.change_feature(&who, &name, change);
    short(call, 200, &name)
}

pub(super) fn mark_stale(call: &mut Call<'_>) -> Answer {
    let (body, who) = (call.body()?, call.who.clone());
    let stale = body.get("stale").and_then(Json::as_bool).unwrap_or_default();
    let names = body.get("features").and_then(Json::as_array).cloned().unwrap_or_default();
    for name in names.iter().filter_map(Json::as_str) {
        call.world.mark_stale(&who, name, stale);
    }
    Ok(Reply::nothing(202))
}

/// Archives, again and again where asked to.
pub(super) fn archive(call: &mut Call<'_>) -> Answer {
    let name = call.feature()?.name.clone();
    let who = call.who.clone();
    call.world.archive(&who, &name);
    Ok(Reply::nothing(202))
}

fn archived(call: &Call<'_>) -> Result<String, Reply> {
    let name = call.part(0);
    match call.world.feature(&name) {
        Some(found) if found.archived_at.is_some() => Ok(name),
        _ => Err(Reply::not_found(&format!("Could not find feature flag with name {name}"))),
    }
}

pub(super) fn revive(call: &mut Call<'_>) -> Answer {
    let (name, who) = (archived(call)?, call.who.clone());
    call.world.revive(&who, &name);
    Ok(Reply::nothing(200))
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    let (name, who) = (archived(call)?, call.who.clone());
    call.world.delete(&who, &name);
    Ok(Reply::nothing(200))
}

pub(super) fn on(call: &mut Call<'_>) -> Answer {
    switch(call, true)
}

pub(super) fn off(call: &mut Call<'_>) -> Answer {
    switch(call, false)
}

fn switch(call: &mut Call<'_>, on: bool) -> Answer {
    let (name, environment) = call.to_change()?;
    let all_on = call.query("shouldActivateDisabledStrategies") == Some("true");
    let who = call.who.clone();
    call.world.switch(&who, &name, &environment, on, all_on);
    Ok(Reply::nothing(200))
}
