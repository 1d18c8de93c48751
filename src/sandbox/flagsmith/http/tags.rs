//! Tags of a project.

use serde_json::{Value as Json, json};

use super::call::{Answer, Call, Reply, optional_text, text, truth};
use crate::sandbox::flagsmith::view;

/// The colour of a tag for which none was chosen.
const COLOUR: &str = "#6837FC";

pub(super) fn all(call: &mut Call<'_>) -> Answer {
    let project = call.project(0)?.id;
    if call.is("POST") {
        let body = call.body()?;
        let label = text(&body, "label")?;
        let permanent = truth(&body, "is_permanent")?.unwrap_or_default();
        let color = body.get("color").and_then(Json::as_str).unwrap_or(COLOUR);
        let description = body.get("description").and_then(Json::as_str);
        // A second one with the same label is taken, and what is said about `type` and `is_system_tag` is not.
        let id = call.world.new_tag(project, label, color, description);
        let tag = call.world.tags.get_mut(&id).ok_or_else(|| Reply::no("Tag"))?;
        tag.is_permanent = permanent;
        return Ok(Reply::created(view::tag(tag)));
    }
    let tags: Vec<Json> =
        call.world.tags.values().filter(|tag| tag.project == project).map(view::tag).collect();
    call.page(&tags, |_, tag| tag.clone())
}

pub(super) fn one(call: &mut Call<'_>) -> Answer {
    let project = call.project(0)?.id;
    let id = call.id(1);
    let found = call.world.tags.get(&id).filter(|tag| tag.project == project);
    let is_system = found.ok_or_else(|| Reply::no("Tag"))?.is_system;
    match call.method.as_str() {
        "GET" => {}
        "DELETE" => {
            if is_system {
                return Err(Reply::json(400, json!({ "message": "Cannot delete a system tag." })));
            }
            call.world.delete_tag(id);
            return Ok(Reply::nothing(204));
        }
        method => {
            if is_system {
                return Err(Reply::invalid("non_field_errors", "Cannot update a system tag."));
            }
            let body = call.body()?;
            let label = match body.get("label") {
                None if method == "PATCH" => None,
                _ => Some(text(&body, "label")?.to_owned()),
            };
            let permanent = truth(&body, "is_permanent")?;
            if let Some(tag) = call.world.tags.get_mut(&id) {
                tag.label = label.unwrap_or_else(|| tag.label.clone());
                if let Some(Some(color)) = optional_text(&body, "color") {
                    tag.color = color;
                }
                if let Some(description) = optional_text(&body, "description") {
                    tag.description = description;
                }
                tag.is_permanent = permanent.unwrap_or(tag.is_permanent);
            }
        }
    }
    let tag = call.world.tags.get(&id).ok_or_else(|| Reply::no("Tag"))?;
    Ok(Reply::ok(view::tag(tag)))
}
