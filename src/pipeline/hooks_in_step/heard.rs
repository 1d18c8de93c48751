//! What came over paths whose webhooks others keep: those of the flag services, and the one of webhooks made by hand. Whether it was
//! refused, and since when the webhook there is ours.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::report::RefusedByHand;

/// How far a flag service's clock may be ahead of ours.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(1);

/// After so many right ones what was refused before them is past: several webhooks may lead to one path, and only one be wrong.
const RIGHT_ONES: u64 = 10;

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

/// The path that webhooks made by hand in GitLab share.
#[derive(Debug, Default)]
pub struct HandPath(Mutex<ByHand>);

#[derive(Debug, Default)]
struct ByHand {
    refused: Option<RefusedByHand>,
    /// Whether a right one came since the start, or since the secret is another one.
    any_right: bool,
}

impl HandPath {
    /// A request came whose secret or signature was missing or wrong. `names_gitlab`: it says that it is from our GitLab.
    pub fn refuse(&self, names_gitlab: bool) {
        let mut heard = self.heard();
        let none_right = !heard.any_right;
        let refused = heard.refused.get_or_insert_with(RefusedByHand::default);
        refused.count = refused.count.saturating_add(1);
        refused.last_at = Timestamp::now();
        refused.names_gitlab |= names_gitlab;
        (refused.right_since, refused.none_right) = (0, none_right);
    }

    /// A genuine one came.
    pub fn arrive(&self) {
        let mut heard = self.heard();
        heard.any_right = true;
        if let Some(refused) = &mut heard.refused {
            refused.right_since += 1;
            refused.none_right = false;
        }
        heard.refused.take_if(|refused| refused.right_since >= RIGHT_ONES);
    }

    /// Another secret is good from now on: what came before says nothing of it.
    pub fn forget(&self) {
        *self.heard() = ByHand::default();
    }

    /// What was refused.
    pub fn refused(&self) -> Option<RefusedByHand> {
        self.heard().refused.clone()
    }

    fn heard(&self) -> MutexGuard<'_, ByHand> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
