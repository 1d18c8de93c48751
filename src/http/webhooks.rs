//! The webhook listener: who may come in, what is handed over, and what is answered.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::header::{ALLOW, HeaderMap, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use ipnet::IpNet;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;
use tracing::Instrument;

use crate::domain::{Delivery, DeliverySource};
use crate::flags::{Verdict, WebhookRequest};
use crate::gitlab::Standing;
use crate::telemetry::{Metrics, TraceId};
use crate::tunnel::{Nonces, PublicAddress};

use super::body::{Answer, RequestBody, empty, text};
use super::forwarded::sender;
use super::serve::{Handler, Peer};

/// The largest body that is taken, in bytes: GitLab's own limit for what it sends (25 MB, `REQUEST_BODY_SIZE_LIMIT`).
pub const MAX_BODY: usize = 25 * 1024 * 1024;

/// The headers that are needed after a request is answered; all others are forgotten, secrets first of all.
pub const KEPT_HEADERS: [&str; 5] =
    ["user-agent", "webhook-id", "x-gitlab-event", "x-gitlab-event-uuid", "x-gitlab-instance"];

/// What is said where a path leads to no webhook.
pub const NO_WEBHOOK: &str = "there is no such webhook here";

/// Longer values are cut, in characters: nothing that is needed is as long as this.
const MAX_KEPT_HEADER: usize = 1024;

/// A key that is longer than this is no key.
const MAX_KEY: usize = 256;

/// When to come again, in seconds, where nothing can be kept now.
const RETRY_AFTER_SECONDS: &str = "10";

/// Headers by lower-case name.
pub type Headers = BTreeMap<String, String>;

/// What became of a delivery that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is on disk.
    Kept,
    /// It was on disk before.
    Before,
    /// There is nothing to do for it, and it was not kept. The reason is a metric label; the listener counts it.
    Ignored(&'static str),
    /// It is not what its sender says it is: not a JSON object that can be read.
    NotJson,
    /// It cannot be kept now, and nothing of it was.
    Unwritable,
    /// As much waits as may wait: it was not kept.
    Full,
}

/// The rest of the house, as far as the webhook listener knows it.
#[async_trait]
pub trait Door: Send + Sync + 'static {
    /// What the headers alone say about a request to a GitLab hook: the one made by hand has the empty id.
    /// `None` where there is no such hook, or nothing to check against.
    fn gitlab_before_body(&self, hook: &str, headers: &Headers) -> Option<Standing>;

    /// What headers and body say about it. `None` as before.
    fn gitlab_with_body(
        &self,
        hook: &str,
        headers: &Headers,
        body: &[u8],
        now: Timestamp,
    ) -> Option<Standing>;

    /// Whether a request to that provider's path is genuine; `NoSecret` also where there is no such provider.
    ///
    /// It is asked twice: with an empty body before the body is read, where only `NoSecret` counts (whether there is a
    /// secret does not depend on the body), and with the body.
    fn provider_verdict(&self, provider: &str, request: &WebhookRequest<'_>) -> Verdict;

    /// A request was refused for its secret or signature.
    fn refused(&self, _source: &DeliverySource, _headers: &Headers, _standing: Standing) {}

    /// What tells a repeat of this provider's request from another one.
    fn provider_key(&self, provider: &str, request: &WebhookRequest<'_>) -> Option<String>;

    /// Takes over an authentic delivery. A return means that what it says has happened: [`Taken::Kept`] and
    /// [`Taken::Before`] are on disk.
    async fn take(&self, delivery: Delivery) -> Taken;
}

/// Answers the webhook listener's requests.
pub struct Webhooks {
    door: Arc<dyn Door>,
    metrics: Arc<Metrics>,
    address: PublicAddress,
    nonces: Nonces,
    trusted: Vec<IpNet>,
}

impl Webhooks {
    /// A listener in front of that door.
    pub fn new(door: Arc<dyn Door>, metrics: Arc<Metrics>) -> Self {
        let address = PublicAddress::fixed(None);
        Self { door, metrics, address, nonces: Nonces::default(), trusted: Vec::new() }
    }

    /// It is reached under that address. The address may have a path: a proxy may take it away before it passes a request on,
    /// or not, so every path is known with it and without it.
    #[must_use]
    pub fn reached_at(self, address: PublicAddress) -> Self {
        Self { address, ..self }
    }

    /// It answers those who prove an address.
    #[must_use]
    pub fn proving(self, nonces: Nonces) -> Self {
        Self { nonces, ..self }
    }

    /// Those proxies are believed when they say for whom they ask.
    #[must_use]
    pub fn trusting(self, trusted: Vec<IpNet>) -> Self {
        Self { trusted, ..self }
    }

    /// The path without that of the public address, if it begins with it.
    fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        let address = self.address.now()?;
        path.strip_prefix(address.path().trim_end_matches('/')).filter(|rest| rest.starts_with('/'))
    }
}

