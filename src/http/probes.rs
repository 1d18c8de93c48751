//! Is it alive, is it well, what does it count; and how an error looks.

use std::time::Duration;

use hyper::StatusCode;
use tokio::time::timeout;

use super::admin_view::AdminView;
use super::api_types::Problem;
use super::body::{Answer, json, text, typed};

/// How long the questions behind `/readyz` may take altogether.
const READINESS_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether flaglink is alive. Says nothing about anything else.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "`ok`: it is alive", body = String)))]
pub(super) fn healthz() -> Answer {
    text(StatusCode::OK, "ok")
}

/// Whether flaglink can do its work: store writable, queues moving, tokens good.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "`ready`, and what should be known all the same, one line each", body = String),
    (status = 503, description = "What is wrong, one line each", body = String),
))]
pub(super) async fn readyz(view: &dyn AdminView) -> Answer {
    let problems = timeout(READINESS_TIMEOUT, view.readiness())
        .await
        .unwrap_or_else(|_| vec!["flaglink could not find out in time whether it is ready".to_owned()]);
    let remarks = view.remarks();
    if problems.is_empty() {
        let lines = std::iter::once("ready".to_owned()).chain(remarks);
        return text(StatusCode::OK, lines.collect::<Vec<_>>().join("\n"));
    }
    let lines = problems.iter().chain(&remarks);
    text(StatusCode::SERVICE_UNAVAILABLE, lines.map(|line| format!("{line}\n")).collect::<String>())
}

/// The metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", responses((status = 200, description = "Prometheus text", body = String)))]
pub(super) fn metrics(view: &dyn AdminView) -> Answer {
    let metrics = view.metrics();
    // Prometheus reads the two formats by two sets of rules; the newer one always ends like this.
    let content_type = if metrics.ends_with("# EOF\n") {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    };
    typed(StatusCode::OK, content_type, metrics)
}

/// An error in the API's form.
pub(super) fn problem(status: StatusCode, error: impl Into<String>) -> Answer {
    json(status, &Problem { error: error.into() })
}
