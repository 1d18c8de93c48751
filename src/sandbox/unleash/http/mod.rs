//! The Admin API over HTTP: who asks, which call it is, and what comes back where a call cannot be made at all.

mod addons;
mod call;
mod features;
mod instance;
mod marks;
mod search;
mod strategies;

use ::http::{HeaderMap, Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::clock::uuid;
use super::model::Actor;
use super::world::World;
use crate::sandbox::paths::parts;
use crate::sandbox::server::{Request, Response};
use call::{Answer, Call, Reply};

/// One call: method, path, and who does it. In the path `{}` stands for one part of it.
type Route = (&'static str, &'static str, fn(&mut Call<'_>) -> Answer);

/// Every call that the sandbox knows below `/api/admin`.
const ROUTES: &[Route] = &[
    ("GET", "/projects", instance::projects),
    ("GET", "/environments", instance::environments),
    ("GET", "/environments/project/{}", instance::environments_of_project),
    ("GET", "/projects/{}/change-requests/config", instance::change_requests),
    ("GET", "/ui-config", instance::ui_config),
    ("GET", "/instance-admin/statistics", instance::statistics),
    ("GET", "/projects/{}/features", features::all),
    ("POST", "/projects/{}/features", features::make),
    ("GET", "/projects/{}/features/{}", features::one),
    ("PUT", "/projects/{}/features/{}", features::replace),
    ("PATCH", "/projects/{}/features/{}", features::patch),
    ("DELETE", "/projects/{}/features/{}", features::archive),
    ("POST", "/projects/{}/stale", features::mark_stale),
    ("POST", "/archive/revive/{}", features::revive),
    ("DELETE", "/archive/{}", features::delete),
    ("POST", "/projects/{}/features/{}/environments/{}/on", features::on),
    ("POST", "/projects/{}/features/{}/environments/{}/off", features::off),
    ("GET", "/projects/{}/features/{}/environments/{}/strategies", strategies::all),
    ("POST", "/projects/{}/features/{}/environments/{}/strategies", strategies::add),
    ("GET", "/projects/{}/features/{}/environments/{}/strategies/{}", strategies::one),
    ("PUT", "/projects/{}/features/{}/environments/{}/strategies/{}", strategies::change),
    ("DELETE", "/projects/{}/features/{}/environments/{}/strategies/{}", strategies::remove),
    ("PUT", "/projects/{}/features/{}/environments/{}/variants", strategies::no_variants),
    ("POST", "/projects/{}/features/{}/link", marks::add_link),
    ("PUT", "/projects/{}/features/{}/link/{}", marks::change_link),
    ("DELETE", "/projects/{}/features/{}/link/{}", marks::remove_link),
    ("GET", "/tag-types", marks::tag_types),
    ("POST", "/tag-types", marks::new_tag_type),
    ("GET", "/features/{}/tags", marks::tags),
    ("POST", "/features/{}/tags", marks::tag),
    ("PUT", "/features/{}/tags", marks::change_tags),
    ("DELETE", "/features/{}/tags/{}/{}", marks::untag),
    ("GET", "/search/features", search::features),
    ("GET", "/search/events", search::events),
    ("GET", "/addons", addons::all),
    ("POST", "/addons", addons::make),
    ("GET", "/addons/{}", addons::one),
    ("PUT", "/addons/{}", addons::change),
    ("DELETE", "/addons/{}", addons::remove),
    ("GET", "/addons/{}/events", addons::events),
];

/// Whether a request is for the log of an integration, which is not kept in the model.
pub(super) fn asks_what_was_sent(request: &Request) -> bool {
    request.path.starts_with("/api/admin/addons/") && request.path.trim_end_matches('/').ends_with("/events")
}

/// Answers one request.
pub(super) fn answer(world: &mut World, request: &Request) -> Response {
    let reply = match (request.method.as_str(), request.path.as_str()) {
        ("GET" | "HEAD", "/health" | "/ready") => Reply::ok(json!({ "health": "GOOD" })),
        _ => admin(world, request).unwrap_or_else(|refusal| refusal),
    };
    with_etag(request, reply.response())
}

fn admin(world: &mut World, request: &Request) -> Answer {
    let who = who(world, &request.headers);
    let path = request.path.trim_end_matches('/');
    let Some(below) = path.strip_prefix("/api/admin") else { return Err(not_available(request)) };
    let who = who.ok_or_else(|| not_allowed(&request.headers))?;
    let method = if request.method == Method::HEAD { "GET" } else { request.method.as_str() };
    let found = ROUTES
        .iter()
        .filter(|(known, ..)| *known == method)
        .find_map(|(_, pattern, work)| Some((work, parts(pattern, below)?)));
    let Some((work, parts)) = found else { return Err(not_available(request)) };
    work(&mut Call::new(world, request, who, parts))
}

/// Who sent a request; `None` where the headers do not say it, or not truly.
pub(super) fn who(world: &World, headers: &HeaderMap) -> Option<Actor> {
    let sent = headers.get("authorization")?.to_str().ok()?;
    let secret = sent.strip_prefix("Bearer ").unwrap_or(sent);
    let token = world.tokens.iter().find(|token| token.secret == secret && !token.revoked)?;
    Some(token.actor.clone())
}

fn not_allowed(headers: &HeaderMap) -> Reply {
    if headers.contains_key("authorization") {
        return Reply::refused(401, "UnauthorizedError", "You must log in to use Unleash.");
    }
    let words = "You must log in to use Unleash. Your request had no authorization header, so we could not \
                 authorize you. Try logging in at /auth/simple/login";
    Reply::json(
        401,
        json!({
            "id": uuid(),
            "name": "AuthenticationRequired",
            "message": words,
            "details": [{ "message": words }],
            "path": "/auth/simple/login",
            "type": "password",
            "defaultHidden": false,
        }),
    )
}

fn not_available(request: &Request) -> Reply {
    let words = format!("The path you were looking for ({}) is not available.", request.path);
    Reply::refused(404, "NotFoundError", &words)
}

/// A weak tag of the body, and no body for the one who has it already.
fn with_etag(request: &Request, response: Response) -> Response {
    if response.body.is_empty() || response.status == StatusCode::TOO_MANY_REQUESTS {
        return response;
    }
    // A real one takes SHA-1; nobody can tell.
    let hash = STANDARD_NO_PAD.encode(Sha256::digest(&response.body));
    let tag = format!("W/\"{:x}-{}\"", response.body.len(), hash.get(..27).unwrap_or(&hash));
    let known = request.header("if-none-match") == Some(tag.as_str());
    if known && request.method == Method::GET && response.status == StatusCode::OK {
        return Response::empty(StatusCode::NOT_MODIFIED).with_header("etag", &tag);
    }
    response.with_header("etag", &tag)
}
