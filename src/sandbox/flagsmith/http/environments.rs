//! Environments.

use serde_json::{Value as Json, json};

use super::call::{Answer, Call, Reply, text};
use crate::sandbox::flagsmith::view;

pub(super) fn all(call: &mut Call<'_>) -> Answer {
    if call.is("POST") {
        let body = call.body()?;
        let name = text(&body, "name")?;
        let project = body.get("project").and_then(Json::as_u64);
        let Some(project) = project.filter(|id| call.may_see_project(*id)) else {
            return Err(Reply::detail(403, "You do not have permission to perform this action."));
        };
        if call.world.environment_named(project, name).is_some() {
            return Err(Reply::invalid("non_field_errors", "An environment with this name already exists."));
        }
        let id = call.world.new_environment(call.who, project, name);
        let environment = call.world.environments.get(&id).ok_or_else(|| Reply::no("Environment"))?;
        return Ok(Reply::created(view::environment(environment)));
    }
    let Some(project) = call.query("project").and_then(|id| id.parse::<u64>().ok()) else {
        return Err(Reply::json(400, json!(["Invalid or missing value for project parameter."])));
    };
    if !call.may_see_project(project) {
        return Err(Reply::no("Project"));
    }
    let environments: Vec<Json> = call
        .world
        .environments
        .values()
        .filter(|environment| environment.project == project)
        .map(view::environment)
        .collect();
    call.page(&environments, |_, environment| environment.clone())
}

pub(super) fn one(call: &mut Call<'_>) -> Answer {
    let id = call.environment(0)?.id;
    match call.method.as_str() {
        "GET" => {}
        "DELETE" => {
            call.world.environments.remove(&id);
            call.world.states.retain(|_, state| state.environment != id);
            call.world.versions.retain(|version| version.environment != id);
            call.world.feature_segments.retain(|_, link| link.environment != id);
            call.world.identities.retain(|_, identity| identity.environment != id);
            return Ok(Reply::nothing(204));
        }
        _ => {
            let body = call.body()?;
            let name = match body.get("name") {
                Some(_) => Some(text(&body, "name")?.to_owned()),
                None => None,
            };
            if let Some(environment) = call.world.environments.get_mut(&id) {
                if let Some(name) = name {
                    environment.name = name;
                }
                if let Some(approvals) = body.get("minimum_change_request_approvals") {
                    environment.minimum_change_request_approvals = approvals.as_u64();
                }
            }
        }
    }
    let environment = call.environment(0)?;
    Ok(Reply::ok(view::environment_alone(call.world, environment)))
}

pub(super) fn enable_versions(call: &mut Call<'_>) -> Answer {
    let environment = call.environment(0)?;
    let id = environment.id;
    if environment.use_v2_feature_versioning {
        return Err(Reply::detail(400, "Environment already using v2 versioning."));
    }
    call.world.enable_versions(id);
    Ok(Reply::nothing(202))
}
