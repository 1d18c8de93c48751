//! The API: JSON under `/api/v1/`, described by `/api/v1/openapi.json`.

use std::sync::Arc;

use hyper::StatusCode;
use tokio::sync::mpsc;
use url::form_urlencoded;
use utoipa::OpenApi;

use crate::domain::Noteable;

use super::admin_view::AdminView;
use super::api_address;
use super::api_believe;
use super::api_hooks::{self, HookReports, HooksAsked, HooksDone, HooksTested};
use super::api_letter::QueueItem;
use super::api_links;
use super::api_queue;
use super::api_reload;
use super::api_types::{
    AddressProof, Believed, ChangedLink, Letters, LettersDealt, LinkBecame, LinkWish, LinksChange,
    LinksChanged, LinksPage, Missing, Problem, ProveAddress, Queue, Reload, Reloaded, Status,
    WantedAsExported, WantedLink,
};
use super::asked::{DEFAULT_LIMIT, answer, read_limit, unknown_parameter, unreadable};
use super::body::{Answer, StreamError, json, streamed};
use super::probes::{self, problem};

/// How many pieces of an export may be ready before they are sent.
const EXPORT_AHEAD: usize = 2;

/// The description of everything that the admin listener and the socket answer.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "flaglink",
        description = "What flaglink knows. On the unix socket and on loopback reads need no token; what changes something or shows what people wrote needs the admin token over TCP, and off loopback every request does, as `Authorization: Bearer`."
    ),
    paths(
        probes::healthz,
        probes::readyz,
        probes::metrics,
        links,
        export,
        api_queue::queue,
        api_queue::queue_item,
        api_queue::retry,
        api_queue::drop_letters,
        api_believe::believe,
        api_hooks::hooks,
        api_hooks::sync,
        api_hooks::remove,
        api_hooks::test,
        api_links::change,
        api_reload::reload,
        status,
        api_address::prove,
        openapi,
    ),
    components(schemas(
        AddressProof,
        Believed,
        HookReports,
        HooksAsked,
        HooksDone,
        HooksTested,
        LinksPage,
        Missing,
        Problem,
        ProveAddress,
        Queue,
        QueueItem,
        Letters,
        LettersDealt,
        LinksChange,
        LinksChanged,
        LinkWish,
        LinkBecame,
        ChangedLink,
        WantedLink,
        WantedAsExported,
        Reload,
        Reloaded,
        Status
    ))
)]
pub struct ApiDoc;

/// The issues and merge requests that have links, in pages.
#[utoipa::path(
    get,
    path = "/api/v1/links",
    params(
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<usize>, Query, description = "How many issues and merge requests: 1 to 1000, else 100"),
    ),
    responses(
        (status = 200, description = "One page", body = LinksPage),
        (status = 400, description = "A parameter that cannot be understood", body = Problem),
        (status = 503, description = "The store cannot be read", body = Problem),
    )
)]
pub(super) async fn links(view: &dyn AdminView, query: &str) -> Answer {
    let mut after = None;
    let mut limit = DEFAULT_LIMIT;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "after" => match value.parse::<Noteable>() {
                Ok(noteable) => after = Some(noteable),
                Err(error) => return problem(StatusCode::BAD_REQUEST, format!("after: {error}")),
            },
            "limit" => match read_limit(&value) {
                Ok(given) => limit = given,
                Err(answer) => return *answer,
            },
            _ => return unknown_parameter(&name, "`after` and `limit`"),
        }
    }
    answer(view.links(after.as_ref(), limit).await)
}

/// All links as JSON Lines, enough to build them again.
#[utoipa::path(
    get,
    path = "/api/v1/links/export",
    responses(
        (status = 200, description = "One JSON document a line. An answer that breaks off is not complete", content_type = "application/jsonl", body = String),
        (status = 503, description = "The store cannot be read", body = Problem),
    )
)]
pub(super) async fn export(view: Arc<dyn AdminView>) -> Answer {
    let (give, mut ready) = mpsc::channel(EXPORT_AHEAD);
    let reading = tokio::spawn(async move { view.export(give).await });
    // The status can only say what is known before the first piece: so that is waited for.
    let Some(first) = ready.recv().await else {
        return match reading.await {
            Ok(Ok(())) => {
                let (_, nothing) = mpsc::channel(1);
                streamed("application/jsonl", nothing)
            }
            Ok(Err(error)) => unreadable(&error),
            Err(error) => {
                tracing::error!(%error, "the export ended in an unforeseen way");
                problem(StatusCode::INTERNAL_SERVER_ERROR, "the export failed; flaglink's log says why")
            }
        };
    };
    let (send, pieces) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut next = Some(first);
        while let Some(piece) = next {
            if send.send(Ok(piece)).await.is_err() {
                return;
            }
            next = ready.recv().await;
        }
        let broken: StreamError = match reading.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => Box::new(error),
            Err(error) => Box::new(error),
        };
        tracing::error!(error = %broken, "an export broke off");
        let _ = send.send(Err(broken)).await;
    });
    streamed("application/jsonl", pieces)
}

/// How the daemon is: version, uptime, where webhooks come in, GitLab, the providers.
#[utoipa::path(
    get,
    path = "/api/v1/status",
    responses((status = 200, description = "The status", body = Status))
)]
pub(super) async fn status(view: &dyn AdminView) -> Answer {
    json(StatusCode::OK, &view.status().await)
}

/// This description.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    responses((status = 200, description = "OpenAPI", body = Object))
)]
pub(super) fn openapi() -> Answer {
    json(StatusCode::OK, &ApiDoc::openapi())
}
