//! Webhooks.

use serde_json::{Map, Value as Json, json};
use url::{Host, Url};

use super::call::{Answer, Call, Reply};
use crate::sandbox::unleash::events::{EVENTS, happened};
use crate::sandbox::unleash::flags::text;
use crate::sandbox::unleash::view;

/// The webhooks; their secrets masked.
pub(super) fn all(call: &mut Call<'_>) -> Answer {
    let shown: Vec<Json> = call.world.addons.iter().map(|addon| view::addon(addon, false)).collect();
    let webhook = json!({ "name": "webhook", "displayName": "Webhook", "events": EVENTS });
    Ok(Reply::ok(json!({ "addons": shown, "providers": [webhook] })))
}

pub(super) fn make(call: &mut Call<'_>) -> Answer {
    const INVALID: &str = "A validation error occurred while processing your request data. Please make sure it \
                           conforms to the request data schema.";
    let body = call.body()?;
    let parameters: Map<String, Json> =
        body.get("parameters").and_then(Json::as_object).cloned().unwrap_or_default();
    let url = parameters.get("url").and_then(Json::as_str).unwrap_or_default().to_owned();
    if !call.world.private_addresses && is_private(&url) || Url::parse(&url).is_err() {
        return Err(Reply::bad(INVALID));
    }
    let list = |field: &str| -> Vec<String> {
        let list = body.get(field).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    let id = call.world.add_webhook(&url, None, &[]);
    let found = call.world.addons.iter_mut().find(|addon| addon.id == id);
    let addon = found.ok_or_else(|| Reply::bad(INVALID))?;
    addon.enabled = body.get("enabled").and_then(Json::as_bool).unwrap_or(true);
    addon.description = text(&body, "description");
    addon.parameters = parameters;
    addon.events = list("events");
    addon.projects = list("projects");
    addon.environments = list("environments");
    let shown = view::addon(addon, true);
    let mut told = shown.clone();
    if let Some(fields) = told.as_object_mut() {
        fields.remove("parameters");
    }
    let who = call.who.clone();
    call.world.tell_of_nothing(&who, happened("addon-config-created").with(told).group(None));
    Ok(Reply::json(201, shown))
}

fn is_private(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Ipv4(address)) => {
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
        }
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => true,
    }
}

fn id(call: &Call<'_>) -> Result<u64, Reply> {
    let id = call.part(0).parse().unwrap_or_default();
    let known = call.world.addons.iter().any(|addon| addon.id == id);
    known.then_some(id).ok_or_else(|| Reply::not_found(&format!("Could not find addon with id {id}")))
}

pub(super) fn one(call: &mut Call<'_>) -> Answer {
    let id = id(call)?;
    let found = call.world.addons.iter().find(|addon| addon.id == id);
    Ok(Reply::ok(found.map(|addon| view::addon(addon, false)).unwrap_or_default()))
}

pub(super) fn remove(call: &mut Call<'_>) -> Answer {
    let id = id(call)?;
    call.world.addons.retain(|addon| addon.id != id);
    Ok(Reply::nothing(200))
}