/// A path that this listener has.
enum Place {
    Health,
    Hook(DeliverySource),
}

fn place(path: &str) -> Option<Place> {
    let segment = |escaped: &str| {
        let name = percent_decode_str(escaped).decode_utf8().ok()?.into_owned();
        (!escaped.contains('/') && !name.is_empty()).then_some(name)
    };
    if path == "/healthz" {
        return Some(Place::Health);
    }
    let hook = path.strip_prefix("/hooks/")?;
    if hook == "gitlab" {
        return Some(Place::Hook(DeliverySource::Gitlab { hook: String::new() }));
    }
    if let Some(hook) = hook.strip_prefix("gitlab/") {
        return segment(hook).map(|hook| Place::Hook(DeliverySource::Gitlab { hook }));
    }
    let name = hook.strip_prefix("providers/")?;
    segment(name).map(|name| Place::Hook(DeliverySource::Provider { name }))
}

#[async_trait]
impl Handler for Webhooks {
    async fn handle(&self, request: Request<RequestBody>, peer: Peer) -> Answer {
        let peer = match peer {
            Peer::Tcp { remote } => remote.ip(),
            Peer::Unix => IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        let from = sender(peer, request.headers(), &self.trusted);
        let method = request.method().clone();
        // The query is not looked at and not logged: people put secrets there.
        let path: String = request.uri().path().chars().take(200).collect();
        let asked = request.uri().path();
        // As it is first: a proxy may have taken a path away that is itself one of ours.
        let answer = match place(asked).or_else(|| place(self.below(asked)?)) {
            None => match self.nonces.answer(asked) {
                Some(answer) if method == Method::GET => text(StatusCode::OK, answer),
                Some(_) => not_allowed("GET"),
                None => not_found(),
            },
            Some(Place::Health) if matches!(method, Method::GET | Method::HEAD) => text(StatusCode::OK, "ok"),
            Some(Place::Health) => not_allowed("GET, HEAD"),
            Some(Place::Hook(source)) => {
                let span = TraceId::random().span(name(&source));
                self.hook(source, request, from).instrument(span).await
            }
        };
        tracing::debug!(%method, ?path, %from, status = answer.status().as_u16(), "answered");
        answer
    }
}

impl Webhooks {
    async fn hook(&self, source: DeliverySource, request: Request<RequestBody>, from: IpAddr) -> Answer {
        let (head, mut body) = request.into_parts();
        let headers = headers(&head.headers);
        let Some(before) = self.before_body(&source, &headers) else { return no_webhook() };
        if head.method != Method::POST {
            return not_allowed("POST");
        }
        if let Standing::Forged(why) = before {
            return self.forged(&source, &headers, why, from);
        }
        let body = match body.collect(MAX_BODY).await {
            Ok(body) => body,
            Err(error) => {
                tracing::warn!(%error, %from, "a webhook body was not read");
                self.metrics.delivery(name(&source), "refused");
                let answer = text(error.status(), format!("{error}\n"));
                return if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
                    later(answer)
                } else {
                    answer
                };
            }
        };
        let now = Timestamp::now();
        if before == Standing::NeedsBody {
            match self.with_body(&source, &headers, &body, now) {
                Some(Standing::Genuine) => {}
                Some(Standing::Forged(why)) => return self.forged(&source, &headers, why, from),
                Some(Standing::NeedsBody) => {
                    return self.forged(&source, &headers, "nothing proves who sent it", from);
                }
                None => return no_webhook(),
            }
        }
        if !is_object(&body) {
            return self.not_json(&source, from);
        }
        self.take(source, &headers, body, now, from).await
    }

    fn before_body(&self, source: &DeliverySource, headers: &Headers) -> Option<Standing> {
        match source {
            DeliverySource::Gitlab { hook } => self.door.gitlab_before_body(hook, headers),
            DeliverySource::Provider { name } => {
                match self.door.provider_verdict(name, &WebhookRequest { headers, body: b"" }) {
                    Verdict::NoSecret => None,
                    Verdict::Genuine | Verdict::Forged => Some(Standing::NeedsBody),
                }
            }
        }
    }

