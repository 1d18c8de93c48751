//! Sending webhooks: real requests, one after the other, that can be held back, reordered, doubled and lost.
//!
//! Like a real Unleash it sends each once, whatever the answer, waits 10 s for it and follows no redirect. A
//! real one sends bursts concurrently, so that they come out of order: hold them back for that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::clock::Stamp;
use crate::sandbox::post;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// One request that is to be sent.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) webhook: u64,
    pub(super) event: u64,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
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
    /// There was no answer; the text says why. It is not sent again.
    Failed(String),
}

/// One delivery of a webhook.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The webhook's id.
    pub webhook: u64,
    /// The event's id.
    pub event: u64,
    /// Where it goes.
    pub url: String,
    /// Headers, without `Host`.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: String,
    /// What became of it.
    pub outcome: Outcome,
    /// When it was answered, or given up.
    pub ended_at: Option<Stamp>,
}

impl Delivery {
    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// `type` of the body.
    pub fn kind(&self) -> String {
        self.json().get("type").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned()
    }
}

/// In which order held deliveries are let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// As they came.
    AsTheyCame,
    /// The last one first.
    LastFirst,
    /// Those with these places among the held ones first, in this order, and then the rest.
    These(Vec<usize>),
}

#[derive(Debug, Default)]
struct State {
    log: Vec<Delivery>,
    holding: bool,
    copies: usize,
    dropping: usize,
}

/// The deliveries of one sandbox. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Deliveries {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<u64>>,
    queue: mpsc::UnboundedSender<usize>,
}

impl Deliveries {
    pub(super) fn start(changed: Arc<watch::Sender<u64>>) -> Self {
        let (queue, mut waiting) = mpsc::unbounded_channel::<usize>();
        let state = Arc::new(Mutex::new(State { copies: 1, ..State::default() }));
        // Without the queue, so that this ends when nobody can ask for anything any more.
        let (log, told) = (Arc::clone(&state), Arc::clone(&changed));
        tokio::spawn(async move {
            while let Some(number) = waiting.recv().await {
                send(&log, number).await;
                told.send_modify(|count| *count += 1);
            }
        });
        Self { state, changed, queue }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    pub(super) fn add(&self, outgoing: Vec<Outgoing>) {
        if outgoing.is_empty() {
            return;
        }
        let mut state = self.state();
        for one in outgoing {
            let dropped = state.dropping > 0;
            state.dropping = state.dropping.saturating_sub(1);
            let outcome = match (dropped, state.holding) {
                (true, _) => Outcome::Dropped,
                (false, true) => Outcome::Held,
                (false, false) => Outcome::Waiting,
            };
            let copies = if dropped { 1 } else { state.copies };
            for _ in 0..copies {
                let number = state.log.len();
                state.log.push(Delivery {
                    webhook: one.webhook,
                    event: one.event,
                    url: one.url.clone(),
                    headers: one.headers.clone(),
                    body: one.body.clone(),
                    outcome: outcome.clone(),
                    ended_at: None,
                });
                if outcome == Outcome::Waiting {
                    // Only fails when the runtime is being shut down, and then nobody listens either.
                    let _ = self.queue.send(number);
                }
            }
        }
        drop(state);
        self.tell();
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

    pub(super) fn release(&self, order: &Order) {
        let mut state = self.state();
        state.holding = false;
        let mut held: Vec<usize> = state
            .log
            .iter()
            .enumerate()
            .filter(|(_, delivery)| delivery.outcome == Outcome::Held)
            .map(|(number, _)| number)
            .collect();
        match order {
            Order::AsTheyCame => {}
            Order::LastFirst => held.reverse(),
            Order::These(first) => {
                let mut ordered: Vec<usize> =
                    first.iter().filter_map(|place| held.get(*place).copied()).collect();
                held.retain(|number| !ordered.contains(number));
                ordered.append(&mut held);
                held = ordered;
            }
        }
        for number in held {
            if let Some(delivery) = state.log.get_mut(number) {
                delivery.outcome = Outcome::Waiting;
            }
            let _ = self.queue.send(number);
        }
        drop(state);
        self.tell();
    }

    pub(super) fn copies(&self, copies: usize) {
        self.state().copies = copies;
    }

    pub(super) fn drop_next(&self, count: usize) {
        self.state().dropping = count;
    }

    pub(super) fn again(&self, number: usize) -> bool {
        let mut state = self.state();
        let Some(mut delivery) = state.log.get(number).cloned() else { return false };
        (delivery.outcome, delivery.ended_at) = (Outcome::Waiting, None);
        let number = state.log.len();
        state.log.push(delivery);
        self.queue.send(number).is_ok()
    }
}

async fn send(state: &Mutex<State>, number: usize) {
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(delivery) = lock().log.get(number).cloned() else { return };
    let sent = post::post(&delivery.url, &delivery.headers, &delivery.body);
    let outcome = match tokio::time::timeout(PATIENCE, sent).await {
        Ok(Ok(status)) => Outcome::Answered(status),
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Err(_) => Outcome::Failed(format!("no answer within {PATIENCE:?}")),
    };
    if let Some(delivery) = lock().log.get_mut(number) {
        (delivery.outcome, delivery.ended_at) = (outcome, Some(Stamp::now()));
    }
}
