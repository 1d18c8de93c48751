//! Projects and their segments.

use serde_json::{Map, Value as Json, json};

use super::call::{Answer, Call, Reply, optional_text, text};
use crate::sandbox::flagsmith::view;
use crate::sandbox::flagsmith::world::World;

/// The list is a plain array, not paged.
pub(super) fn all(call: &mut Call<'_>) -> Answer {
    if call.is("POST") {
        let body = call.body()?;
        let name = text(&body, "name")?;
        let organisation = body.get("organisation").and_then(Json::as_u64);
        let Some(organisation) = organisation.filter(|id| call.organisations().contains(id)) else {
            return Err(Reply::detail(403, "You do not have permission to perform this action."));
        };
        let id = call.world.new_project(organisation, name);
        let project = call.world.projects.get(&id).ok_or_else(|| Reply::no("Project"))?;
        return Ok(Reply::created(view::project(project)));
    }
    let wanted = call.query_id("organisation");
    let projects: Vec<Json> = call
        .world
        .projects
        .values()
        .filter(|project| call.may_see_project(project.id))
        .filter(|project| wanted.is_none_or(|wanted| project.organisation == wanted))
        .map(view::project)
        .collect();
    Ok(Reply::ok(Json::Array(projects)))
}

pub(super) fn one(call: &mut Call<'_>) -> Answer {
    let id = call.project(0)?.id;
    match call.method.as_str() {
        "GET" => {}
        "DELETE" => {
            let features: Vec<u64> = call
                .world
                .features
                .values()
                .filter(|feature| feature.project == id)
                .map(|feature| feature.id)
                .collect();
            for feature in features {
                call.world.delete_feature(call.who, feature);
            }
            call.world.environments.retain(|_, environment| environment.project != id);
            call.world.projects.remove(&id);
            return Ok(Reply::nothing(204));
        }
        _ => {
            let body = call.body()?;
            let name = match body.get("name") {
                Some(_) => Some(text(&body, "name")?.to_owned()),
                None => None,
            };
            let regex = optional_text(&body, "feature_name_regex");
            // `stale_flags_limit_days` is taken and changes nothing without a licence.
            if let Some(project) = call.world.projects.get_mut(&id) {
                project.name = name.unwrap_or_else(|| project.name.clone());
                project.feature_name_regex = regex.unwrap_or_else(|| project.feature_name_regex.clone());
                return Ok(Reply::ok(view::project(project)));
            }
        }
    }
    let project = call.project(0)?;
    Ok(Reply::ok(view::project_alone(call.world, project)))
}

/// Empty: on the free plan nobody can read the audit log.
pub(super) fn audit(call: &mut Call<'_>) -> Answer {
    call.project(0)?;
    call.page::<Json>(&[], |_, entry| entry.clone())
}

pub(super) fn segments(call: &mut Call<'_>) -> Answer {
    let project = call.project(0)?.id;
    if call.is("POST") {
        let body = call.body()?;
        let name = text(&body, "name")?;
        let Some(Json::Array(rules)) = body.get("rules") else {
            return Err(Reply::invalid("rules", "This field is required."));
        };
        let rules: Vec<Json> = rules.iter().map(|rule| numbered(call.world, rule, true)).collect();
        let description = body.get("description").and_then(Json::as_str);
        let id = call.world.new_segment(call.who, project, name, description, Json::Array(rules));
        let segment = call.world.segments.get(&id).ok_or_else(|| Reply::no("Segment"))?;
        return Ok(Reply::created(view::segment(segment)));
    }
    let segments: Vec<Json> = call
        .world
        .segments
        .values()
        .filter(|segment| segment.project == project)
        .map(view::segment)
        .collect();
    call.page(&segments, |_, segment| segment.clone())
}

/// A rule of a segment as it is shown: with ids, and no rules below the second floor.
fn numbered(world: &mut World, rule: &Json, top: bool) -> Json {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), json!(world.next_id("rule")));
    shown.insert("type".to_owned(), rule.get("type").cloned().unwrap_or_default());
    let list = |field: &str| rule.get(field).and_then(Json::as_array).cloned().unwrap_or_default();
    if top {
        let rules: Vec<Json> = list("rules").iter().map(|rule| numbered(world, rule, false)).collect();
        shown.insert("rules".to_owned(), Json::Array(rules));
    }
    let conditions: Vec<Json> = list("conditions")
        .into_iter()
        .map(|condition| {
            json!({
                "id": world.next_id("condition"),
                "operator": condition.get("operator"),
                "property": condition.get("property"),
                "value": condition.get("value"),
                "description": condition.get("description"),
            })
        })
        .collect();
    shown.insert("conditions".to_owned(), Json::Array(conditions));
    Json::Object(shown)
}
