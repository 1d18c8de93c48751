//! What each peer's hosts have asked for, kept while the clients that speak to them are made anew.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::client::{ClientError, HttpClient, HttpOptions};
use super::limit::Limiter;
use crate::telemetry::Metrics;

/// Makes clients. Those of one [peer](HttpOptions::peer) share their limits, also when one is made after another with other options
/// (a changed certificate file, say): how long each host wants to be left alone, and how much is on its way to it. How many
/// requests may be in flight is what the first one said.
#[derive(Debug, Clone, Default)]
pub struct Peers {
    metrics: Arc<Metrics>,
    limiters: Arc<Mutex<HashMap<String, Arc<Limiter>>>>,
}

impl Peers {
    /// Knows none yet. `metrics` are those of all clients.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, limiters: Arc::default() }
    }

    /// A client for a peer.
    ///
    /// # Errors
    /// When the certificate file cannot be used.
    pub fn client(&self, options: HttpOptions) -> Result<HttpClient, ClientError> {
        let mut limiters = self.limiters.lock().unwrap_or_else(PoisonError::into_inner);
        let limiter =
            limiters.entry(options.peer.clone()).or_insert_with(|| Arc::new(Limiter::new(options.in_flight)));
        HttpClient::with(options, Arc::clone(limiter), Arc::clone(&self.metrics))
    }
}
