//! The one HTTP client.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::Failure;
use crate::telemetry::Metrics;

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

/// An HTTP client with a time-out, without redirects, with a limit per host that keeps `Retry-After` and
/// `RateLimit-Reset` for every later request to that host.
#[derive(Debug, Clone)]
pub struct HttpClient {}

impl HttpClient {
    /// Makes a client.
    pub fn new(_options: HttpOptions, _metrics: Arc<Metrics>) -> Result<Self, ClientError> {
        todo!()
    }

    /// Sends a request and reads the whole answer (at most 32 MB). `Ok` is a 2xx answer; everything else is a [`Failure`].
    pub async fn send(&self, _request: http::Request<Vec<u8>>) -> Result<http::Response<Bytes>, Failure> {
        todo!()
    }
}
