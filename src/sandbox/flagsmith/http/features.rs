//! Features of a project.

use std::cmp::Ordering;

use regex::Regex;
use serde_json::{Map, Value as Json};

use super::call::{Answer, Call, Reply, optional_text, text, truth};
use crate::sandbox::flagsmith::flags::{FeatureChange, NewFeature};
use crate::sandbox::flagsmith::model::{Feature, Who};
use crate::sandbox::flagsmith::value::Value;
use crate::sandbox::flagsmith::view::{self, Through};

pub(super) fn all(call: &mut Call<'_>) -> Answer {
    let project = call.project(0)?.id;
    if call.is("POST") {
        return create(call, project);
    }
    let through = Through { environment: call.query_id("environment"), segment: call.query_id("segment") };
    if let Some(environment) = through.environment
        && call.world.environments.get(&environment).is_none_or(|found| found.project != project)
    {
        return Err(Reply::no("Environment"));
    }
    let mut features: Vec<&Feature> = call
        .world
        .features
        .values()
        .filter(|feature| feature.project == project && is_wanted(call, feature, through))
        .collect();
    let order = |a: &Feature, b: &Feature| match call.query("sort_field") {
        Some("name") => a.name.cmp(&b.name),
        _ => a.id.cmp(&b.id),
    };
    let reverse = |order: Ordering| match call.query("sort_direction") {
        Some("DESC") => order.reverse(),
        _ => order,
    };
    features.sort_by(|a, b| reverse(order(a, b)));
    call.page(&features, |world, feature| view::feature(world, feature, through))
}

fn is_wanted(call: &Call<'_>, feature: &Feature, through: Through) -> bool {
    let ids = |list: &str| -> Vec<u64> { list.split(',').filter_map(|id| id.trim().parse().ok()).collect() };
    let named = call
        .query("search")
        .is_none_or(|search| feature.name.to_lowercase().contains(&search.to_lowercase()));
    let archived = call.query_truth("is_archived").is_none_or(|archived| feature.is_archived == archived);
    let of_type = call.query("type").is_none_or(|kind| view::feature_type(feature) == kind);
    let owned =
        call.query("owners").is_none_or(|list| ids(list).iter().any(|owner| feature.owners.contains(owner)));
    let tagged = call.query("tags").is_none_or(|list| match call.query("tag_strategy") {
        _ if list.is_empty() => feature.tags.is_empty(),
        Some("UNION") => ids(list).iter().any(|tag| feature.tags.contains(tag)),
        _ => ids(list).iter().all(|tag| feature.tags.contains(tag)),
    });
    let state = through.environment.and_then(|environment| call.world.default_state(environment, feature.id));
    let enabled = match (call.query_truth("is_enabled"), state) {
        (Some(wanted), Some(state)) => state.enabled == wanted,
        _ => true,
    };
    let valued = match (call.query("value_search"), state) {
        (Some(wanted), Some(state)) if !wanted.is_empty() => {
            matches!(&state.value, Value::Text(text) if text.to_lowercase().contains(&wanted.to_lowercase()))
        }
        _ => true,
    };
    named && archived && of_type && owned && tagged && enabled && valued
}

fn create(call: &mut Call<'_>, project: u64) -> Answer {
    let body = call.body()?;
    let name = text(&body, "name")?;
    if call.world.feature_named(project, name).is_some() {
        let words = "Feature with that name already exists for this project. Note that feature names are case insensitive.";
        return Err(Reply::invalid("name", words));
    }
    let pattern = call.project(0)?.feature_name_regex.clone();
    if let Some(pattern) = pattern
        && Regex::new(&format!("^(?:{pattern})$")).is_ok_and(|pattern| !pattern.is_match(name))
    {
        return Err(Reply::invalid("name", &format!("Feature name must match regex: {pattern}")));
    }
    let tags = tags(call, project, &body)?.unwrap_or_default();
    let options = body.get("multivariate_options").and_then(Json::as_array).cloned().unwrap_or_default();
    let options = options
        .iter()
        .map(|option| {
            let value = Value::from_typed(option)
                .ok_or_else(|| Reply::invalid("multivariate_options", "Invalid value."))?;
            let share = option.get("default_percentage_allocation").and_then(Json::as_f64).unwrap_or(100.0);
            Ok((value, share))
        })
        .collect::<Result<Vec<_>, Reply>>()?;
    let new = NewFeature {
        name: name.to_owned(),
        description: optional_text(&body, "description").flatten(),
        initial_value: match body.get("initial_value") {
            Some(Json::String(text)) => Some(text.clone()),
            Some(Json::Null) | None => None,
            Some(other) => Some(other.to_string()),
        },
        default_enabled: truth(&body, "default_enabled")?.unwrap_or_default(),
        tags,
        options,
        owners: match call.who {
            Who::User(id) => vec![id],
            Who::Key(_) | Who::Nobody => Vec::new(),
        },
    };
    let id = call.world.new_feature(call.who, project, new);
    let feature = call.world.features.get(&id).ok_or_else(|| Reply::no("Feature"))?;
    Ok(Reply::created(view::feature_created(call.world, feature)))
}

/// The tags in a body, if it has any.
fn tags(call: &Call<'_>, project: u64, body: &Map<String, Json>) -> Result<Option<Vec<u64>>, Reply> {
    let list = match body.get("tags") {
        None => return Ok(None),
        Some(Json::Array(list)) => list,
        Some(_) => return Err(Reply::invalid("tags", "Expected a list of items but got type \"str\".")),
    };
    let mut tags = Vec::new();
    for tag in list {
        match tag.as_u64() {
            Some(id) if call.world.tags.get(&id).is_some_and(|tag| tag.project == project) => tags.push(id),
            Some(id) => {
                return Err(Reply::invalid("tags", &format!("Invalid pk \"{id}\" - object does not exist.")));
            }
            None => {
                return Err(Reply::invalid("tags", "Incorrect type. Expected pk value, received str."));
            }
        }
    }
    Ok(Some(tags))
}

pub(super) fn one(call: &mut Call<'_>) -> Answer {
    let feature = call.feature(0, 1)?;
    let (id, project) = (feature.id, feature.project);
    match call.method.as_str() {
        "GET" => {
            let through =
                Through { environment: call.query_id("environment"), segment: call.query_id("segment") };
            let feature = call.feature(0, 1)?;
            Ok(Reply::ok(view::feature(call.world, feature, through)))
        }
        "DELETE" => {
            call.world.delete_feature(call.who, id);
            Ok(Reply::nothing(204))
        }
        method => {
            let body = call.body()?;
            if method == "PUT" {
                text(&body, "name")?;
            }
            // A new name is taken and changes nothing.
            let change = FeatureChange {
                description: optional_text(&body, "description"),
                is_archived: truth(&body, "is_archived")?,
                tags: tags(call, project, &body)?,
            };
            call.world.change_feature(call.who, id, change);
            let feature = call.feature(0, 1)?;
            Ok(Reply::ok(view::feature_changed(call.world, feature)))
        }
    }
}
