//! One look at an address: a small GET that is answered, or not, in a way that people can be told about.
//!
//! [`HttpClient`](super::HttpClient) is for the servers that flaglink works with. This is for what may be anything: an agent on
//! this machine, or whatever answers under an address that is to be flaglink's own.

use std::path::PathBuf;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use url::Url;

use super::ClientError;
use super::answer::is_foreign;
use super::client::{is_here, read_roots};
use super::unseen::{Unseen, root, unseen};

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
