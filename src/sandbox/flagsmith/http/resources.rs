//! Links from features to issues and merge requests.

use serde_json::{Map, Value as Json, json};

use super::call::{Answer, Call, Reply, text};
use crate::sandbox::flagsmith::hooks::valid_url;
use crate::sandbox::flagsmith::view;

/// The list is not paged, and has only `results`.
pub(super) fn all(call: &mut Call<'_>) -> Answer {
    let feature = call.feature(0, 1)?.id;
    if call.is("POST") {
        let body = call.body()?;
        let (kind, url) = checked(&body)?;
        let twice =
            call.world.resources.values().any(|resource| resource.feature == feature && resource.url == url);
        if twice {
            let words = "The fields feature, url must make a unique set.";
            return Err(Reply::invalid("non_field_errors", words));
        }
        if kind.starts_with("GITHUB") {
            let words = "This Project doesn't have a valid GitHub integration configuration";
            return Err(Reply::detail(400, words));
        }
        let metadata = body.get("metadata").cloned().unwrap_or_default();
        let id = call.world.link(feature, kind, url, metadata);
        let resource = call.world.resources.get(&id).ok_or_else(|| Reply::no("FeatureExternalResource"))?;
        return Ok(Reply::created(view::resource(resource)));
    }
    let resources: Vec<Json> = call
        .world
        .resources
        .values()
        .filter(|resource| resource.feature == feature)
        .map(view::resource)
        .collect();
    Ok(Reply::ok(json!({ "results": resources })))
}

fn checked(body: &Map<String, Json>) -> Result<(&str, &str), Reply> {
    const KINDS: [&str; 4] = ["GITLAB_ISSUE", "GITLAB_MR", "GITHUB_ISSUE", "GITHUB_PR"];
    let kind = text(body, "type")?;
    if !KINDS.contains(&kind) {
        return Err(Reply::invalid("type", &format!("\"{kind}\" is not a valid choice.")));
    }
    let url = text(body, "url")?;
    if url.chars().count() > 200 {
        return Err(Reply::invalid("url", "Ensure this field has no more than 200 characters."));
    }
    if valid_url(url).is_none() {
        return Err(Reply::invalid("url", "Enter a valid URL."));
    }
    Ok((kind, url))
}

pub(super) fn one(call: &mut Call<'_>) -> Answer {
    let feature = call.feature(0, 1)?.id;
    let id = call.id(2);
    if call.world.resources.get(&id).is_none_or(|resource| resource.feature != feature) {
        return Err(Reply::no("FeatureExternalResource"));
    }
    match call.method.as_str() {
        "GET" => {}
        "DELETE" => {
            call.world.unlink(id);
            return Ok(Reply::nothing(204));
        }
        method => {
            let body = call.body()?;
            if method == "PUT" {
                checked(&body)?;
            }
            // Only what is said about the work changes; the tag stays as it is.
            if let (Some(resource), Some(metadata)) =
                (call.world.resources.get_mut(&id), body.get("metadata"))
            {
                resource.metadata = metadata.clone();
            }
        }
    }
    let resource = call.world.resources.get(&id).ok_or_else(|| Reply::no("FeatureExternalResource"))?;
    Ok(Reply::ok(view::resource(resource)))
}
