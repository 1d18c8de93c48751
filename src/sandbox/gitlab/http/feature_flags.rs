//! Feature flags and environments: `FeatureFlag` and `Environment` of the API description (providers' facts, section 3).

use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::call::{Call, Problem};
use super::paging::page;
use super::shapes::time;
use super::unknown;
use crate::sandbox::gitlab::access::Refusal;
use crate::sandbox::gitlab::feature_flags::FlagEdit;
use crate::sandbox::gitlab::model::{Environment, FeatureFlag, level};
use crate::sandbox::server::Response;

/// Everything below `/projects/:id/feature_flags` (facts, section 5: from Developer on).
pub(super) fn route(call: &mut Call<'_>, project: u64, rest: &[&str]) -> Result<Response, Problem> {
    let me = call.me()?;
    call.model.flags_allowed(project, Some(me))?;
    match (rest, call.method.clone()) {
        ([], Method::GET | Method::HEAD) => list(call, project),
        ([], Method::POST) => {
            let name = call.required("name")?;
            if call.text("version").is_some_and(|version| version != "new_version_flag") {
                return Err(Problem::message(StatusCode::UNPROCESSABLE_ENTITY, "Version is invalid"));
            }
            let edit = edit(call)?;
            call.model.make_flag(project, me, edit)?;
            shown(call, project, &name, StatusCode::CREATED)
        }
        ([], _) => Err(call.not_allowed("GET, HEAD, POST")),
        ([name], Method::GET | Method::HEAD) => shown(call, project, name, StatusCode::OK),
        ([name], Method::PUT) => {
            let edit = edit(call)?;
            let after = edit.name.clone().unwrap_or_else(|| (*name).to_owned());
            call.model.edit_flag(project, me, name, edit)?;
            shown(call, project, &after, StatusCode::OK)
        }
        ([name], Method::DELETE) => {
            let flag = call.model.feature_flag(project, name).map(flag_json).ok_or(Refusal::NOT_FOUND)?;
            call.model.delete_flag(project, me, name)?;
            Ok(Response::json(StatusCode::OK, &flag))
        }
        ([_], _) => Err(call.not_allowed("GET, HEAD, PUT, DELETE")),
        _ => Err(unknown()),
    }
}

fn edit(call: &Call<'_>) -> Result<FlagEdit, Problem> {
    Ok(FlagEdit {
        name: call.text("name"),
        description: call.text("description"),
        active: call.boolean("active")?,
        strategies: call.list("strategies"),
    })
}

fn list(call: &Call<'_>, project: u64) -> Result<Response, Problem> {
    let wanted = match call.asked("scope") {
        None => None,
        Some("enabled") => Some(true),
        Some("disabled") => Some(false),
        Some(_) => {
            return Err(Problem::error(StatusCode::BAD_REQUEST, "scope does not have a valid value"));
        }
    };
    let found = call.model.projects.get(&project).ok_or(Refusal::NOT_FOUND)?;
    let flags: Vec<&FeatureFlag> =
        found.feature_flags.iter().filter(|flag| wanted.is_none_or(|on| flag.active == on)).collect();
    page(call, &flags, |flag| Some(flag_json(flag)))
}

fn shown(call: &Call<'_>, project: u64, name: &str, status: StatusCode) -> Result<Response, Problem> {
    let flag = call.model.feature_flag(project, name).ok_or(Refusal::NOT_FOUND)?;
    Ok(Response::json(status, &flag_json(flag)))
}

fn flag_json(flag: &FeatureFlag) -> Value {
    let strategies: Vec<Value> = flag
        .strategies
        .iter()
        .map(|strategy| {
            let scopes: Vec<Value> = strategy
                .scopes
                .iter()
                .map(|scope| json!({ "id": scope.id, "environment_scope": scope.environment_scope }))
                .collect();
            json!({
                "id": strategy.id,
                "name": strategy.name,
                "parameters": strategy.parameters,
                "scopes": scopes,
                "user_list": null,
            })
        })
        .collect();
    json!({
        "name": flag.name,
        "description": flag.description,
        "active": flag.active,
        "version": "new_version_flag",
        "created_at": time(flag.created_at),
        "updated_at": time(flag.updated_at),
        "scopes": [],
        "strategies": strategies,
    })
}

/// `GET /projects/:id/environments`: from Reporter on.
pub(super) fn environments(call: &mut Call<'_>, project: u64) -> Result<Response, Problem> {
    if call.model.level(project, call.user) < level::REPORTER {
        return Err(Refusal::Forbidden.into());
    }
    let state = call.asked("states");
    let found = call.model.projects.get(&project).ok_or(Refusal::NOT_FOUND)?;
    let all: Vec<&Environment> =
        found.environments.iter().filter(|one| state.is_none_or(|state| one.state == state)).collect();
    page(call, &all, |one| {
        Some(json!({
            "id": one.id,
            "name": one.name,
            "slug": one.name.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-"),
            "external_url": null,
            "created_at": time(one.created_at),
            "updated_at": time(one.created_at),
            "tier": one.tier,
            "state": one.state,
        }))
    })
}
