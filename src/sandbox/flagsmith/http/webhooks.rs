//! Registering webhooks.

use serde_json::{Map, Value as Json, json};

use super::call::{Answer, Call, Reply, text, truth};
use crate::sandbox::flagsmith::model::Scope;
use crate::sandbox::flagsmith::view;

/// Environment hooks are listed as a plain array.
pub(super) fn of_environment(call: &mut Call<'_>) -> Answer {
    let scope = Scope::Environment(call.environment(0)?.id);
    if call.is("POST") {
        return register(call, scope);
    }
    let webhooks: Vec<Json> =
        call.world.webhooks.iter().filter(|webhook| webhook.scope == scope).map(view::webhook).collect();
    Ok(Reply::ok(Json::Array(webhooks)))
}

/// Organisation hooks are listed in pages.
pub(super) fn of_organisation(call: &mut Call<'_>) -> Answer {
    let scope = Scope::Organisation(call.organisation(0)?);
    if call.is("POST") {
        return register(call, scope);
    }
    let webhooks: Vec<Json> =
        call.world.webhooks.iter().filter(|webhook| webhook.scope == scope).map(view::webhook).collect();
    call.page(&webhooks, |_, webhook| webhook.clone())
}

pub(super) fn one_of_environment(call: &mut Call<'_>) -> Answer {
    let scope = Scope::Environment(call.environment(0)?.id);
    change(call, scope, "Webhook")
}

pub(super) fn one_of_organisation(call: &mut Call<'_>) -> Answer {
    let scope = Scope::Organisation(call.organisation(0)?);
    change(call, scope, "OrganisationWebhook")
}

fn address<'b>(call: &Call<'_>, body: &'b Map<String, Json>, field: &str) -> Result<&'b str, Reply> {
    let url = text(body, field)?;
    if url.chars().count() > 200 {
        return Err(Reply::invalid(field, "Ensure this field has no more than 200 characters."));
    }
    match call.world.refuses(url) {
        Some(words) => Err(Reply::invalid(field, words)),
        None => Ok(url),
    }
}

fn register(call: &mut Call<'_>, scope: Scope) -> Answer {
    let body = call.body()?;
    let url = address(call, &body, "url")?;
    let enabled = truth(&body, "enabled")?.unwrap_or(true);
    let secret = body.get("secret").and_then(Json::as_str).unwrap_or_default();
    let id = call.world.add_webhook(scope, url, enabled, secret);
    let webhook = call.world.webhook(scope, id).ok_or_else(Reply::not_found)?;
    Ok(Reply::created(view::webhook(webhook)))
}

fn change(call: &mut Call<'_>, scope: Scope, what: &str) -> Answer {
    let id = call.id(1);
    if call.world.webhook(scope, id).is_none() {
        return Err(Reply::no(what));
    }
    match call.method.as_str() {
        "GET" => {}
        "DELETE" => {
            call.world.remove_webhook(scope, id);
            return Ok(Reply::nothing(204));
        }
        method => {
            let body = call.body()?;
            let url = match body.get("url") {
                None if method == "PATCH" => None,
                _ => Some(address(call, &body, "url")?),
            };
            let enabled = truth(&body, "enabled")?;
            let secret = body.get("secret").and_then(Json::as_str);
            call.world.change_webhook(scope, id, url, enabled, secret);
        }
    }
    let webhook = call.world.webhook(scope, id).ok_or_else(|| Reply::no(what))?;
    Ok(Reply::ok(view::webhook(webhook)))
}

/// Tries an address. Loopback is refused like in a real Flagsmith, and everything else is not there from a
/// sandbox.
pub(super) fn test(call: &mut Call<'_>) -> Answer {
    let body = call.body()?;
    address(call, &body, "webhook_url")?;
    Err(Reply::json(
        400,
        json!({
            "detail": "Could not connect to webhook URL",
            "body": "Please check the URL, and ensure it is valid and accessible from the server.",
        }),
    ))
}
