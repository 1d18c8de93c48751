//! Sending webhooks: real requests, one after the other, that can be held back, reordered, doubled and lost.
//!
//! Like a real Flagsmith it takes every answer for a delivery, also an error, and never follows a redirect.
//! It sends to loopback only.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::{mpsc, watch};

use super::model::{Scope, Tasks};
use crate::sandbox::post;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the task processor tries where no connection can be had.
const ATTEMPTS: usize = 3;

/// How long the task processor waits after the first attempt. The pause doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// One request that is to be sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) scope: Scope,
    pub(super) webhook: u64,
    pub(super) url: String,
    pub(super) secret: String,
    pub(super) body: String,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is held back.
    Held,
    /// It waits to be sent, or is being sent.
    Waiting,
    /// It was lost on purpose.
    Dropped,
    /// It was answered with this status. Whatever that is, it is not sent again.
    Answered(u16),
    /// There was no answer; the text says why.
    Failed(String),
}

/// One delivery of a webhook.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What the webhook listens to.
    pub scope: Scope,
    /// The webhook's id.
    pub webhook: u64,
    /// Where it goes.
    pub url: String,
    /// The body, byte for byte.
    pub body: String,
    /// `X-Flagsmith-Signature`; `None` without a secret.
    pub signature: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// How often it was tried.
    pub attempts: usize,
}

impl Delivery {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// `event_type` of the body.
    pub fn event(&self) -> String {
        self.json().get("event_type").and_then(|event| event.as_str()).unwrap_or_default().to_owned()
    }
}

/// In which order held deliveries are let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they came.
    AsTheyCame,
    /// The last one first.
    LastFirst,
}

/// Which of what is sent from now on is sent how.
#[derive(Debug, Default)]
struct State {
    log: Vec<Delivery>,
    holding: bool,
    copies: usize,
    dropping: usize,
    first_pause: Duration,
}

/// The deliveries of one sandbox. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Deliveries {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<u64>>,
    queue: mpsc::UnboundedSender<(usize, Tasks)>,
}

/// The same without the queue, so that the one who sends ends when nobody can ask for anything any more.
#[derive(Debug, Clone)]
struct Log {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<u64>>,
}

impl Deliveries {
    pub(super) fn start(changed: Arc<watch::Sender<u64>>) -> Self {
        let (queue, mut waiting) = mpsc::unbounded_channel::<(usize, Tasks)>();
        let state = Arc::new(Mutex::new(State { copies: 1, first_pause: FIRST_PAUSE, ..State::default() }));
        let log = Log { state: Arc::clone(&state), changed: Arc::clone(&changed) };
        tokio::spawn(async move {
            while let Some((number, tasks)) = waiting.recv().await {
                log.send(number, tasks).await;
            }
        });
        Self { state, changed, queue }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, outgoing: Vec<Outgoing>, tasks: Tasks) {
        if outgoing.is_empty() {
            return;
        }
        let mut state = self.state();
        for one in outgoing {
            let dropped = state.dropping > 0;
            state.dropping = state.dropping.saturating_sub(1);
            let copies = if dropped { 1 } else { state.copies };
            for _ in 0..copies {
                let outcome = match (dropped, state.holding) {
                    (true, _) => Outcome::Dropped,
                    (false, true) => Outcome::Held,
                    (false, false) => Outcome::Waiting,
                };
                let number = state.log.len();
                let sent = outcome == Outcome::Waiting;
                state.log.push(Delivery {
                    scope: one.scope,
                    webhook: one.webhook,
                    url: one.url.clone(),
                    signature: signature(&one.secret, &one.body),
                    body: one.body.clone(),
                    outcome,
                    attempts: 0,
                });
                if sent {
                    // Only fails when the runtime is being shut down, and then nobody listens either.
                    let _ = self.queue.send((number, tasks));
                }
            }
        }
        drop(state);
        self.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn log(&self) -> Vec<Delivery> {
        self.state().log.clone()
    }

    pub(super) fn forget(&self) {
        // What is still under way keeps its number.
        let mut state = self.state();
        if !state.log.iter().any(|delivery| matches!(delivery.outcome, Outcome::Held | Outcome::Waiting)) {
            state.log.clear();
        }
    }

    pub(super) fn hold(&self) {
        self.state().holding = true;
    }

    pub(super) fn release(&self, order: Order, tasks: Tasks) {
        let mut state = self.state();
        state.holding = false;
        let mut held: Vec<usize> = state
            .log
            .iter()
            .enumerate()
            .filter(|(_, delivery)| delivery.outcome == Outcome::Held)
            .map(|(number, _)| number)
            .collect();
        if order == Order::LastFirst {
            held.reverse();
        }
        for number in held {
            if let Some(delivery) = state.log.get_mut(number) {
                delivery.outcome = Outcome::Waiting;
            }
            let _ = self.queue.send((number, tasks));
        }
    }

    pub(super) fn copies(&self, copies: usize) {
        self.state().copies = copies;
    }

    pub(super) fn first_pause(&self, pause: Duration) {
        self.state().first_pause = pause;
    }

    pub(super) fn drop_next(&self, count: usize) {
        self.state().dropping = count;
    }

    pub(super) fn again(&self, number: usize, tasks: Tasks) -> bool {
        let mut state = self.state();
        let Some(mut delivery) = state.log.get(number).cloned() else { return false };
        delivery.outcome = Outcome::Waiting;
        delivery.attempts = 0;
        let number = state.log.len();
        state.log.push(delivery);
        self.queue.send((number, tasks)).is_ok()
    }
}

impl Log {
    async fn send(&self, number: usize, tasks: Tasks) {
        let mut pause = self.state.lock().unwrap_or_else(PoisonError::into_inner).first_pause;
        loop {
            let Some((delivery, attempt)) = self.next_attempt(number) else { return };
            let outcome = match tokio::time::timeout(PATIENCE, post(&delivery)).await {
                Ok(Ok(status)) => Outcome::Answered(status),
                Ok(Err(error)) => Outcome::Failed(error.to_string()),
                Err(_) => Outcome::Failed(format!("no answer within {PATIENCE:?}")),
            };
            let again = matches!(outcome, Outcome::Failed(_)) && tasks == Tasks::TaskProcessor;
            if !again || attempt >= ATTEMPTS {
                if let Some(delivery) =
                    self.state.lock().unwrap_or_else(PoisonError::into_inner).log.get_mut(number)
                {
                    delivery.outcome = outcome;
                }
                self.changed.send_modify(|count| *count += 1);
                return;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    fn next_attempt(&self, number: usize) -> Option<(Delivery, usize)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let delivery = state.log.get_mut(number)?;
        delivery.attempts += 1;
        Some((delivery.clone(), delivery.attempts))
    }
}

/// HMAC-SHA256 of the body, in lower-case hexadecimal digits without a prefix; none without a secret.
pub fn signature(secret: &str, body: &str) -> Option<String> {
    if secret.is_empty() {
        return None;
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body.as_bytes());
    Some(hex::encode(mac.finalize().into_bytes()))
}

async fn post(delivery: &Delivery) -> io::Result<u16> {
    let mut headers = vec![
        ("User-Agent", "python-requests/2.33.0"),
        ("Accept-Encoding", "gzip, deflate, zstd"),
        ("Accept", "*/*"),
        ("Connection", "keep-alive"),
        ("content-type", "application/json"),
    ];
    if let Some(signature) = &delivery.signature {
        headers.push(("X-Flagsmith-Signature", signature));
    }
    let headers: Vec<(String, String)> =
        headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    post::post(&delivery.url, &headers, &delivery.body).await
}
