//! The Admin API over HTTP: who asks, which call it is, and what comes back where a call cannot be made at all.

mod call;
mod environments;
mod experiments;
mod features;
mod future;
mod integrations;
mod organisations;
mod overrides;
mod projects;
mod resources;
mod server;
mod states;
mod tags;
mod versions;
mod webhooks;

use ::http::{HeaderMap, Method, StatusCode};
use serde_json::json;

use super::model::Who;
use super::world::World;
use crate::sandbox::paths::parts;
use crate::sandbox::server::{Request, Response};
use call::{Answer, Call, Reply};

/// One path, what may be done with it, and who does it.
struct Route {
    /// The path; `{}` stands for one part of it.
    path: &'static str,
    /// As in the `Allow` header.
    allow: &'static str,
    /// Whether anybody may ask.
    open: bool,
    work: fn(&mut Call<'_>) -> Answer,
}

const fn route(path: &'static str, allow: &'static str, work: fn(&mut Call<'_>) -> Answer) -> Route {
    Route { path, allow, open: false, work }
}

const fn open(path: &'static str, allow: &'static str, work: fn(&mut Call<'_>) -> Answer) -> Route {
    Route { path, allow, open: true, work }
}

const LIST: &str = "GET, POST, HEAD, OPTIONS";
const ONE: &str = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";
const READ: &str = "GET, HEAD, OPTIONS";
const DO: &str = "POST, OPTIONS";

/// Every call that the sandbox knows.
const ROUTES: &[Route] = &[
    open("/version/", READ, server::version),
    open("/health/", READ, server::health),
    open("/health/liveness/", READ, server::liveness),
    open("/health/readiness/", READ, server::health),
    open("/api/v1/flags/", READ, server::sdk_flags),
    open("/api/v1/auth/login/", DO, server::log_in),
    route("/api/v1/auth/users/me/", ONE, server::me),
    route("/api/v1/organisations/", LIST, organisations::all),
    route("/api/v1/organisations/{}/", ONE, organisations::one),
    route("/api/v1/organisations/{}/audit/", READ, organisations::audit),
    route("/api/v1/organisations/{}/master-api-keys/", LIST, organisations::keys),
    route("/api/v1/organisations/{}/webhooks/", LIST, webhooks::of_organisation),
    route("/api/v1/organisations/{}/webhooks/{}/", ONE, webhooks::one_of_organisation),
    route("/api/v1/webhooks/test/", DO, webhooks::test),
    route("/api/v1/projects/", LIST, projects::all),
    route("/api/v1/projects/{}/", ONE, projects::one),
    route("/api/v1/projects/{}/audit/", READ, projects::audit),
    route("/api/v1/projects/{}/segments/", LIST, projects::segments),
    route("/api/v1/projects/{}/tags/", LIST, tags::all),
    route("/api/v1/projects/{}/tags/{}/", ONE, tags::one),
    route("/api/v1/projects/{}/integrations/gitlab/", LIST, integrations::gitlab),
    route("/api/v1/projects/{}/integrations/gitlab/{}/", ONE, integrations::gitlab_one),
    route("/api/v1/projects/{}/features/", LIST, features::all),
    route("/api/v1/projects/{}/features/{}/", ONE, features::one),
    route("/api/v1/projects/{}/features/{}/feature-external-resources/", LIST, resources::all),
    route("/api/v1/projects/{}/features/{}/feature-external-resources/{}/", ONE, resources::one),
    route("/api/v1/features/featurestates/", LIST, states::everywhere),
    route("/api/v1/features/featurestates/{}/", "PUT, PATCH, OPTIONS", states::anywhere),
    route("/api/v1/features/feature-segments/", LIST, overrides::feature_segments),
    route("/api/v1/features/feature-segments/{}/", ONE, overrides::feature_segment),
    route("/api/v1/environments/", LIST, environments::all),
    route("/api/v1/environments/{}/", ONE, environments::one),
    route("/api/v1/environments/{}/enable-v2-versioning/", DO, environments::enable_versions),
    route("/api/v1/environments/{}/webhooks/", LIST, webhooks::of_environment),
    route(
        "/api/v1/environments/{}/webhooks/{}/",
        "PUT, PATCH, DELETE, OPTIONS",
        webhooks::one_of_environment,
    ),
    route("/api/v1/environments/{}/featurestates/", LIST, states::in_environment),
    route("/api/v1/environments/{}/featurestates/{}/", ONE, states::one),
    route("/api/v1/environments/{}/identities/", LIST, overrides::identities),
    route("/api/v1/environments/{}/identities/{}/featurestates/", LIST, overrides::of_identity),
    route("/api/v1/environments/{}/identities/{}/featurestates/{}/", ONE, overrides::one_of_identity),
    route("/api/v1/environments/{}/features/{}/create-segment-override/", DO, overrides::create_for_segment),
    route("/api/v1/environments/{}/features/{}/versions/", LIST, versions::all),
    route("/api/v1/environments/{}/features/{}/versions/{}/", "DELETE, OPTIONS", versions::one),
    route("/api/v1/environments/{}/features/{}/versions/{}/publish/", DO, versions::publish),
    route("/api/v1/environments/{}/features/{}/versions/{}/featurestates/", LIST, versions::states),
    route("/api/experiments/environments/{}/update-flag-v1/", DO, experiments::update_flag_v1),
    route("/api/experiments/environments/{}/update-flag-v2/", DO, experiments::update_flag_v2),
    route(
        "/api/experiments/environments/{}/delete-segment-override/",
        DO,
        experiments::delete_segment_override,
    ),
    route("/api/__future__/environments/{}/features/{}/", "GET, PUT, PATCH, HEAD, OPTIONS", future::flag),
    route(
        "/api/__future__/environments/{}/features/{}/segment-overrides/{}/",
        "DELETE, OPTIONS",
        future::segment_override,
    ),
];

fn find(path: &str) -> Option<(&'static Route, Vec<String>)> {
    ROUTES.iter().find_map(|route| Some((route, parts(route.path, path)?)))
}

/// Answers one request.
pub(super) fn answer(world: &mut World, request: &Request) -> Response {
    let Some((route, parts)) = find(&request.path) else { return unknown(request) };
    let method = if request.method == Method::HEAD { Method::GET } else { request.method.clone() };
    let allowed = route.allow.split(", ").any(|allowed| allowed == method.as_str());
    let who = who(world, &request.headers);
    let reply = match (&who, refusal(world, &request.headers)) {
        (_, Some(refusal)) if !route.open => refusal,
        (Some(Who::Key(_)), None) if route.path == "/api/v1/auth/users/me/" => return broken(),
        _ if !allowed => {
            let words = format!("Method \"{}\" not allowed.", request.method);
            Reply::detail(405, &words)
        }
        _ if method == Method::OPTIONS => Reply::json(200, json!({ "name": "", "description": "" })),
        _ => {
            let who = who.unwrap_or(Who::Nobody);
            let mut call = Call::new(world, request, method, who, parts);
            (route.work)(&mut call).unwrap_or_else(|refusal| refusal)
        }
    };
    let response = match route.path.starts_with("/api/") {
        true => reply.response().with_header("allow", route.allow),
        false => reply.response(),
    };
    if response.status == StatusCode::UNAUTHORIZED {
        return response.with_header("www-authenticate", "Cookie realm=\"api\"");
    }
    response
}

/// A path without its last slash is sent to the one with it, as Django does; anything else is not there.
fn unknown(request: &Request) -> Response {
    let with_slash = format!("{}/", request.path);
    if find(&with_slash).is_some() {
        let location =
            if request.query.is_empty() { with_slash } else { format!("{with_slash}?{}", request.query) };
        return Response::text(StatusCode::MOVED_PERMANENTLY, "text/html; charset=utf-8", "")
            .with_header("location", &location);
    }
    page(StatusCode::NOT_FOUND, "Not Found")
}

/// What asking for oneself with a master API key comes to.
fn broken() -> Response {
    page(StatusCode::INTERNAL_SERVER_ERROR, "Server Error (500)")
}

fn page(status: StatusCode, words: &str) -> Response {
    let body = format!(
        "\n<!doctype html>\n<html lang=\"en\">\n<head>\n  <title>{words}</title>\n</head>\n<body>\n  <h1>{words}</h1><p></p>\n</body>\n</html>\n"
    );
    Response::text(status, "text/html; charset=utf-8", body)
}

fn credentials(headers: &HeaderMap) -> Option<(&str, &str)> {
    headers.get("authorization")?.to_str().ok()?.split_once(' ')
}

/// Who sent a request; `None` where the headers do not say it, or not truly.
pub(super) fn who(world: &World, headers: &HeaderMap) -> Option<Who> {
    let (kind, secret) = credentials(headers)?;
    match kind {
        "Api-Key" => {
            let key = world.keys.values().find(|key| key.secret == secret && !key.revoked)?;
            Some(Who::Key(key.id))
        }
        "Token" => {
            let user = world.users.values().find(|user| user.token == secret)?;
            Some(Who::User(user.id))
        }
        _ => None,
    }
}

/// Why a request is refused before anything is looked at.
fn refusal(world: &World, headers: &HeaderMap) -> Option<Reply> {
    if who(world, headers).is_some() {
        return None;
    }
    let words = match credentials(headers) {
        Some(("Api-Key", _)) => "Valid Master API Key not found.",
        Some(("Token", _)) => "Invalid token.",
        _ => "Authentication credentials were not provided.",
    };
    Some(Reply::detail(401, words))
}
