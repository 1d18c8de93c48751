//! How Unleash shows what it keeps.

use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use super::model::{Actor, Addon, Environment, Event, Feature, FlagIn, Strategy, TagType};
use super::world::World;

/// The name and picture of somebody.
fn person(actor: &Actor) -> Json {
    let (name, hash) = match actor.id {
        -42 => (
            "Unleash Admin Token User",
            "3dc16570162d3b0b99d893698516645520622ab41162256213fb7b04eb969d84".to_owned(),
        ),
        -1337 => {
            ("Unleash System", "343174e25cfff8237d6890b18a40a898f732f968f3bcb263d30d2e29667348f6".to_owned())
        }
        _ => (actor.name.as_str(), hex::encode(Sha256::digest(actor.name.as_bytes()))),
    };
    json!({
        "id": actor.id,
        "name": name,
        "imageUrl": format!("https://gravatar.com/avatar/{hash}?s=42&d=retro&r=g"),
    })
}

/// A strategy as its own calls show it.
pub(super) fn strategy(strategy: &Strategy) -> Json {
    json!({
        "id": strategy.id,
        "name": strategy.name,
        "title": strategy.title,
        "disabled": strategy.disabled,
        "constraints": strategy.constraints,
        "parameters": strategy.parameters,
        "variants": strategy.variants,
        "segments": strategy.segments,
        "sortOrder": strategy.sort_order,
    })
}

/// A strategy in the list of an environment's.
pub(super) fn listed_strategy(of: &Strategy) -> Json {
    let mut shown = strategy(of);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("milestoneId".to_owned(), Json::Null);
    }
    shown
}

/// A flag as it is answered when it is made or changed, and as events show it.
pub(super) fn short_feature(feature: &Feature) -> Json {
    json!({
        "name": feature.name,
        "description": feature.description,
        "type": feature.kind,
        "project": feature.project,
        "stale": feature.stale,
        "createdAt": feature.created_at.text(),
        "impressionData": feature.impression_data,
        "archived": feature.archived_at.is_some(),
    })
}

/// A flag with all there is to it.
pub(super) fn feature(world: &World, feature: &Feature) -> Json {
    let environments: Vec<Json> = world
        .environments_of(&feature.project)
        .into_iter()
        .map(|environment| {
            let nothing = FlagIn::default();
            let state = feature.environments.get(&environment.name).unwrap_or(&nothing);
            json!({
                "name": environment.name,
                "lastSeenAt": null,
                "enabled": state.enabled,
                "yes": 0,
                "no": 0,
                "type": environment.kind,
                "sortOrder": environment.sort_order,
                "strategies": state.strategies.iter().map(strategy).collect::<Vec<_>>(),
            })
        })
        .collect();
    let links: Vec<Json> = feature
        .links
        .iter()
        .map(|link| json!({ "id": link.id, "url": link.url, "title": link.title, "feature": feature.name }))
        .collect();
    json!({
        "environments": environments,
        "name": feature.name,
        "impressionData": feature.impression_data,
        "description": feature.description,
        "project": feature.project,
        "stale": feature.stale,
        "createdAt": feature.created_at.text(),
        "createdBy": person(&feature.created_by),
        "type": feature.kind,
        "archived": feature.archived_at.is_some(),
        "dependencies": [],
        "children": [],
        "lifecycle": lifecycle(feature),
        "links": links,
        "collaborators": { "users": feature.collaborators.iter().map(person).collect::<Vec<_>>() },
    })
}

/// A real one has this a second after the flag was made; here it stays at its beginning.
pub(super) fn lifecycle(feature: &Feature) -> Json {
    json!({ "stage": "initial", "enteredStageAt": feature.created_at.text() })
}

fn listed_environment(environment: &Environment, state: Option<&FlagIn>) -> Json {
    let nothing = FlagIn::default();
    let state = state.unwrap_or(&nothing);
    let variants = |strategy: &Strategy| strategy.variants.as_array().map_or(0, Vec::len);
    json!({
        "name": environment.name,
        "enabled": state.enabled,
        "type": environment.kind,
        "sortOrder": environment.sort_order,
        "variantCount": state.strategies.iter().map(variants).sum::<usize>(),
        "lastSeenAt": null,
        "hasStrategies": !state.strategies.is_empty(),
        "hasEnabledStrategies": state.strategies.iter().any(|strategy| !strategy.disabled),
    })
}

/// A flag in the list of a project's.
pub(super) fn listed_feature(world: &World, feature: &Feature) -> Json {
    let environments: Vec<Json> = world
        .environments_of(&feature.project)
        .into_iter()
        .map(|environment| listed_environment(environment, feature.environments.get(&environment.name)))
        .collect();
    let mut shown = json!({
        "type": feature.kind,
        "description": feature.description,
        "favorite": false,
        "name": feature.name,
        "createdAt": feature.created_at.text(),
        "stale": feature.stale,
        "impressionData": feature.impression_data,
        "environments": environments,
    });
    if let (Some(fields), false) = (shown.as_object_mut(), feature.tags.is_empty()) {
        fields.insert("tags".to_owned(), tags(world, feature));
    }
    shown
}

