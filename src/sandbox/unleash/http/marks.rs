//! Tags, types of tags, and links.

use serde_json::{Value as Json, json};

use super::call::{Answer, Call, Reply};
use crate::sandbox::unleash::addresses::normal;
use crate::sandbox::unleash::flags::text;
use crate::sandbox::unleash::model::{Tag, TagType};
use crate::sandbox::unleash::view;

/// How many characters the value of a tag may have.
const LONGEST: usize = 50;

/// How many links a flag may have.
const MOST_LINKS: usize = 10;

pub(super) fn tag_types(call: &mut Call<'_>) -> Answer {
    let shown: Vec<Json> = call.world.tag_types.iter().map(view::tag_type).collect();
    Ok(Reply::ok(json!({ "version": 1, "tagTypes": shown })))
}

pub(super) fn new_tag_type(call: &mut Call<'_>) -> Answer {
    let (body, who) = (call.body()?, call.who.clone());
    let name = text(&body, "name").unwrap_or_default();
    let new = TagType {
        name: name.clone(),
        description: text(&body, "description"),
        icon: text(&body, "icon"),
        color: text(&body, "color"),
    };
    if !call.world.new_tag_type(&who, new) {
        let words = format!("There already exists a tag-type with the name {name}");
        return Err(Reply::error(409, "NameExistsError", &words));
    }
    Ok(Reply::json(201, body).with("location", &format!("tag-types/{name}")))
}

/// The flag named in the path, archived or not. The project is not.
fn feature(call: &Call<'_>) -> Result<String, Reply> {
    let name = call.part(0);
    match call.world.feature(&name) {
        Some(_) => Ok(name),
        _ => Err(Reply::not_found(&format!("Could not find feature flag with name {name}"))),
    }
}

fn tag_of(call: &Call<'_>, body: &Json, path: &str) -> Result<Tag, Reply> {
    let (kind, value) = (text(body, "type"), text(body, "value"));
    let tag = Tag { kind: kind.unwrap_or_default(), value: value.unwrap_or_default() };
    if tag.value.chars().count() > LONGEST {
        let words = format!(
            "The `{path}/value` property must NOT have more than {LONGEST} characters. You sent \"{}\".",
            tag.value
        );
        return Err(Reply::invalid(&format!("{path}/value"), &words));
    }
    // The words were not recorded.
    if call.world.tag_types.iter().all(|known| known.name != tag.kind) {
        return Err(Reply::not_found(&format!("Could not find tag-type {}", tag.kind)));
    }
    Ok(tag)
}

fn shown(call: &Call<'_>, name: &str) -> Answer {
    let tags = call.world.feature(name).map(|feature| view::tags(call.world, feature));
    Ok(Reply::ok(json!({ "version": 1, "tags": tags })))
}

pub(super) fn tags(call: &mut Call<'_>) -> Answer {
    let name = feature(call)?;
    shown(call, &name)
}

pub(super) fn tag(call: &mut Call<'_>) -> Answer {
    let (body, who) = (call.body()?, call.who.clone());
    let tag = tag_of(call, &body, "/body")?;
    let name = feature(call)?;
    let answer = json!({ "type": tag.kind, "value": tag.value });
    call.world.tag(&who, &name, tag);
    Ok(Reply::json(201, answer).with("location", &format!("{name}/tags")))
}

/// First those that are added, then those that are removed.
pub(super) fn change_tags(call: &mut Call<'_>) -> Answer {
    let (name, body, who) = (feature(call)?, call.body()?, call.who.clone());
    let list = |field: &str| body.get(field).and_then(Json::as_array).cloned().unwrap_or_default();
    for one in list("addedTags") {
        let tag = tag_of(call, &one, "/body/addedTags")?;
        call.world.tag(&who, &name, tag);
    }
    for one in list("removedTags") {
        let tag = tag_of(call, &one, "/body/removedTags")?;
        call.world.untag(&who, &name, &tag);
    }
    shown(call, &name)
}

pub(super) fn untag(call: &mut Call<'_>) -> Answer {
    let (name, who) = (feature(call)?, call.who.clone());
    let tag = Tag { kind: call.part(1), value: call.part(2) };
    call.world.untag(&who, &name, &tag);
    Ok(Reply::nothing(200))
}

fn address(body: &Json) -> Result<(String, Option<String>), Reply> {
    let sent = text(body, "url").unwrap_or_default();
    let url = normal(&sent).ok_or_else(|| Reply::bad(&format!("Invalid URL: {sent}")))?;
    Ok((url, text(body, "title")))
}

/// The flag of a link, archived or not: in the archive links may be changed and taken away.
fn of_link(call: &Call<'_>) -> Result<String, Reply> {
    Ok(call.feature()?.name.clone())
}

/// The same address twice makes two links; what was made is not said. There is room for ten.
pub(super) fn add_link(call: &mut Call<'_>) -> Answer {
    let (name, who) = (of_link(call)?, call.who.clone());
    let known = call.world.feature(&name).filter(|feature| feature.archived_at.is_none());
    let Some(known) = known else {
        return Err(Reply::not_found(&format!("Could not find feature with name {name}")));
    };
    if known.links.len() >= MOST_LINKS {
        let words = format!("Too many links ({MOST_LINKS}) exist for this feature");
        return Err(Reply::error(403, "OperationDeniedError", &words));
    }
    let (url, title) = address(&call.body()?)?;
    call.world.add_link(&who, &name, &url, title.as_deref());
    Ok(Reply::nothing(204))
}

pub(super) fn change_link(call: &mut Call<'_>) -> Answer {
    let (name, id, who) = (of_link(call)?, call.part(2), call.who.clone());
    let (url, title) = address(&call.body()?)?;
    match call.world.change_link(&who, &name, &id, &url, title.as_deref()) {
        true => Ok(Reply::nothing(204)),
        false => Err(Reply::not_found(&format!("No item with id {id}"))),
    }
}

pub(super) fn remove_link(call: &mut Call<'_>) -> Answer {
    let (name, id, who) = (of_link(call)?, call.part(2), call.who.clone());
    match call.world.remove_link(&who, &name, &id) {
        true => Ok(Reply::nothing(204)),
        false => Err(Reply::not_found(&format!("No item with id {id}"))),
    }
}
