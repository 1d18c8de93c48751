//! An admin's word about flags that are missing.

use hyper::StatusCode;
use hyper::header::HeaderMap;

use super::admin_view::AdminView;
use super::api_types::{Believed, Missing, Problem};
use super::body::{Answer, RequestBody, json};
use super::change::read_change;
use super::probes::problem;

/// Takes the flags of a provider for gone that it does not know any more. When many are missing at once that is not believed
/// without this. Over TCP this needs the admin token.
#[utoipa::path(
    post,
    path = "/api/v1/providers/believe",
    request_body = Missing,
    responses(
        (status = 200, description = "They are looked for once more, and taken for gone where they are not found", body = Believed),
        (status = 400, description = "A body that cannot be understood", body = Problem),
        (status = 401, description = "The token is missing or wrong", body = Problem),
        (status = 404, description = "Nothing is in doubt there", body = Problem),
        (status = 415, description = "Not JSON", body = Problem),
        (status = 503, description = "The store cannot be written", body = Problem),
    )
)]
pub(super) async fn believe(view: &dyn AdminView, headers: &HeaderMap, body: RequestBody) -> Answer {
    let Missing { provider } = match read_change(headers, body).await {
        Ok(missing) => missing,
        Err(answer) => return *answer,
    };
    match view.believe(&provider).await {
        Ok(Some(flags)) => json(StatusCode::OK, &Believed { provider, flags }),
        Ok(None) => {
            let name: String = provider.chars().take(64).flat_map(char::escape_debug).collect();
            problem(StatusCode::NOT_FOUND, format!("nothing of `{name}` is in doubt"))
        }
        Err(error) => problem(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}
