//! The admin listener and the unix socket: is it alive, is it well, what does it count, and the API.

use std::sync::Arc;

use async_trait::async_trait;
use hyper::header::{ALLOW, CACHE_CONTROL, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, Request, StatusCode};

use super::admin_view::AdminView;
use super::api;
use super::api_address;
use super::api_believe;
use super::api_hooks;
use super::api_links;
use super::api_queue;
use super::api_reload;
use super::body::{Answer, RequestBody};
use super::gate::{Gate, Refusal};
use super::probes::{healthz, metrics, problem, readyz};
use super::serve::{Handler, Peer};
use crate::tunnel::{AT_ADMIN, PATH};

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
    /// Links are made or taken off.
    LinksChange,
    /// What waits.
    Queue,
    /// Flags that a provider does not know any more are taken for gone.
    ProvidersBelieve,
    /// One thing that waits or was given up, with everything of it.
    QueueItem,
    /// Dead letters are tried again.
    QueueRetry,
    /// Dead letters are forgotten.
    QueueDrop,
    /// How the registered webhooks stand.
    Hooks,
    /// They are brought into step.
    HooksSync,
    /// They are removed.
    HooksRemove,
    /// They are tested.
    HooksTest,
    /// The configuration is read again.
    Reload,
    /// How the daemon is.
    Status,
    /// Whether this flaglink answers under its public address.
    AddressProve,
    /// The description of all this.
    OpenApi,
}

impl Route {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Health,
        Self::Ready,
        Self::Metrics,
        Self::Links,
        Self::Export,
        Self::LinksChange,
        Self::Queue,
        Self::ProvidersBelieve,
        Self::QueueItem,
        Self::QueueRetry,
        Self::QueueDrop,
        Self::Hooks,
        Self::HooksSync,
        Self::HooksRemove,
        Self::HooksTest,
        Self::Reload,
        Self::Status,
        Self::AddressProve,
        Self::OpenApi,
    ];

    /// Its path, as the description has it.
    pub fn path(self) -> &'static str {
        match self {
            Self::Health => "/healthz",
            Self::Ready => "/readyz",
            Self::Metrics => "/metrics",
            Self::Links => "/api/v1/links",
            Self::Export => "/api/v1/links/export",
            Self::LinksChange => "/api/v1/links/change",
            Self::Queue => "/api/v1/queue",
            Self::ProvidersBelieve => "/api/v1/providers/believe",
            Self::QueueItem => "/api/v1/queue/{id}",
            Self::QueueRetry => "/api/v1/queue/retry",
            Self::QueueDrop => "/api/v1/queue/drop",
            Self::Hooks => "/api/v1/hooks",
            Self::HooksSync => "/api/v1/hooks/sync",
            Self::HooksRemove => "/api/v1/hooks/remove",
            Self::HooksTest => "/api/v1/hooks/test",
            Self::Reload => "/api/v1/reload",
            Self::Status => "/api/v1/status",
            Self::AddressProve => "/api/v1/address/prove",
            Self::OpenApi => "/api/v1/openapi.json",
        }
    }

    /// Whether it changes something, or sets something going. Then it is a `POST`, else a `GET`.
    pub fn changes(self) -> bool {
        matches!(
            self,
            Self::ProvidersBelieve
                | Self::QueueRetry
                | Self::QueueDrop
                | Self::HooksSync
                | Self::HooksRemove
                | Self::HooksTest
                | Self::Reload
                | Self::LinksChange
                | Self::AddressProve
        )
    }

    /// Whether it needs the admin token over TCP wherever that listens: it changes something, shows what people wrote, or asks much of
    /// GitLab.
    pub fn is_for_trusted(self) -> bool {
        self.changes() || matches!(self, Self::QueueItem | Self::Hooks)
    }

    /// What a path leads to, and the number in it where it has one.
    fn at(path: &str) -> Option<(Self, u64)> {
        if let Some(route) = Self::ALL.into_iter().find(|route| route.path() == path) {
            return Some((route, 0));
        }
        let number = path.strip_prefix("/api/v1/queue/")?;
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        Some((Self::QueueItem, number.parse().ok().filter(|_| digits)?))
    }
}