    fn with_body(
        &self,
        source: &DeliverySource,
        headers: &Headers,
        body: &[u8],
        now: Timestamp,
    ) -> Option<Standing> {
        match source {
            DeliverySource::Gitlab { hook } => self.door.gitlab_with_body(hook, headers, body, now),
            DeliverySource::Provider { name } => {
                match self.door.provider_verdict(name, &WebhookRequest { headers, body }) {
                    Verdict::Genuine => Some(Standing::Genuine),
                    Verdict::Forged => Some(Standing::Forged("its secret or signature is missing or wrong")),
                    Verdict::NoSecret => None,
                }
            }
        }
    }

    async fn take(
        &self,
        source: DeliverySource,
        headers: &Headers,
        body: Bytes,
        now: Timestamp,
        from: IpAddr,
    ) -> Answer {
        let key = match &source {
            DeliverySource::Gitlab { .. } => {
                headers.get("idempotency-key").or_else(|| headers.get("webhook-id")).cloned()
            }
            DeliverySource::Provider { name } => {
                self.door.provider_key(name, &WebhookRequest { headers, body: &body })
            }
        };
        let delivery = Delivery {
            source: source.clone(),
            key: key.filter(|key| !key.is_empty() && key.len() <= MAX_KEY),
            headers: kept(headers),
            body,
            received_at: now,
        };
        let source_name = name(&source);
        match self.door.take(delivery).await {
            Taken::Kept => {
                tracing::info!("a delivery was kept");
                self.metrics.delivery(source_name, "kept");
                empty(StatusCode::OK)
            }
            Taken::Before => {
                tracing::info!("a delivery came again");
                self.metrics.delivery(source_name, "before");
                empty(StatusCode::OK)
            }
            Taken::Ignored(reason) => {
                tracing::debug!(reason, "a delivery needs nothing to be done");
                self.metrics.delivery(source_name, "ignored");
                self.metrics.ignored(source_name, reason);
                empty(StatusCode::OK)
            }
            Taken::NotJson => self.not_json(&source, from),
            Taken::Unwritable => {
                tracing::error!("a delivery could not be kept; the sender was told so");
                self.metrics.delivery(source_name, "unwritable");
                later(text(StatusCode::SERVICE_UNAVAILABLE, "this cannot be kept now; send it again later\n"))
            }
            Taken::Full => {
                tracing::warn!("as much waits as may wait; the sender was told to come again");
                self.metrics.delivery(source_name, "full");
                later(text(StatusCode::SERVICE_UNAVAILABLE, "too much waits here now; send it again later\n"))
            }
        }
    }

    fn forged(&self, source: &DeliverySource, headers: &Headers, why: &'static str, from: IpAddr) -> Answer {
        self.door.refused(source, headers, Standing::Forged(why));
        tracing::warn!(why, %from, "a webhook request was refused");
        self.metrics.delivery(name(source), "forged");
        text(StatusCode::UNAUTHORIZED, "the secret or the signature is missing or wrong\n")
    }

    fn not_json(&self, source: &DeliverySource, from: IpAddr) -> Answer {
        tracing::warn!(%from, "a webhook body is not a JSON object");
        self.metrics.delivery(name(source), "refused");
        text(StatusCode::BAD_REQUEST, "the body is not a JSON object\n")
    }
}

/// How metrics and logs call a source.
fn name(source: &DeliverySource) -> &str {
    match source {
        DeliverySource::Gitlab { .. } => "gitlab",
        DeliverySource::Provider { name } => name,
    }
}

/// All headers by name. A header that stands there twice becomes one value with a comma in it, which no secret matches:
/// so nobody can choose which of two is looked at.
fn headers(from: &HeaderMap) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in from {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|before| {
                before.push_str(", ");
                before.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    headers
}

fn kept(headers: &Headers) -> Headers {
    KEPT_HEADERS
        .into_iter()
        .filter_map(|name| {
            let value = headers.get(name)?;
            Some((name.to_owned(), value.chars().take(MAX_KEPT_HEADER).collect()))
        })
        .collect()
}

/// Whether the body is one JSON object. Nothing of it is kept, so a hostile one costs no memory.
fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'{') && serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "there is nothing here\n")
}

/// Below `/hooks/`, so that it can be told whether that path comes here as it was sent.
fn no_webhook() -> Answer {
    text(StatusCode::NOT_FOUND, format!("{NO_WEBHOOK}\n"))
}

fn not_allowed(allow: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, format!("only {allow} here\n"));
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    answer
}

fn later(mut answer: Answer) -> Answer {
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
    answer
}
