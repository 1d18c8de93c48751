//! Webhook requests as the model keeps them, and what a test can have done with them on their way.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::model::Model;

/// What became of a webhook request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It will be sent in its turn.
    Waiting,
    /// It is held back until [`super::Gitlab::release_deliveries`].
    Held,
    /// It is under way.
    Sending,
    /// It was answered.
    Answered {
        /// Status.
        status: u16,
        /// The first 8 KiB of the body.
        body: String,
    },
    /// There was no answer: GitLab's `internal error`. Says why.
    Failed(String),
    /// It was never sent: over the limit of webhooks, switched off, or dropped by the test.
    Dropped(&'static str),
}

impl Fate {
    /// Whether nothing more will happen to it.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Answered { .. } | Self::Failed(_) | Self::Dropped(_))
    }

    /// GitLab's idea of success: 2xx and 3xx (facts, section 1).
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Answered { status, .. } if (200..400).contains(status))
    }
}

/// One webhook request.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Id in the log.
    pub id: u64,
    /// The hook that sends it.
    pub hook: u64,
    /// The hook's project.
    pub project: u64,
    /// What it is sent for: `note_events`, …
    pub trigger: String,
    /// `X-Gitlab-Event`.
    pub event: String,
    /// Where to.
    pub url: String,
    /// The body, byte for byte.
    pub body: String,
    /// `Idempotency-Key`, the same for everything that repeats this request.
    pub key: String,
    /// Headers as they were sent; empty before. The secret is left out.
    pub headers: BTreeMap<String, String>,
    /// Headers of the answer.
    pub response_headers: BTreeMap<String, String>,
    /// What became of it.
    pub fate: Fate,
    /// The request that this one repeats (resent, or a duplicate).
    pub repeats: Option<u64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How long its answer took.
    pub took: Duration,
}

impl Delivery {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// How webhook requests are sent.
#[derive(Debug, Clone, Default)]
pub struct Courier {
    /// Whether new ones are held back.
    pub hold: bool,
    /// Whether new ones are dropped, as GitLab does over its limit.
    pub drop: bool,
    /// How many times more each one is sent, with the same key.
    pub duplicates: u32,
}

/// In which order held requests are let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they came.
    AsCame,
    /// The last first.
    Reversed,
}

/// A random UUID, version 4. Zeroes where the system has no randomness.
pub(super) fn uuid() -> String {
    let mut bytes = [0_u8; 16];
    let _ = getrandom::fill(&mut bytes);
    let number = u128::from_be_bytes(bytes);
    let number = number & !(0xf000_u128 << 64) | (0x4000_u128 << 64);
    let number = number & !(0xc000_u128 << 48) | (0x8000_u128 << 48);
    let hex = format!("{number:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

impl Model {
    /// Queues one body for every hook of the project that is sent for this.
    pub(super) fn announce(&mut self, project: u64, trigger: &str, event: &str, body: &Value) {
        let hooks: Vec<u64> = self
            .hooks
            .values()
            .filter(|hook| self.goes_to(hook, project) && hook.events.contains(trigger))
            .map(|hook| hook.id)
            .collect();
        let now = self.now();
        for hook in hooks {
            let off = self
                .hooks
                .get(&hook)
                .and_then(|hook| hook.disabled_until)
                .is_some_and(|until| self.settings.auto_disable_hooks && until > now);
            let fate = if off {
                // GitLab does not even log these; here the reason stays visible.
                Fate::Dropped("the hook is switched off")
            } else if self.courier.drop {
                Fate::Dropped("over the limit of webhooks")
            } else if self.courier.hold {
                Fate::Held
            } else {
                Fate::Waiting
            };
            let Some(first) = self.queue(hook, trigger, event, body.to_string(), fate.clone(), None) else {
                continue;
            };
            for _ in 0..self.courier.duplicates {
                self.repeat(first, fate.clone());
            }
        }
    }

    /// Adds a request to the log.
    pub(super) fn queue(
        &mut self,
        hook: u64,
        trigger: &str,
        event: &str,
        body: String,
        fate: Fate,
        repeats: Option<u64>,
    ) -> Option<u64> {
        let (project, url) = self.hooks.get(&hook).map(|hook| (hook.project, hook.url.clone()))?;
        let key = repeats.and_then(|id| self.deliveries.get(&id)).map_or_else(uuid, |old| old.key.clone());
        let id = self.next_id("delivery");
        let delivery = Delivery {
            id,
            hook,
            project,
            trigger: trigger.to_owned(),
            event: event.to_owned(),
            url,
            body,
            key,
            headers: BTreeMap::new(),
            response_headers: BTreeMap::new(),
            fate,
            repeats,
            created_at: self.now(),
            took: Duration::ZERO,
        };
        self.deliveries.insert(id, delivery);
        Some(id)
    }

    /// Adds a request that is the same as one in the log, key and body included.
    pub(super) fn repeat(&mut self, delivery: u64, fate: Fate) -> Option<u64> {
        let old = self.deliveries.get(&delivery)?.clone();
        self.queue(old.hook, &old.trigger, &old.event, old.body, fate, Some(delivery))
    }

    /// Lets go what is held.
    pub(super) fn release(&mut self, order: Order) {
        let held: Vec<u64> =
            self.deliveries.values().filter(|held| held.fate == Fate::Held).map(|held| held.id).collect();
        match order {
            Order::AsCame => {
                for id in held {
                    self.set_fate(id, Fate::Waiting);
                }
            }
            Order::Reversed => {
                // Sending goes by id: what was held is logged anew in the other order.
                let mut anew: Vec<Delivery> =
                    held.iter().filter_map(|id| self.deliveries.remove(id)).collect();
                anew.reverse();
                for mut delivery in anew {
                    delivery.id = self.next_id("delivery");
                    delivery.fate = Fate::Waiting;
                    self.deliveries.insert(delivery.id, delivery);
                }
            }
        }
    }

    pub(super) fn set_fate(&mut self, delivery: u64, fate: Fate) {
        if let Some(delivery) = self.deliveries.get_mut(&delivery) {
            delivery.fate = fate;
        }
    }

    /// Whether no webhook request is waiting or under way.
    pub fn all_delivered(&self) -> bool {
        !self.deliveries.values().any(|delivery| matches!(delivery.fate, Fate::Waiting | Fate::Sending))
    }

    /// The requests of a hook, in the order in which they are sent.
    pub fn deliveries_of(&self, hook: u64) -> Vec<&Delivery> {
        self.deliveries.values().filter(|delivery| delivery.hook == hook).collect()
    }
}
