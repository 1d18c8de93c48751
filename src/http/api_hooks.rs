//! The API's part about webhooks that flaglink registers: how they stand, and bringing them into step.

use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use utoipa::ToSchema;

use super::admin_view::AdminView;
use super::api_types::Problem;
use super::asked::unknown_parameter;
use super::body::{Answer, RequestBody, json};
use super::change::read_change;
use super::probes::problem;
use crate::pipeline::{HookChoice, HookDone, HookReport, HookTested, RefusedByHand};

/// Which webhooks are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HooksAsked {
    /// Paths of projects and groups, and names of providers; empty: all.
    pub names: Vec<String>,
    /// Only say what would be done.
    pub dry_run: bool,
}

/// How webhooks stand.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookReports {
    /// Projects first, then groups, then providers.
    pub hooks: Vec<HookReport>,
    /// What came over the path of webhooks made by hand and was refused; null where nothing was, it is past, or names were asked for.
    #[serde(default)]
    pub refused_by_hand: Option<RefusedByHand>,
}

/// What became of webhooks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HooksDone {
    /// One for each that was looked at.
    pub hooks: Vec<HookDone>,
}

/// What came of tests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HooksTested {
    /// One for each that was tested.
    pub hooks: Vec<HookTested>,
}

/// How the webhooks stand that flaglink registers. GitLab is asked for it. Over TCP this needs the admin token.
#[utoipa::path(
    get,
    path = "/api/v1/hooks",
    params(("name" = Option<String>, Query, description = "The path of a project or group, or a provider's name; several times for several, else all")),
    responses(
        (status = 200, description = "How they stand", body = HookReports),
        (status = 400, description = "A parameter that cannot be understood", body = Problem),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 503, description = "GitLab or the store cannot be asked", body = Problem),
    )
)]
pub(super) async fn hooks(view: &dyn AdminView, query: &str) -> Answer {
    let mut names = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "name" => names.push(value.into_owned()),
            _ => return unknown_parameter(&name, "`name`"),
        }
    }
    let refused_by_hand = match names.is_empty() {
        true => view.status().await.gitlab.webhooks_refused,
        false => None,
    };
    let hooks = view.hooks(HookChoice { names }).await;
    answer(hooks.map(|hooks| HookReports { hooks, refused_by_hand }))
}

/// Brings webhooks into step, also those that were removed by hand. Over TCP this needs the admin token.
#[utoipa::path(
    post,
    path = "/api/v1/hooks/sync",
    request_body = HooksAsked,
    responses(
        (status = 200, description = "What was done, or would be", body = HooksDone),
        (status = 400, description = "A body that cannot be understood", body = Problem),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 415, description = "Not JSON", body = Problem),
        (status = 503, description = "GitLab or the store cannot be asked", body = Problem),
    )
)]
pub(super) async fn sync(view: &dyn AdminView, headers: &HeaderMap, body: RequestBody) -> Answer {
    let HooksAsked { names, dry_run } = match read_change(headers, body).await {
        Ok(asked) => asked,
        Err(answer) => return *answer,
    };
    answer(view.sync_hooks(HookChoice { names }, dry_run).await.map(|hooks| HooksDone { hooks }))
}

/// Removes webhooks of this flaglink, and no others; their paths are closed at once. They stay away until they are synced. Over TCP
/// this needs the admin token.
#[utoipa::path(
    post,
    path = "/api/v1/hooks/remove",
    request_body = HooksAsked,
    responses(
        (status = 200, description = "What was done, or would be", body = HooksDone),
        (status = 400, description = "A body that cannot be understood", body = Problem),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 415, description = "Not JSON", body = Problem),
        (status = 503, description = "GitLab or the store cannot be asked", body = Problem),
    )
)]
pub(super) async fn remove(view: &dyn AdminView, headers: &HeaderMap, body: RequestBody) -> Answer {
    let HooksAsked { names, dry_run } = match read_change(headers, body).await {
        Ok(asked) => asked,
        Err(answer) => return *answer,
    };
    answer(view.remove_hooks(HookChoice { names }, dry_run).await.map(|hooks| HooksDone { hooks }))
}

/// Has GitLab send each webhook once, and says whether it came here. Over TCP this needs the admin token.
#[utoipa::path(
    post,
    path = "/api/v1/hooks/test",
    request_body = HooksAsked,
    responses(
        (status = 200, description = "What came of it", body = HooksTested),
        (status = 400, description = "A body that cannot be understood", body = Problem),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 415, description = "Not JSON", body = Problem),
        (status = 503, description = "GitLab or the store cannot be asked", body = Problem),
    )
)]
pub(super) async fn test(view: &dyn AdminView, headers: &HeaderMap, body: RequestBody) -> Answer {
    let HooksAsked { names, dry_run } = match read_change(headers, body).await {
        Ok(asked) => asked,
        Err(answer) => return *answer,
    };
    if dry_run {
        return problem(StatusCode::BAD_REQUEST, "a test is done or not: there is no `dry_run` of it");
    }
    answer(view.test_hooks(HookChoice { names }).await.map(|hooks| HooksTested { hooks }))
}

fn answer<T: Serialize>(done: Result<T, String>) -> Answer {
    match done {
        Ok(value) => json(StatusCode::OK, &value),
        Err(why) => problem(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}
