//! The limit per host: so many requests in flight, and none at all while the host asks to be left alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use tokio::time::Instant;

use super::places::{Place, Places};

/// The longest that a request waits in here for a host to open again. Past it the request is given back
/// unsent, so that whoever wants it can plan with the time instead of holding a task and a lane.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How long a host is left alone that answers 429 and does not say for how long. GitLab's application
/// limits do that, and they count by the minute.
const UNNAMED_WAIT: Duration = Duration::from_secs(30);

/// The longest time that a server can ask for: a slip in its clock must not silence flaglink for days.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);

/// To which part of what a host serves a request belongs (for GitLab: the project). It stands in the request's extensions.
/// One part that hangs takes at most half of the places, so that requests of the others go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share(pub u64);

/// All hosts that one client talks to.
#[derive(Debug)]
pub(super) struct Limiter {
    in_flight: usize,
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

/// One host.
#[derive(Debug)]
pub(super) struct Host {
    places: Places<Share>,
    closed_until: Mutex<Option<Instant>>,
}

impl Limiter {
    /// A limiter that lets so many requests to one host be in flight (at least one), and half as many of one share.
    pub(super) fn new(in_flight: usize) -> Self {
        Self { in_flight, hosts: Mutex::default() }
    }

    /// The host of that name and port.
    pub(super) fn host(&self, authority: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(authority) {
            return Arc::clone(host);
        }
        let host = Arc::new(Host { places: Places::new(self.in_flight), closed_until: Mutex::new(None) });
        hosts.insert(authority.to_owned(), Arc::clone(&host));
        host
    }
}

impl Host {
    /// Waits for a place. `Err`: the host is closed for longer than is waited here; says how long.
    ///
    /// The gate is looked at once more with the place in hand: the request that held it before may have
    /// been the one that was told to stop.
    pub(super) async fn enter(&self, share: Option<Share>) -> Result<Place, Duration> {
        let patience = Instant::now() + LONGEST_WAIT;
        loop {
            self.opened(patience).await?;
            let Some(place) = self.places.take(share).await else { return Err(UNNAMED_WAIT) };
            if self.closed_for().is_none() {
                return Ok(place);
            }
        }
    }

    /// Keeps every later request away for that long. A shorter time does not undo a longer one.
    pub(super) fn close(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut closed = self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        *closed = Some(closed.map_or(until, |before| before.max(until)));
    }

    async fn opened(&self, patience: Instant) -> Result<(), Duration> {
        while let Some(wait) = self.closed_for() {
            let until = Instant::now() + wait;
            if until > patience {
                return Err(wait);
            }
            tokio::time::sleep_until(until).await;
        }
        Ok(())
    }

    fn closed_for(&self) -> Option<Duration> {
        let closed = *self.closed_until.lock().unwrap_or_else(PoisonError::into_inner);
        closed?.checked_duration_since(Instant::now()).filter(|wait| !wait.is_zero())
    }
}

/// How long an answer asks to be left alone: 429 always does, 503 where it says so.
///
/// `Retry-After` counts before `RateLimit-Reset` (GitLab sends both). Moments are measured against the
/// server's own `Date`, where it gives one, so that two clocks that differ do no harm.
pub(super) fn asked_to_wait(
    status: StatusCode,
    headers: &HeaderMap,
    now: std::time::SystemTime,
) -> Option<Duration> {
    let overrun = status == StatusCode::TOO_MANY_REQUESTS;
    if !overrun && status != StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    let now = text(headers, header::DATE.as_str())
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or(now);
    let until = |moment: std::time::SystemTime| moment.duration_since(now).unwrap_or_default();
    let retry_after = text(headers, header::RETRY_AFTER.as_str()).and_then(|value| match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value).ok().map(until),
    });
    let reset = || {
        let seconds = text(headers, "ratelimit-reset")?.parse().ok()?;
        std::time::SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).map(until)
    };
    let asked = match (retry_after, overrun) {
        (Some(wait), _) => wait,
        (None, true) => reset().unwrap_or(UNNAMED_WAIT),
        (None, false) => return None,
    };
    // A moment that is over, or zero seconds, still asks for a pause.
    Some(asked.clamp(Duration::from_secs(1), LONGEST_ASKED))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}
