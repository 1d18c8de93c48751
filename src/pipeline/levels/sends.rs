//! What is sent to make a level true, and what may still be carried out of what was sent before.
//!
//! A write whose answer was lost, or that was on its way when flaglink ended, may be carried out after a later one and undo it.
//! So a level that was made true meanwhile is looked at once more when that cannot happen any more.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::{NotTrue, Pipeline, ceiling, write_down};
use crate::bot::Trouble;
use crate::domain::{Decision, Stale, Write};
use crate::net::Sent;

/// The writes of one attempt at a level.
pub(super) struct Sends<'a> {
    pipeline: &'a Pipeline,
    stale: &'a Stale,
    last: Mutex<Option<Timestamp>>,
}

impl<'a> Sends<'a> {
    pub(super) fn of(pipeline: &'a Pipeline, stale: &'a Stale) -> Self {
        Self { pipeline, stale, last: Mutex::default() }
    }

    /// Before something is sent: it is on disk that it may have been.
    pub(super) async fn begin(&self) -> Result<(), NotTrue> {
        let mut decision = Decision::new();
        self.begin_with(&mut decision);
        write_down(self.pipeline, decision).await
    }

    /// The same, with what is written before it is sent anyhow.
    pub(super) fn begin_with(&self, decision: &mut Decision) {
        let now = Timestamp::now();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        decision.write(Write::LevelSent(self.stale.level.clone(), Some(now)));
    }

    /// Whether something was sent in earlier attempts whose answer is not known: what stands may have been made by it. Until a while
    /// after it can be carried out no more: so long the look takes that is due then.
    pub(super) fn any_unanswered(&self) -> bool {
        self.stale.may_have_been_ours(self.pipeline.world().request_ceiling(), Timestamp::now())
    }

    /// Until when something of earlier attempts may still be carried out.
    pub(super) fn open_until(&self) -> Option<Timestamp> {
        let until = ceiling(self.stale.sent_at?, self.pipeline);
        (Timestamp::now() < until).then_some(until)
    }

    /// Writes down what is not answered after an attempt; `trouble` is what it ended with.
    pub(super) fn end(&self, decision: &mut Decision, trouble: Option<&Trouble>) {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let unanswered = match trouble {
            Some(trouble) if may_be_at_work(trouble) => last.or(self.stale.sent_at),
            _ => self.stale.sent_at,
        };
        if last.is_some() || unanswered.is_some() {
            decision.write(Write::LevelSent(self.stale.level.clone(), unanswered));
        }
    }
}

/// Whether the other side may still be at work on what was sent last.
fn may_be_at_work(trouble: &Trouble) -> bool {
    trouble.failure.as_ref().is_none_or(|failure| failure.sent == Sent::StillAtWork)
}
