//! Webhooks.

use serde_json::{Map, Value as Json, json};
use url::{Host, Url};

use super::call::{Answer, Call, Reply};
use crate::sandbox::unleash::deliveries::Outcome;
use crate::sandbox::unleash::events::{EVENTS, happened};
use crate::sandbox::unleash::flags::text;
use crate::sandbox::unleash::model::Addon;
use crate::sandbox::unleash::view;

/// The webhooks; their secrets masked.
pub(super) fn all(call: &mut Call<'_>) -> Answer {
    let shown: Vec<Json> = call.world.addons.iter().map(|addon| view::addon(addon, false)).collect();
    let webhook = json!({ "name": "webhook", "displayName": "Webhook", "events": EVENTS });
    Ok(Reply::ok(json!({ "addons": shown, "providers": [webhook] })))
}

const INVALID: &str = "A validation error occurred while processing your request data. Please make sure it conforms to \
                       the request data schema.";

/// The parameters that were sent, where their address is taken.
fn parameters(call: &Call<'_>, body: &Json) -> Result<Map<String, Json>, Reply> {
    let sent = body.get("parameters").and_then(Json::as_object).cloned().unwrap_or_default();
    let url = sent.get("url").and_then(Json::as_str).unwrap_or_default();
    if !call.world.private_addresses && is_private(url) || Url::parse(url).is_err() {
        return Err(Reply::bad(INVALID));
    }
    Ok(sent)
}

/// Makes an addon what was sent, all of it.
fn fill(addon: &mut Addon, body: &Json, parameters: Map<String, Json>) {
    let list = |field: &str| -> Vec<String> {
        let list = body.get(field).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Json::as_str).map(str::to_owned).collect()
    };
    addon.enabled = body.get("enabled").and_then(Json::as_bool).unwrap_or(true);
    addon.description = text(body, "description");
    addon.parameters = parameters;
    addon.events = list("events");
    addon.projects = list("projects");
    addon.environments = list("environments");
}

pub(super) fn make(call: &mut Call<'_>) -> Answer {
    let body = call.body()?;
    let parameters = parameters(call, &body)?;
    let url = parameters.get("url").and_then(Json::as_str).unwrap_or_default();
    let id = call.world.add_webhook(url, None, &[]);
    let found = call.world.addons.iter_mut().find(|addon| addon.id == id);
    let addon = found.ok_or_else(|| Reply::bad(INVALID))?;
    fill(addon, &body, parameters);
    let shown = view::addon(addon, true);
    told(call, "addon-config-created", &shown);
    Ok(Reply::json(201, shown))
}

/// Changes an addon. Its secrets are shown to the one who sent them.
pub(super) fn change(call: &mut Call<'_>) -> Answer {
    let (id, body) = (call.part(0), call.body()?);
    let parameters = parameters(call, &body)?;
    let found = call.world.addons.iter_mut().find(|addon| addon.id.to_string() == id);
    let addon = found.ok_or_else(|| Reply::not_found("Could not find addon"))?;
    fill(addon, &body, parameters);
    let mut shown = view::addon(addon, true);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("createdAt".to_owned(), json!(addon.created_at.text()));
    }
    told(call, "addon-config-updated", &shown);
    Ok(Reply::ok(shown))
}

fn told(call: &mut Call<'_>, kind: &'static str, shown: &Json) {
    let mut data = shown.clone();
    if let Some(fields) = data.as_object_mut() {
        fields.remove("parameters");
    }
    let who = call.who.clone();
    call.world.tell_of_nothing(&who, happened(kind).with(data).group(None));
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

/// What an integration has sent, the newest first. A dead port and a receiver that is too slow read as a 500, too.
pub(super) fn events(call: &mut Call<'_>) -> Answer {
    let id = id(call)?;
    let limit = call.number("limit", 50);
    let sent = call.world.sent.iter().enumerate().rev().filter(|(_, delivery)| delivery.webhook == id);
    let shown = sent.filter_map(|(number, delivery)| {
        let status = match &delivery.outcome {
            Outcome::Answered(status) => *status,
            Outcome::Failed(_) => 500,
            Outcome::Held | Outcome::Waiting | Outcome::Dropped => return None,
        };
        let good = (200..300).contains(&status);
        let words = if good { "was successful" } else { "failed" };
        Some(json!({
            "id": (number + 1).to_string(),
            "integrationId": id,
            "createdAt": delivery.ended_at.map(|at| at.text()),
            "state": if good { "success" } else { "failed" },
            "stateDetails": format!("Webhook request {words} with status code: {status}."),
            "event": delivery.json(),
            "details": { "url": delivery.url, "body": delivery.json(), "contentType": "application/json" },
        }))
    });
    let shown: Vec<Json> = shown.take(limit).collect();
    Ok(Reply::ok(json!({ "integrationEvents": shown })))
}