#[async_trait]
impl Handler for Admin {
    async fn handle(&self, request: Request<RequestBody>, _peer: Peer) -> Answer {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let mut answer = self.answer(request).await;
        let headers = answer.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers
            .insert(HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff"));
        tracing::debug!(
            %method,
            path = ?path.chars().take(200).collect::<String>(),
            status = answer.status().as_u16(),
            "answered an admin request"
        );
        answer
    }
}

impl Admin {
    async fn answer(&self, request: Request<RequestBody>) -> Answer {
        let (request, body) = request.into_parts();
        let path = request.uri.path();
        // Before anybody is asked who they are: a tunnel that was pointed here by mistake comes with a host of its own, and this
        // tells nobody anything.
        if is_for_the_webhook_listener(path) {
            let why = format!("{AT_ADMIN}: point the tunnel or the proxy at `webhooks` in [listen]");
            return problem(StatusCode::NOT_FOUND, &why);
        }
        if let Err(refusal) = self.gate.check(&request.uri, &request.headers) {
            return refused(refusal);
        }
        let Some((route, id)) = Route::at(path) else {
            return problem(
                StatusCode::NOT_FOUND,
                "there is nothing here; /api/v1/openapi.json lists what there is",
            );
        };
        let (fits, allowed, why) = match route.changes() {
            false => {
                (matches!(request.method, Method::GET | Method::HEAD), "GET, HEAD", "this can only be read")
            }
            true => (request.method == Method::POST, "POST", "this changes something: send a POST"),
        };
        if !fits {
            let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, why);
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
            return answer;
        }
        if route.is_for_trusted()
            && let Err(refusal) = self.gate.check_trusted(&request.uri, &request.headers)
        {
            return refused(refusal);
        }
        let query = request.uri.query().unwrap_or_default();
        let view = &self.view;
        match route {
            Route::Health => healthz(),
            Route::Ready => readyz(view.as_ref()).await,
            Route::Metrics => metrics(view.as_ref()),
            Route::Links => api::links(view.as_ref(), query).await,
            Route::Export => api::export(Arc::clone(view)).await,
            Route::ProvidersBelieve => api_believe::believe(view.as_ref(), &request.headers, body).await,
            Route::LinksChange => api_links::change(view.as_ref(), &request.headers, body).await,
            Route::Queue => api_queue::queue(view.as_ref(), query).await,
            Route::QueueItem => api_queue::queue_item(view.as_ref(), id).await,
            Route::QueueRetry => api_queue::retry(view.as_ref(), &request.headers, body).await,
            Route::QueueDrop => api_queue::drop_letters(view.as_ref(), &request.headers, body).await,
            Route::Hooks => api_hooks::hooks(view.as_ref(), query).await,
            Route::HooksSync => api_hooks::sync(view.as_ref(), &request.headers, body).await,
            Route::HooksRemove => api_hooks::remove(view.as_ref(), &request.headers, body).await,
            Route::HooksTest => api_hooks::test(view.as_ref(), &request.headers, body).await,
            Route::Reload => api_reload::reload(view.as_ref(), &request.headers, body).await,
            Route::Status => api::status(view.as_ref()).await,
            Route::AddressProve => api_address::prove(view.as_ref(), &request.headers, body).await,
            Route::OpenApi => api::openapi(),
        }
    }
}

/// Whether that is a path of the webhook listener, also below that of a public address.
fn is_for_the_webhook_listener(path: &str) -> bool {
    let proof = format!("/{PATH}");
    ["/hooks/gitlab", "/hooks/providers/", &proof].iter().any(|known| path.contains(known))
}

fn refused(refusal: Refusal) -> Answer {
    tracing::warn!(status = refusal.status.as_u16(), "an admin request was refused");
    let mut answer = problem(refusal.status, refusal.why);
    if refusal.status == StatusCode::UNAUTHORIZED {
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}
