//! One look at an address: a small GET that is answered, or not, in a way that people can be told about.
//!
//! [`HttpClient`](super::HttpClient) is for the servers that flaglink works with. This is for what may be anything: an agent on
//! this machine, or whatever answers under an address that is to be flaglink's own.

use std::error::Error as _;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use url::Url;

use super::ClientError;
use super::answer::{is_foreign, root};
use super::client::{is_here, read_roots};
use super::said::clean;

/// How a look is taken.
#[derive(Debug, Clone)]
pub struct LookOptions {
    /// Time for all of it.
    pub timeout: Duration,
    /// How much of a body is read, in bytes.
    pub most: usize,
    /// PEM file with further root certificates.
    pub ca_file: Option<PathBuf>,
}

/// Takes looks: without redirects, without a connection that is kept, through the proxies of the environment where the address is
/// not this machine's.
#[derive(Debug, Clone)]
pub struct Looker {
    client: reqwest::Client,
    direct: reqwest::Client,
    most: usize,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Seen {
    /// HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The beginning of its body.
    pub body: Bytes,
    /// Whether there is more of the body.
    pub cut: bool,
}

impl Seen {
    /// See [`Failure::foreign`](super::Failure::foreign).
    pub fn is_foreign(&self) -> bool {
        is_foreign(&self.headers)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    /// No such name.
    #[error("the name is not known ({0})")]
    Name(String),
    /// The connection was refused.
    #[error("nothing listens there")]
    Refused,
    /// There is no way there.
    #[error("it cannot be reached ({0})")]
    NoWay(String),
    /// TLS was not agreed on.
    #[error("no TLS ({0})")]
    Tls(String),
    /// It took too long.
    #[error("no answer in time")]
    Slow,
    /// The connection broke, or what came is not HTTP.
    #[error("the connection broke ({0})")]
    Broken(String),
}

impl Looker {
    /// One with those options.
    pub fn new(options: LookOptions) -> Result<Self, ClientError> {
        let roots = options.ca_file.as_deref().map(read_roots).transpose()?;
        let client = |proxies: bool| {
            let mut builder = reqwest::Client::builder()
                .user_agent(concat!("flaglink/", env!("CARGO_PKG_VERSION")))
                .timeout(options.timeout)
                // Each look is for itself: what was reached by an old connection need not be what a new one reaches.
                .pool_max_idle_per_host(0)
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never());
            if let Some(roots) = &roots {
                builder = builder.tls_certs_merge(roots.clone());
            }
            if !proxies {
                builder = builder.no_proxy();
            }
            builder
                .build()
                .map_err(|error| ClientError(format!("no HTTP client can be made: {}", root(&error))))
        };
        Ok(Self { client: client(true)?, direct: client(false)?, most: options.most })
    }

    /// Asks for it.
    pub async fn look(&self, url: &Url, headers: HeaderMap) -> Result<Seen, Unseen> {
        let client = if is_here(url) { &self.direct } else { &self.client };
        let mut response =
            client.get(url.clone()).headers(headers).send().await.map_err(|error| unseen(&error))?;
        let mut body = BytesMut::new();
        let mut cut = false;
        while !cut && let Some(chunk) = response.chunk().await.map_err(|error| unseen(&error))? {
            let room = self.most - body.len();
            cut = chunk.len() > room;
            body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        }
        let status = response.status().as_u16();
        Ok(Seen { status, headers: std::mem::take(response.headers_mut()), body: body.freeze(), cut })
    }
}

/// What an error means.
pub(super) fn unseen(error: &reqwest::Error) -> Unseen {
    if error.is_timeout() {
        return Unseen::Slow;
    }
    let why = clean(&root(error), &[]);
    let mut kind = None;
    let mut cause = error.source();
    while let Some(this) = cause {
        // hyper gives its kinds of trouble no type of their own.
        if this.to_string() == "dns error" {
            return Unseen::Name(why);
        }
        if let Some(io) = this.downcast_ref::<std::io::Error>() {
            kind = Some(io.kind());
        }
        cause = this.source();
    }
    match kind {
        Some(ErrorKind::ConnectionRefused) => Unseen::Refused,
        Some(ErrorKind::TimedOut) => Unseen::Slow,
        Some(
            ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::AddrNotAvailable
            | ErrorKind::PermissionDenied,
        ) => Unseen::NoWay(why),
        _ if error.is_connect() && is_of_tls(&why) => Unseen::Tls(why),
        _ => Unseen::Broken(why),
    }
}

/// Whether it is rustls that says so.
fn is_of_tls(why: &str) -> bool {
    let why = why.to_ascii_lowercase();
    [
        "certificate",
        "tls",
        "handshake",
        "corrupt message",
        "fatal alert",
        "inappropriate",
        "peer is incompatible",
        "peer misbehaved",
    ]
    .iter()
    .any(|word| why.contains(word))
}
