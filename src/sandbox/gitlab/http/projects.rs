//! Projects, members, labels.

use http::{Method, StatusCode};
use serde_json::json;

use super::call::{Call, Problem};
use super::paging::page;
use super::shapes::time;
use crate::sandbox::gitlab::access::Refusal;
use crate::sandbox::gitlab::model::Project;
use crate::sandbox::server::Response;

/// `GET /projects/:id`: `Project` of the API description, as far as the model has it.
pub(super) fn show(call: &mut Call<'_>, project: u64) -> Result<Response, Problem> {
    let found = call.model.projects.get(&project).ok_or(Refusal::NOT_FOUND)?;
    let mut json = call.model.project_json(found);
    if let Some(me) = call.user {
        let level = found.members.get(&me).filter(|member| member.active).map(|member| member.level);
        json["permissions"] = json!({
            "project_access": level.map(|level| json!({ "access_level": level, "notification_level": 3 })),
            "group_access": null,
        });
    }
    Ok(Response::json(StatusCode::OK, &json))
}

/// `GET /projects` (openapi.yaml, line 36045), by id alone: those that this user sees, or is a member of.
pub(super) fn list(call: &mut Call<'_>) -> Result<Response, Problem> {
    let invalid =
        |name: &str| Problem::error(StatusCode::BAD_REQUEST, format!("{name} does not have a valid value"));
    let yes = |name: &str| match call.asked(name) {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(invalid(name)),
    };
    let (membership, archived) = (yes("membership")?, yes("archived")?);
    let after = match call.asked("id_after") {
        None => 0,
        Some(text) => text.parse::<u64>().map_err(|_| invalid("id_after"))?,
    };
    let ascending = match call.asked("sort") {
        None | Some("desc") => false,
        Some("asc") => true,
        Some(_) => return Err(invalid("sort")),
    };
    if !matches!(call.asked("order_by"), None | Some("id" | "created_at")) {
        return Err(invalid("order_by"));
    }
    let mut found: Vec<&Project> = call
        .model
        .projects
        .values()
        .filter(|project| project.id > after && call.model.sees_project(project.id, call.user))
        .filter(|project| archived.is_none_or(|archived| project.archived == archived))
        .filter(|project| {
            let member =
                call.user.and_then(|me| project.members.get(&me)).is_some_and(|member| member.active);
            membership != Some(true) || member
        })
        .collect();
    if !ascending {
        found.reverse();
    }
    page(call, &found, |project| Some(call.model.project_json(project)))
}

/// `GET /projects/:id/members/all/:user_id`: `Member` of the API description; 404 where there is none (facts, section 5).
pub(super) fn member(call: &mut Call<'_>, project: u64, user: &str) -> Result<Response, Problem> {
    let user = call.number(user, "user_id")?;
    let member = call.model.projects.get(&project).and_then(|project| project.members.get(&user));
    let member = member.ok_or(Refusal::NOT_FOUND)?;
    let mut json = call.model.user_json(user);
    json["access_level"] = json!(member.level);
    json["created_at"] = json!(time(member.created_at));
    json["expires_at"] = json!(null);
    json["membership_state"] = json!(if member.active { "active" } else { "awaiting" });
    Ok(Response::json(StatusCode::OK, &json))
}

/// `GET` and `POST /projects/:id/labels` (facts, section 5: 409 for one that is there).
pub(super) fn labels(call: &mut Call<'_>, project: u64) -> Result<Response, Problem> {
    match call.method {
        Method::GET | Method::HEAD => {
            let found = call.model.projects.get(&project).ok_or(Refusal::NOT_FOUND)?;
            let search = call.asked("search").unwrap_or_default().to_lowercase();
            let mut labels: Vec<_> =
                found.labels.iter().filter(|label| label.name.to_lowercase().contains(&search)).collect();
            labels.sort_by_key(|label| label.name.to_lowercase());
            page(call, &labels, |label| Some(call.model.label_json(label)))
        }
        Method::POST => {
            let me = call.me()?;
            let name = call.required("name")?;
            let color = call.required("color")?;
            let description = call.text("description");
            let id = call.model.make_label(project, me, &name, &color, description)?;
            let project = call.model.projects.get(&project).ok_or(Refusal::NOT_FOUND)?;
            let label = project.labels.iter().find(|label| label.id == id).ok_or(Refusal::NOT_FOUND)?;
            Ok(Response::json(StatusCode::CREATED, &call.model.label_json(label)))
        }
        _ => Err(call.not_allowed("GET, HEAD, POST")),
    }
}
