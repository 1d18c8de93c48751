//! The body of a request that changes something.

use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde::de::DeserializeOwned;

use super::body::{Answer, RequestBody};
use super::probes::problem;

/// The largest body that is read, in bytes.
const MOST: usize = 1024 * 1024;

/// Reads what is to be changed; else the answer that says what is wrong.
pub(super) async fn read_change<T: DeserializeOwned>(
    headers: &HeaderMap,
    mut body: RequestBody,
) -> Result<T, Box<Answer>> {
    // No page of somebody else's can make a browser send this without asking first.
    let json = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    if !json {
        let why = "send JSON, with `Content-Type: application/json`";
        return Err(Box::new(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, why)));
    }
    let body =
        body.collect(MOST).await.map_err(|error| Box::new(problem(error.status(), error.to_string())))?;
    serde_json::from_slice(&body).map_err(|error| {
        Box::new(problem(StatusCode::BAD_REQUEST, format!("the body cannot be understood: {error}")))
    })
}
