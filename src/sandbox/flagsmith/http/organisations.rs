//! Organisations and their master API keys.

use serde_json::{Value as Json, json};

use super::call::{Answer, Call, Reply, text, truth};
use crate::sandbox::flagsmith::model::Who;
use crate::sandbox::flagsmith::view;

pub(super) fn all(call: &mut Call<'_>) -> Answer {
    if call.is("POST") {
        let body = call.body()?;
        let name = text(&body, "name")?;
        let id = call.world.new_organisation(name);
        let organisation = call.world.organisations.get(&id).ok_or_else(Reply::not_found)?;
        return Ok(Reply::created(view::organisation(organisation, None)));
    }
    call.page(&call.organisations(), |world, id| {
        world.organisations.get(id).map(|found| view::organisation(found, Some("ADMIN"))).unwrap_or_default()
    })
}

pub(super) fn one(call: &mut Call<'_>) -> Answer {
    let id = call.organisation(0)?;
    if !call.is("GET") {
        return Err(Reply::detail(403, "You do not have permission to perform this action."));
    }
    let organisation = call.world.organisations.get(&id).ok_or_else(|| Reply::no("Organisation"))?;
    Ok(Reply::ok(view::organisation(organisation, Some("ADMIN"))))
}

/// Empty: on the free plan nobody can read the audit log.
pub(super) fn audit(call: &mut Call<'_>) -> Answer {
    call.organisation(0)?;
    call.page::<Json>(&[], |_, entry| entry.clone())
}

/// For users only: a master API key is taken for nobody here.
pub(super) fn keys(call: &mut Call<'_>) -> Answer {
    if matches!(call.who, Who::Key(_)) {
        return Err(Reply::detail(401, "Authentication credentials were not provided."));
    }
    let organisation = call.organisation(0)?;
    if call.is("POST") {
        let body = call.body()?;
        let name = text(&body, "name")?;
        if truth(&body, "is_admin")? == Some(false) {
            return Err(Reply::invalid("is_admin", "RBAC is not installed, cannot create non-admin key"));
        }
        let id = call.world.new_key(organisation, name);
        let key = call.world.keys.get(&id).ok_or_else(Reply::not_found)?;
        let mut json = view::key(key);
        json["key"] = json!(key.secret);
        return Ok(Reply::created(json));
    }
    let keys: Vec<Json> =
        call.world.keys.values().filter(|key| key.organisation == organisation).map(view::key).collect();
    call.page(&keys, |_, key| key.clone())
}
