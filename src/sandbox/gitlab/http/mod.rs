//! The API over HTTP: who asks, what they ask, and which group of routes answers.

mod award_emoji;
pub(super) mod call;
mod discussions;
mod feature_flags;
mod graphql;
mod groups;
mod hooks;
mod instance;
mod issue_links;
mod noteables;
mod notes;
mod paging;
mod projects;
mod shapes;

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use self::call::{Call, Problem};
use super::delivery::uuid;
use super::groups::Home;
use super::model::Model;
use super::shared::Shared;
use crate::sandbox::server::{Handler, Request, Response};

/// GitLab's API.
pub(super) struct Api {
    shared: Arc<Shared>,
    client: reqwest::Client,
}

impl Api {
    pub(super) fn new(shared: Arc<Shared>, client: reqwest::Client) -> Self {
        Self { shared, client }
    }

    async fn answer(&self, request: &Request) -> Result<Response, Problem> {
        if request.path == "/api/graphql" {
            return self.shared.change(|model| graphql::answer(model, request));
        }
        let Some(path) = request.path.strip_prefix("/api/v4/") else {
            let page = "<!DOCTYPE html>\n<html><head><title>Not Found</title></head><body><h1>404</h1></body></html>\n";
            return Ok(Response::text(StatusCode::NOT_FOUND, "text/html", page));
        };
        // The Test button and "Resend" wait for the receiver's answer: not while the model is locked.
        if let Some(slow) = self.shared.quietly(|model| {
            let call = Call::new(model, request, path)?;
            hooks::slow(&call)
        })? {
            return hooks::wait(slow, &self.shared, &self.client).await;
        }
        let work = |model: &mut Model| {
            let mut call = Call::new(model, request, path)?;
            route(&mut call)
        };
        if request.method.is_safe() { self.shared.quietly(work) } else { self.shared.change(work) }
    }
}

#[async_trait]
impl Handler for Api {
    async fn handle(&self, request: Request) -> Response {
        let response = self.answer(&request).await.unwrap_or_else(Problem::into_response);
        let now = self.shared.quietly(|model| model.now());
        response
            .with_header("date", &now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
            .with_header("x-request-id", &uuid())
            .with_header("vary", "Origin")
    }

    fn who(&self, headers: &HeaderMap) -> Option<String> {
        let secret = call::secret_in(headers)?;
        self.shared.quietly(|model| {
            let token = model.tokens.iter().find(|token| token.secret == secret)?;
            model.users.get(&token.user).map(|user| user.username.clone())
        })
    }
}

/// Finds the group of routes by the path's segments.
fn route(call: &mut Call<'_>) -> Result<Response, Problem> {
    let segments = call.segments.clone();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["user"] => call.only_get(instance::user),
        ["users"] => call.only_get(instance::users),
        ["version"] => call.only_get(instance::version),
        ["metadata"] => call.only_get(instance::metadata),
        ["personal_access_tokens", "self"] => call.only_get(instance::own_token),
        ["projects"] => call.only_get(projects::list),
        ["projects", id, rest @ ..] => {
            let project = call.project(id)?;
            match rest {
                [] => call.only_get(|call| projects::show(call, project)),
                ["members", "all", user] => call.only_get(|call| projects::member(call, project, user)),
                ["labels"] => projects::labels(call, project),
                ["feature_flags", rest @ ..] => feature_flags::route(call, project, rest),
                ["environments"] => call.only_get(|call| feature_flags::environments(call, project)),
                ["hooks", rest @ ..] => hooks::route(call, Home::Project(project), rest),
                ["issues" | "merge_requests", ..] => noteables::route(call, project, rest),
                _ => Err(unknown()),
            }
        }
        ["groups", id, rest @ ..] => groups::route(call, id, rest),
        _ => Err(unknown()),
    }
}

/// What GitLab's API answers to a path that it does not have.
fn unknown() -> Problem {
    Problem::answer(Response::json(StatusCode::NOT_FOUND, &json!({ "error": "404 Not Found" })))
}