/// A flag that was searched for.
pub(super) fn found_feature(world: &World, feature: &Feature) -> Json {
    let mut shown = listed_feature(world, feature);
    if let Some(Json::Array(environments)) = shown.get_mut("environments") {
        for environment in environments.iter_mut().filter_map(Json::as_object_mut) {
            environment.insert("yes".to_owned(), json!(0));
            environment.insert("no".to_owned(), json!(0));
            environment.insert("changeRequestIds".to_owned(), json!([]));
        }
    }
    if let Some(fields) = shown.as_object_mut() {
        for (name, value) in [
            ("project", json!(feature.project)),
            ("archivedAt", json!(feature.archived_at.map(super::clock::Stamp::text))),
            ("dependencyType", Json::Null),
            ("segments", json!([])),
            ("createdBy", person(&feature.created_by)),
            ("lifecycle", lifecycle(feature)),
        ] {
            fields.insert(name.to_owned(), value);
        }
    }
    shown
}

/// A flag's tags, with their colours.
pub(super) fn tags(world: &World, feature: &Feature) -> Json {
    let color = |kind: &str| {
        world.tag_types.iter().find(|known| known.name == kind).and_then(|known| known.color.clone())
    };
    feature
        .tags
        .iter()
        .map(|tag| json!({ "type": tag.kind, "value": tag.value, "color": color(&tag.kind) }))
        .collect()
}

/// A type of tags.
pub(super) fn tag_type(kind: &TagType) -> Json {
    json!({
        "name": kind.name,
        "description": kind.description,
        "icon": kind.icon,
        "color": kind.color,
    })
}

/// An event as webhooks carry it.
pub(super) fn event(event: &Event) -> Json {
    let mut shown = json!({
        "id": event.id,
        "type": event.kind,
        "createdBy": event.by.name,
        "createdAt": event.at.text(),
        "createdByUserId": event.by.id,
        "data": event.data,
        "preData": event.pre_data,
        "tags": event.tags,
        "featureName": event.feature,
        "project": event.project,
        "environment": event.environment,
    });
    if let (Some(fields), Some(group)) = (shown.as_object_mut(), &event.group) {
        fields.insert("groupType".to_owned(), json!("transaction"));
        fields.insert("groupId".to_owned(), json!(group));
    }
    shown
}

/// An event that was searched for: with words for people.
pub(super) fn found_event(of: &Event) -> Json {
    let mut shown = event(of);
    if let Some(fields) = shown.as_object_mut() {
        let (label, summary) = words(of);
        fields.insert("label".to_owned(), json!(label));
        fields.insert("summary".to_owned(), json!(summary));
    }
    shown
}

/// A page of the dashboard is named as a real Unleash names it that was not told its own address.
fn words(event: &Event) -> (&'static str, String) {
    let by = &event.by.name;
    let project = event.project.as_deref().unwrap_or_default();
    let name = event.feature.as_deref().unwrap_or_default();
    let home = format!("http://localhost:4242/projects/{project}");
    let place = format!("in project **[{project}]({home})**");
    let flag = format!("**[{name}]({home}/features/{name})**");
    let environment = event.environment.as_deref().unwrap_or_default();
    match event.kind {
        "feature-environment-enabled" => {
            ("Flag enabled", format!("**{by}** enabled {flag} for the **{environment}** environment {place}"))
        }
        "feature-environment-disabled" => (
            "Flag disabled",
            format!("**{by}** disabled {flag} for the **{environment}** environment {place}"),
        ),
        "feature-metadata-updated" => {
            ("Flag metadata updated", format!("**{by}** updated {flag} metadata {place}"))
        }
        "feature-stale-on" => ("Flag marked as stale", format!("**{by}** marked {flag} as stale {place}")),
        "feature-stale-off" => {
            ("Flag stale marking removed", format!("**{by}** removed the stale marking on {flag} {place}"))
        }
        // What was not recorded has the words of kinds that Unleash has none for.
        kind => (kind, format!("**{by}** triggered **{kind}**")),
    }
}

/// A webhook; `secrets` in clear only in the answer to the one who made it.
pub(super) fn addon(addon: &Addon, secrets: bool) -> Json {
    let mut parameters = addon.parameters.clone();
    if !secrets {
        for name in ["url", "authorization", "customHeaders"] {
            if let Some(value) = parameters.get_mut(name) {
                *value = json!("*****");
            }
        }
    }
    let mut shown = json!({
        "id": addon.id,
        "provider": "webhook",
        "enabled": addon.enabled,
        "description": addon.description,
        "parameters": parameters,
        "events": addon.events,
        "projects": addon.projects,
        "environments": addon.environments,
    });
    if let (Some(fields), false) = (shown.as_object_mut(), secrets) {
        fields.insert("createdAt".to_owned(), json!(addon.created_at.text()));
    }
    shown
}
