//! The instance itself, and who asks: `GET /user`, `/version`, `/metadata`, `/personal_access_tokens/self`.

use http::StatusCode;
use serde_json::json;

use super::call::{Call, Problem};
use super::paging::page;
use super::shapes::time;
use crate::sandbox::server::Response;

/// `GET /user`: `CurrentUser` of the API description, and `bot` (facts, section 5).
pub(super) fn user(call: &mut Call<'_>) -> Result<Response, Problem> {
    let me = call.me()?;
    let mut json = call.model.user_json(me);
    if let Some(user) = call.model.users.get(&me) {
        json["bot"] = json!(user.bot);
        json["created_at"] = json!(time(user.created_at));
        json["is_admin"] = json!(user.admin);
        json["email"] = json!(format!("{}@noreply.localhost", user.username));
        json["bio"] = json!("");
    }
    Ok(Response::json(StatusCode::OK, &json))
}

/// `GET /users?search=` (`doc/api/users.md`): by name, user name, or the whole of a public mail address.
pub(super) fn users(call: &mut Call<'_>) -> Result<Response, Problem> {
    call.me()?;
    let search = call.asked("search").unwrap_or_default().to_lowercase();
    let active = call.asked("active") == Some("true");
    let mut found: Vec<u64> = Vec::new();
    for user in call.model.users.values().filter(|user| !active || !user.blocked) {
        let named = user.name.to_lowercase().contains(&search) || user.username.contains(&search);
        let by_address =
            user.public_email.as_ref().is_some_and(|address| address.eq_ignore_ascii_case(&search));
        if if search.contains('@') { by_address } else { named } {
            found.push(user.id);
        }
    }
    found.reverse();
    page(call, &found, |id| Some(call.model.user_json(*id)))
}

/// `GET /version`.
pub(super) fn version(call: &mut Call<'_>) -> Result<Response, Problem> {
    call.me()?;
    let json = json!({ "version": call.model.settings.version, "revision": "sandbox" });
    Ok(Response::json(StatusCode::OK, &json))
}

/// `GET /metadata`: `Metadata` of the API description.
pub(super) fn metadata(call: &mut Call<'_>) -> Result<Response, Problem> {
    call.me()?;
    let settings = &call.model.settings;
    let json = json!({
        "version": settings.version,
        "revision": "sandbox",
        "kas": { "enabled": false, "externalUrl": null, "externalK8sProxyUrl": null, "version": null },
        "enterprise": settings.enterprise,
    });
    Ok(Response::json(StatusCode::OK, &json))
}

/// `GET /personal_access_tokens/self`: `PersonalAccessToken` of the API description.
pub(super) fn own_token(call: &mut Call<'_>) -> Result<Response, Problem> {
    call.me()?;
    let token = call.token.and_then(|place| call.model.tokens.get(place));
    let token = token.ok_or_else(Problem::unauthorized)?;
    let json = json!({
        "id": token.id,
        "name": format!("token {}", token.id),
        "revoked": token.revoked,
        "created_at": time(token.created_at),
        "description": null,
        "scopes": token.scopes,
        "user_id": token.user,
        "last_used_at": time(call.model.now()),
        "active": true,
        "expires_at": token.expires_at.map(|day| day.to_string()),
        "last_used_ips": ["127.0.0.1"],
    });
    Ok(Response::json(StatusCode::OK, &json))
}
