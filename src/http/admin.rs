//! The admin listener and the unix socket: is it alive, is it well, what does it count, and the API.

use std::sync::Arc;

use async_trait::async_trait;
use hyper::header::{ALLOW, CACHE_CONTROL, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};

use super::admin_view::AdminView;
use super::api;
use super::body::{Answer, RequestBody};
use super::gate::Gate;
use super::probes::{healthz, metrics, problem, readyz};
use super::serve::{Handler, Peer};

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
