//! The API's part about the queues: what waits, what was given up, and dealing with that.

use hyper::StatusCode;
use hyper::header::HeaderMap;
use url::form_urlencoded;

use super::admin_view::AdminView;
use super::api_letter::QueueItem;
use super::api_types::{Letters, LettersDealt, Problem, Queue};
use super::asked::{DEFAULT_LIMIT, answer, read_limit, unknown_parameter};
use super::body::{Answer, RequestBody, json};
use super::change::read_change;
use super::probes::problem;
use crate::pipeline::{How, Which};

/// What waits, and what was given up.
#[utoipa::path(
    get,
    path = "/api/v1/queue",
    params(("limit" = Option<usize>, Query, description = "How many of each kind: 1 to 1000, else 100")),
    responses(
        (status = 200, description = "The queues", body = Queue),
        (status = 400, description = "A parameter that cannot be understood", body = Problem),
        (status = 503, description = "The store cannot be read", body = Problem),
    )
)]
pub(super) async fn queue(view: &dyn AdminView, query: &str) -> Answer {
    let mut limit = DEFAULT_LIMIT;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "limit" => match read_limit(&value) {
                Ok(given) => limit = given,
                Err(answer) => return *answer,
            },
            _ => return unknown_parameter(&name, "`limit`"),
        }
    }
    answer(view.queue(limit).await)
}

/// One thing that waits or was given up, with everything that is kept of it. Over TCP this needs the admin token.
#[utoipa::path(
    get,
    path = "/api/v1/queue/{id}",
    params(("id" = u64, Path, description = "Its number, as the queue shows it")),
    responses(
        (status = 200, description = "All of it", body = QueueItem),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 404, description = "Nothing has this number", body = Problem),
        (status = 503, description = "The store cannot be read", body = Problem),
    )
)]
pub(super) async fn queue_item(view: &dyn AdminView, id: u64) -> Answer {
    match view.queue_item(id).await {
        Ok(None) => {
            problem(StatusCode::NOT_FOUND, format!("nothing waits or is given up under the number {id}"))
        }
        Ok(Some(item)) => json(StatusCode::OK, &item),
        Err(error) => answer::<()>(Err(error)),
    }
}

/// Takes dead letters back: they are tried at once, with fresh attempts. Over TCP this needs the admin token.
#[utoipa::path(
    post,
    path = "/api/v1/queue/retry",
    request_body = Letters,
    responses(
        (status = 200, description = "What became of each", body = LettersDealt),
        (status = 400, description = "A body that cannot be understood", body = Problem),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 415, description = "Not JSON", body = Problem),
        (status = 503, description = "The store cannot be written", body = Problem),
    )
)]
pub(super) async fn retry(view: &dyn AdminView, headers: &HeaderMap, body: RequestBody) -> Answer {
    deal(view, How::Retry, headers, body).await
}

/// Forgets dead letters, and what hangs on them. Over TCP this needs the admin token.
#[utoipa::path(
    post,
    path = "/api/v1/queue/drop",
    request_body = Letters,
    responses(
        (status = 200, description = "What became of each", body = LettersDealt),
        (status = 400, description = "A body that cannot be understood", body = Problem),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 415, description = "Not JSON", body = Problem),
        (status = 503, description = "The store cannot be written", body = Problem),
    )
)]
pub(super) async fn drop_letters(view: &dyn AdminView, headers: &HeaderMap, body: RequestBody) -> Answer {
    deal(view, How::Drop, headers, body).await
}

async fn deal(view: &dyn AdminView, how: How, headers: &HeaderMap, body: RequestBody) -> Answer {
    let letters: Letters = match read_change(headers, body).await {
        Ok(letters) => letters,
        Err(answer) => return *answer,
    };
    match Which::try_from(letters) {
        Ok(which) => answer(view.deal(how, which).await),
        Err(why) => problem(StatusCode::BAD_REQUEST, why),
    }
}
