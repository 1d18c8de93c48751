//! What came over the paths of the flag services: whether it was refused, and since when the webhook there is ours.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// What is known of one service's path, since the start.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    refused_at: Option<Timestamp>,
    written_at: Option<Timestamp>,
}

/// The paths of the flag services, by the provider's name.
#[derive(Debug, Default)]
pub struct ServicePaths {
    heard: Mutex<HashMap<String, Heard>>,
}

impl ServicePaths {
    /// A request came whose secret or signature was missing or wrong.
    pub fn refuse(&self, provider: &str) {
        self.change(provider, |heard| heard.refused_at = Some(Timestamp::now()));
    }

    /// A genuine one came.
    pub fn arrive(&self, provider: &str) {
        self.change(provider, |heard| heard.refused_at = None);
    }

    /// flaglink has written the webhook at the service: what was refused before says nothing of it.
    pub(super) fn write(&self, provider: &str) {
        self.change(provider, |heard| {
            *heard = Heard { refused_at: None, written_at: Some(Timestamp::now()) };
        });
    }

    /// When a request was last refused, if no genuine one came after it.
    pub fn refused_at(&self, provider: &str) -> Option<Timestamp> {
        self.of(provider).refused_at
    }

    /// Whether something of that moment says how the webhook stands now: flaglink has not written it since.
    pub(super) fn counts(&self, provider: &str, at: Option<Timestamp>) -> bool {
        self.of(provider).written_at.is_none_or(|written| at.is_some_and(|at| at > written))
    }

    fn of(&self, provider: &str) -> Heard {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get(provider).copied().unwrap_or_default()
    }

    fn change(&self, provider: &str, change: impl FnOnce(&mut Heard)) {
        change(
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).entry(provider.to_owned()).or_default(),
        );
    }
}
