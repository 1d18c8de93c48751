//! What is not about flags: health, version, login.

use serde_json::json;

use super::call::{Answer, Call, Reply, text};
use crate::sandbox::flagsmith::model::Who;
use crate::sandbox::flagsmith::view;

pub(super) fn version(_: &mut Call<'_>) -> Answer {
    Ok(Reply::ok(json!({
        "ci_commit_sha": "unknown",
        "image_tag": "2.265.0",
        "has_email_provider": false,
        "is_enterprise": false,
        "is_saas": false,
        "self_hosted_data": { "has_users": true, "has_logins": true },
        "package_versions": { ".": "2.265.0" },
    })))
}

pub(super) fn health(_: &mut Call<'_>) -> Answer {
    Ok(Reply::ok(json!({ "DatabaseBackend": "working", "MigrationsHealthCheck": "working" })))
}

pub(super) fn liveness(_: &mut Call<'_>) -> Answer {
    Ok(Reply::ok(json!({ "status": "ok" })))
}

pub(super) fn sdk_flags(_: &mut Call<'_>) -> Answer {
    Err(Reply::detail(403, "Invalid or missing Environment key"))
}

/// The sandbox knows no passwords: who is known may log in with any.
pub(super) fn log_in(call: &mut Call<'_>) -> Answer {
    let body = call.body()?;
    let (email, _) = (text(&body, "email")?, text(&body, "password")?);
    match call.world.users.values().find(|user| user.email == email) {
        Some(user) => Ok(Reply::ok(json!({ "key": user.token }))),
        None => Err(Reply::invalid("non_field_errors", "Unable to log in with provided credentials.")),
    }
}

pub(super) fn me(call: &mut Call<'_>) -> Answer {
    if !call.is("GET") {
        return Err(Reply::detail(403, "You do not have permission to perform this action."));
    }
    match call.who {
        Who::User(id) => {
            call.world.users.get(&id).map(view::user).map(Reply::ok).ok_or_else(Reply::not_found)
        }
        Who::Key(_) | Who::Nobody => Err(Reply::not_found()),
    }
}
