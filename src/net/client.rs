//! The one HTTP client.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use super::answer::{self, Asked};
use super::limit::{self, Limiter, Share};
use super::unseen::root;
use super::{Failure, Sent, said};
use crate::telemetry::Metrics;

/// How long an unused connection is kept. Shorter than what servers and proxies keep theirs, because a
/// connection that the other side closes under a request looks like a request that may have been carried out.
const IDLE: Duration = Duration::from_secs(20);

/// How a client behaves.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// What it talks to, for metrics and logs: `gitlab`, or the provider's name.
    pub peer: String,
    /// Time for a whole request.
    pub timeout: Duration,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// Requests in flight to one host at the same time.
    pub in_flight: usize,
    /// PEM file with further root certificates.
    pub ca_file: Option<PathBuf>,
}

/// A client could not be made (a certificate file that cannot be read, for example).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClientError(pub String);

/// Asked with the place in hand, just before a request leaves: `Err` keeps it back and says for how long. It stands in the
/// request's extensions.
#[derive(Clone)]
pub struct LastWord(pub Arc<dyn Fn() -> Result<(), Duration> + Send + Sync>);

/// An HTTP client with a time-out, without redirects, with a limit per host that keeps `Retry-After` and
/// `RateLimit-Reset` for every later request to that host.
///
/// Clones share everything, the limit too: make one per server and clone it. A request waits at most 30 s
/// for a host that has asked to be left alone; if that is not enough it comes back unsent, with
/// [`Failure::retry_after`]. A 429 that names no time closes its host for 30 s.
#[derive(Debug, Clone)]
pub struct HttpClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    client: reqwest::Client,
    /// Never by way of a proxy.
    direct: reqwest::Client,
    limiter: Arc<Limiter>,
    peer: String,
    timeout: Duration,
    metrics: Arc<Metrics>,
    /// Every secret that was ever sent: a server may say back that of another request.
    secrets: Mutex<Vec<SecretString>>,
}

impl HttpClient {
    /// Makes a client. Proxies are taken from the environment (`HTTPS_PROXY`, `NO_PROXY` …), but not for
    /// this machine itself: its loopback is not the proxy's.
    pub fn new(options: HttpOptions, metrics: Arc<Metrics>) -> Result<Self, ClientError> {
        let limiter = Arc::new(Limiter::new(options.in_flight));
        Self::with(options, limiter, metrics)
    }

    /// Makes a client that keeps to a limiter that there is already.
    pub(super) fn with(
        options: HttpOptions,
        limiter: Arc<Limiter>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ClientError> {
        let roots = options.ca_file.as_deref().map(read_roots).transpose()?;
        let client = |proxies: bool| {
            let mut builder = reqwest::Client::builder()
                .user_agent(concat!("flaglink/", env!("CARGO_PKG_VERSION")))
                .timeout(options.timeout)
                .connect_timeout(options.connect_timeout)
                .pool_idle_timeout(IDLE)
                .redirect(reqwest::redirect::Policy::none())
                // Whether something is sent twice is decided where it is known what it does.
                .retry(reqwest::retry::never());
            if let Some(roots) = &roots {
                builder = builder.tls_certs_merge(roots.clone());
            }
            if !proxies {
                builder = builder.no_proxy();
            }
            builder.build().map_err(|error| {
                let why = root(&error);
                ClientError(format!("no HTTP client can be made for {}: {why}", options.peer))
            })
        };
        let (client, direct) = (client(true)?, client(false)?);
        Ok(Self {
            inner: Arc::new(Inner {
                client,
                direct,
                limiter,
                peer: options.peer,
                timeout: options.timeout,
                metrics,
                secrets: Mutex::default(),
            }),
        })
    }

    /// Sends a request and reads the whole answer (at most 32 MB). `Ok` is a 2xx answer; everything else is a [`Failure`].
    pub async fn send(&self, mut request: http::Request<Vec<u8>>) -> Result<http::Response<Bytes>, Failure> {
        let inner = &*self.inner;
        said::mark_secrets(request.headers_mut());
        let asked = inner.asked(&request);
        let Some(authority) = request.uri().host().map(|host| authority(host, request.uri())) else {
            return Err(Failure {
                status: None,
                sent: Sent::No,
                retry_after: None,
                message: format!("{}: the address names no server", asked.what),
                said: String::new(),
                foreign: false,
                unseen: None,
            });
        };
        let host = inner.limiter.host(&authority);
        let held = |wait, why| {
            inner.metrics.request(&inner.peer, "held", Duration::ZERO);
            answer::kept_back(&asked, wait, why)
        };
        let share = request.extensions().get::<Share>().copied();
        let place = host
            .enter(share)
            .await
            .map_err(|wait| held(wait, "the server has asked to be left alone for another"))?;
        if let Some(LastWord(may_leave)) = request.extensions().get() {
            may_leave().map_err(|wait| held(wait, "it would be more than the server takes, for another"))?;
        }
        let started = Instant::now();
        let ended = |status: &str| inner.metrics.request(&inner.peer, status, started.elapsed());

        let request = reqwest::Request::try_from(request).map_err(|error| {
            let (failure, word) = answer::unanswered(&asked, &error);
            ended(word);
            failure
        })?;
        let client = if is_here(request.url()) { &inner.direct } else { &inner.client };
        let mut response = client.execute(request).await.map_err(|error| {
            let (failure, word) = answer::unanswered(&asked, &error);
            ended(word);
            failure
        })?;
        let status = response.status();
        let wait = limit::asked_to_wait(status, response.headers(), SystemTime::now());
        if let Some(wait) = wait {
            host.close(wait);
        }
        let headers = std::mem::take(response.headers_mut());
        let body = match answer::read_body(&mut response).await {
            Ok(body) => body,
            Err(broken) => {
                ended(if status.is_success() { "half" } else { status.as_str() });
                return Err(answer::half(&asked, status, &broken, wait));
            }
        };
        ended(status.as_str());
        drop(place);
        if !status.is_success() {
            return Err(answer::refused(&asked, status, &headers, &body, wait));
        }
        let mut whole = http::Response::new(body);
        *whole.status_mut() = status;
        *whole.headers_mut() = headers;
        Ok(whole)
    }
}

impl Inner {
    /// These secrets and all others that were sent: few, one for each token.
    fn remember(&self, sent: Vec<String>) -> Vec<String> {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in sent {
            if !secrets.iter().any(|known| known.expose_secret() == secret) {
                secrets.push(secret.into());
            }
        }
        secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect()
    }

    fn asked(&self, request: &http::Request<Vec<u8>>) -> Asked {
        let uri = request.uri();
        let secrets = self.remember(said::secrets(request.headers()));
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        let what = format!("{} {host}{port}{}", request.method(), uri.path());
        Asked { what: said::clean(&what, &secrets), secrets, timeout: self.timeout }
    }
}

pub(super) fn read_roots(file: &Path) -> Result<Vec<reqwest::Certificate>, ClientError> {
    let pem = std::fs::read(file).map_err(|error| {
        ClientError(format!("the certificates in {} cannot be read: {error}", file.display()))
    })?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(roots) if !roots.is_empty() => Ok(roots),
        _ => Err(ClientError(format!("{} holds no certificate in PEM form", file.display()))),
    }
}

/// Whether the address is one of this machine's loopback.
pub(super) fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn authority(host: &str, uri: &http::Uri) -> String {
    let usual = if uri.scheme_str() == Some("http") { 80 } else { 443 };
    format!("{}:{}", host.to_ascii_lowercase(), uri.port_u16().unwrap_or(usual))
}
