//! What came over the paths of the flag services: whether it was refused, and since when the webhook there is ours.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// How far a flag service's clock may be ahead of ours.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(1);

/// What had failed when flaglink wrote a webhook, by the service's own dates: its clock is not ours.
#[derive(Debug, Clone, Copy)]
pub(super) enum Before {
    /// The service did not tell.
    Unknown,
    /// Nothing.
    Nothing,
    /// The newest delivery, of that moment.
    Newest(Timestamp),
}

/// What is known of one service's path, since the start.
#[derive(Debug, Clone, Copy, Default)]
struct Heard {
    refused_at: Option<Timestamp>,
    written: Option<(Timestamp, Before)>,
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

    /// flaglink has written the webhook at the service: what was refused, or failed, before says nothing of it.
    pub(super) fn write(&self, provider: &str, before: Before) {
        self.change(provider, |heard| {
            *heard = Heard { refused_at: None, written: Some((Timestamp::now(), before)) };
        });
    }

    /// When a request was last refused, if no genuine one came after it.
    pub fn refused_at(&self, provider: &str) -> Option<Timestamp> {
        self.of(provider).refused_at
    }

    /// Whether a failure that the service dates so says how the webhook stands now: flaglink has not written it since.
    pub(super) fn counts(&self, provider: &str, at: Option<Timestamp>) -> bool {
        let Some((written, before)) = self.of(provider).written else { return true };
        at.is_some_and(|at| match before {
            Before::Newest(newest) => at > newest,
            Before::Nothing => true,
            Before::Unknown => at.duration_since(written) > CLOCK_SLACK,
        })
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
