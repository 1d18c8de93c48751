//! Strategies of a flag in an environment.

use serde_json::{Value as Json, json};

use super::call::{Answer, Call, Reply};
use crate::sandbox::unleash::flags::text;
use crate::sandbox::unleash::model::StrategyChange;
use crate::sandbox::unleash::view;

/// Those of an archived flag too. Of another project than the flag's there are none, and that is no error.
pub(super) fn all(call: &mut Call<'_>) -> Answer {
    let (name, environment) = (call.part(1), call.part(2));
    let home = call.world.feature(&name).map(|feature| feature.project.clone()).unwrap_or_default();
    if call.world.environments_of(&home).iter().all(|known| known.name != environment) {
        let words = format!("Feature {name} does not have environment {environment}");
        return Err(Reply::not_found(&words));
    }
    if home != call.part(0) {
        return Ok(Reply::ok(json!([])));
    }
    let known = call.world.state(&name, &environment).map(|state| state.strategies.as_slice());
    let shown: Vec<Json> = known.unwrap_or_default().iter().map(view::listed_strategy).collect();
    Ok(Reply::ok(json!(shown)))
}

pub(super) fn add(call: &mut Call<'_>) -> Answer {
    let (name, environment) = call.to_change()?;
    let new = change_of(&call.body()?);
    if new.name.is_none() {
        return Err(Reply::invalid("/body", "The `/body` property must have required property 'name'."));
    }
    let who = call.who.clone();
    let id = call.world.add_strategy(&who, &name, &environment, new);
    show(call, &name, &environment, &id)
}

pub(super) fn one(call: &mut Call<'_>) -> Answer {
    let (name, environment) = call.feature_and_environment()?;
    show(call, &name, &environment, &call.part(3))
}

pub(super) fn change(call: &mut Call<'_>) -> Answer {
    let (name, environment) = call.to_change()?;
    let (who, id, change) = (call.who.clone(), call.part(3), change_of(&call.body()?));
    if !call.world.change_strategy(&who, &name, &environment, &id, change) {
        return Err(none(&id));
    }
    show(call, &name, &environment, &id)
}

pub(super) fn remove(call: &mut Call<'_>) -> Answer {
    let (name, environment) = call.to_change()?;
    let (who, id) = (call.who.clone(), call.part(3));
    if !call.world.remove_strategy(&who, &name, &environment, &id) {
        return Err(none(&id));
    }
    Ok(Reply::nothing(200).with("content-type", "application/json; charset=utf-8"))
}

/// Variants belong to strategies.
pub(super) fn no_variants(call: &mut Call<'_>) -> Answer {
    let (name, _) = call.feature_and_environment()?;
    let words =
        format!("Environment variants deprecated for feature: {name}. Use strategy variants instead.");
    Err(Reply::error(403, "InvalidOperationError", &words))
}

fn show(call: &Call<'_>, name: &str, environment: &str, id: &str) -> Answer {
    let state = call.world.state(name, environment);
    let found = state.and_then(|state| state.strategies.iter().find(|strategy| strategy.id == id));
    Ok(Reply::ok(view::strategy(found.ok_or_else(|| none(id))?)))
}

/// The words were not recorded.
fn none(id: &str) -> Reply {
    Reply::not_found(&format!("Could not find strategy with id {id}"))
}

fn change_of(body: &Json) -> StrategyChange {
    StrategyChange {
        name: text(body, "name"),
        title: body.get("title").map(|title| title.as_str().map(str::to_owned)),
        disabled: body.get("disabled").and_then(Json::as_bool),
        constraints: body.get("constraints").cloned(),
        parameters: body.get("parameters").and_then(Json::as_object).cloned(),
        variants: body.get("variants").cloned(),
        segments: body.get("segments").cloned(),
        sort_order: body.get("sortOrder").and_then(Json::as_u64),
    }
}
