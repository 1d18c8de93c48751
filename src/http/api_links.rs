//! Links that are made or taken off by an admin.

use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::admin_view::AdminView;
use super::api_types::{LinksChange, LinksChanged, Problem};
use super::asked::MAX_LIMIT;
use super::body::{Answer, RequestBody, json};
use super::change::read_change;
use super::probes::problem;

/// Makes links or takes them off; without `apply` it only says what would become of them. Each stands for itself: what cannot
/// be done is said with it. Over TCP this needs the admin token.
#[utoipa::path(
    post,
    path = "/api/v1/links/change",
    request_body = LinksChange,
    responses(
        (status = 200, description = "What became of each", body = LinksChanged),
        (status = 400, description = "A body that cannot be understood", body = Problem),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 415, description = "Not JSON", body = Problem),
    )
)]
pub(super) async fn change(view: &dyn AdminView, headers: &HeaderMap, body: RequestBody) -> Answer {
    let change: LinksChange = match read_change(headers, body).await {
        Ok(change) => change,
        Err(answer) => return *answer,
    };
    if change.links.len() > MAX_LIMIT {
        return problem(StatusCode::BAD_REQUEST, format!("these are more than {MAX_LIMIT} links at a time"));
    }
    json(StatusCode::OK, &view.change_links(change).await)
}
