//! The admin listener and the unix socket: is it alive, is it well, what does it count, and the API.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::header::{ALLOW, CACHE_CONTROL, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::domain::Noteable;
use crate::store::StoreError;

use super::api;
use super::api_types::{LinksPage, Problem, Queue, Status};
use super::body::{Answer, RequestBody, json, text, typed};
use super::gate::Gate;
use super::serve::{Handler, Peer};

/// How long the questions behind `/readyz` may take altogether.
const READINESS_TIMEOUT: Duration = Duration::from_secs(10);

/// The daemon, as far as the admin listener knows it.
#[async_trait]
pub trait AdminView: Send + Sync + 'static {
    /// What keeps flaglink from doing its work, one line each; empty: it is ready.
    async fn readiness(&self) -> Vec<String>;

    /// The metrics in Prometheus' text format.
    fn metrics(&self) -> String;

    /// How the daemon is.
    async fn status(&self) -> Status;

    /// What waits: the first `limit` of each kind. [`view::queue`](super::view::queue) makes it from a store.
    async fn queue(&self, limit: usize) -> Result<Queue, StoreError>;

    /// A page of links. [`view::links_page`](super::view::links_page) makes it from a store.
    async fn links(&self, after: Option<&Noteable>, limit: usize) -> Result<LinksPage, StoreError>;

    /// Sends the export, some lines at a time, and returns when all of it is sent. A closed channel means that
    /// nobody wants the rest. [`view::export`](super::view::export) makes it from a store.
    async fn export(&self, pieces: mpsc::Sender<Bytes>) -> Result<(), StoreError>;
}

/// Answers the requests of the admin listener or of the unix socket.
pub struct Admin {
    view: Arc<dyn AdminView>,
    gate: Gate,
}

impl Admin {
    /// A listener behind that gate.
    pub fn new(view: Arc<dyn AdminView>, gate: Gate) -> Self {
        Self { view, gate }
    }
}

/// Everything that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Route {
    /// Is it alive?
    Health,
    /// Can it do its work?
    Ready,
    /// What it counts.
    Metrics,
    /// The links, in pages.
    Links,
    /// All links as JSON Lines.
    Export,
    /// What waits.
    Queue,
    /// How the daemon is.
    Status,
    /// The description of all this.
    OpenApi,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Health,
        Self::Ready,
        Self::Metrics,
        Self::Links,
        Self::Export,
        Self::Queue,
        Self::Status,
        Self::OpenApi,
    ];

    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Health => "/healthz",
            Self::Ready => "/readyz",
            Self::Metrics => "/metrics",
            Self::Links => "/api/v1/links",
            Self::Export => "/api/v1/links/export",
            Self::Queue => "/api/v1/queue",
            Self::Status => "/api/v1/status",
            Self::OpenApi => "/api/v1/openapi.json",
        }
    }

    fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.path() == path)
    }
}

#[async_trait]
impl Handler for Admin {
    async fn handle(&self, request: Request<RequestBody>, _peer: Peer) -> Answer {
        let mut answer = self.answer(&request).await;
        let headers = answer.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers
            .insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
        tracing::debug!(
            method = %request.method(),
            path = ?request.uri().path().chars().take(200).collect::<String>(),
            status = answer.status().as_u16(),
            "answered an admin request"
        );
        answer
    }
}

impl Admin {
    async fn answer(&self, request: &Request<RequestBody>) -> Answer {
        if let Err(refusal) = self.gate.check(request.uri(), request.headers()) {
            tracing::warn!(status = refusal.status.as_u16(), "an admin request was refused");
            let mut answer = problem(refusal.status, refusal.why);
            if refusal.status == StatusCode::UNAUTHORIZED {
                answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            return answer;
        }
        let Some(route) = Route::at(request.uri().path()) else {
            return problem(
                StatusCode::NOT_FOUND,
                "there is nothing here; /api/v1/openapi.json lists what there is",
            );
        };
        // No route changes anything yet.
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, "this can only be read");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        let query = request.uri().query().unwrap_or_default();
        let view = &self.view;
        match route {
            Route::Health => healthz(),
            Route::Ready => readyz(view.as_ref()).await,
            Route::Metrics => metrics(view.as_ref()),
            Route::Links => api::links(view.as_ref(), query).await,
            Route::Export => api::export(Arc::clone(view)).await,
            Route::Queue => api::queue(view.as_ref(), query).await,
            Route::Status => api::status(view.as_ref()).await,
            Route::OpenApi => api::openapi(),
        }
    }
}

/// Whether flaglink is alive. Says nothing about anything else.
#[utoipa::path(get, path = "/healthz", responses((status = 200, description = "`ok`: it is alive", body = String)))]
pub(super) fn healthz() -> Answer {
    text(StatusCode::OK, "ok")
}

/// Whether flaglink can do its work: store writable, queues moving, tokens good.
#[utoipa::path(get, path = "/readyz", responses(
    (status = 200, description = "`ready`", body = String),
    (status = 503, description = "What is wrong, one line each", body = String),
))]
pub(super) async fn readyz(view: &dyn AdminView) -> Answer {
    let problems = timeout(READINESS_TIMEOUT, view.readiness())
        .await
        .unwrap_or_else(|_| vec!["flaglink could not find out in time whether it is ready".to_owned()]);
    if problems.is_empty() {
        return text(StatusCode::OK, "ready");
    }
    text(StatusCode::SERVICE_UNAVAILABLE, problems.iter().map(|line| format!("{line}\n")).collect::<String>())
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
