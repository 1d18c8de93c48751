//! Queueing webhook requests, and what a test can have done with them on their way.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::model::{Delivery, Fate, Model};

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
