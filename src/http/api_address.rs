//! The proof of the public address, for whoever wants to know whether webhooks can come in.

use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::admin_view::AdminView;
use super::api_types::{AddressProof, Problem, ProveAddress};
use super::body::{Answer, RequestBody, json};
use super::change::read_change;

/// Asks under the public address, from outside, whether this flaglink answers there. Takes up to ten seconds and changes nothing.
/// Over TCP this needs the admin token.
#[utoipa::path(
    post,
    path = "/api/v1/address/prove",
    request_body = ProveAddress,
    responses(
        (status = 200, description = "It was tried; `proven` says with what result", body = AddressProof),
        (status = 400, description = "A body that cannot be understood", body = Problem),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 415, description = "Not JSON", body = Problem),
    )
)]
pub(super) async fn prove(view: &dyn AdminView, headers: &HeaderMap, body: RequestBody) -> Answer {
    match read_change(headers, body).await {
        Ok(ProveAddress {}) => json(StatusCode::OK, &view.prove_address().await),
        Err(answer) => *answer,
    }
}
