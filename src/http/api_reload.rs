//! The configuration is to be read again.

use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::admin_view::AdminView;
use super::api_types::{Problem, Reload, Reloaded};
use super::body::{Answer, RequestBody, json};
use super::change::read_change;
use super::probes::problem;

/// Reads the configuration again. Where anything is wrong with it the one from before stays in force, and the answer says what.
/// Over TCP this needs the admin token.
#[utoipa::path(
    post,
    path = "/api/v1/reload",
    request_body = Reload,
    responses(
        (status = 200, description = "It is in force", body = Reloaded),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 409, description = "It is not used, and why", body = Problem),
        (status = 415, description = "Not JSON", body = Problem),
    )
)]
pub(super) async fn reload(view: &dyn AdminView, headers: &HeaderMap, body: RequestBody) -> Answer {
    let Reload {} = match read_change(headers, body).await {
        Ok(reload) => reload,
        Err(answer) => return *answer,
    };
    match view.reload().await {
        Ok(reloaded) => json(StatusCode::OK, &reloaded),
        Err(why) => problem(StatusCode::CONFLICT, why),
    }
}
