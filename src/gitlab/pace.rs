//! The pace of new comments. GitLab takes so many a minute of one user (`notes_create_limit`, 300 on gitlab.com and where no
//! admin has changed it) and answers 429 to the rest; reactions and edits are not counted.
//!
//! GitLab counts in fixed minutes. Here no 60 seconds whatsoever have more: eight tenths of the limit are spread evenly and one
//! tenth may go at once. The last tenth is for what is on its way, and for a restart: what was written before it is not
//! known, so that a new bucket is nearly empty.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::telemetry::Metrics;

/// How many may stand in line before they are only told when the next turn is.
const LONGEST_LINE: NonZeroU32 = NonZeroU32::MIN.saturating_add(1_000_000);

/// How long a turn is good. What is held up for longer takes another one: turns must not pile up behind a server that hangs
/// and then be used all at once.
const GOOD_FOR: Duration = Duration::from_secs(2);

/// At most so many in any 60 seconds, also over a restart.
#[derive(Debug)]
pub struct Bucket<C: Clock = DefaultClock> {
    clock: C,
    turns: RateLimiter<NotKeyed, InMemoryState, C, NoOpMiddleware<C::Instant>>,
    /// Those who were turned away. It says when to come again, and nothing about who may go.
    line: RateLimiter<NotKeyed, InMemoryState, C, StateInformationMiddleware>,
    /// From one turn to the next.
    spread: Duration,
}

impl<C: Clock + Clone> Bucket<C> {
    /// A new, nearly empty bucket.
    pub fn new(a_minute: NonZeroU32, clock: C) -> Self {
        // 60 s over eight tenths of the limit.
        let spread = (Duration::from_secs(75) / a_minute.get()).max(Duration::from_nanos(1));
        let at_once = NonZeroU32::new(a_minute.get() / 10).unwrap_or(NonZeroU32::MIN);
        // The period is never zero.
        let quota = Quota::with_period(spread).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let turns = RateLimiter::direct_with_clock(quota.allow_burst(at_once), clock.clone());
        let taken = at_once.get() - a_minute.get() / 60;
        if let Some(taken) = NonZeroU32::new(taken) {
            // No more than it can hold: it is taken.
            let _ = turns.check_n(taken);
        }
        let line = RateLimiter::direct_with_clock(quota.allow_burst(LONGEST_LINE), clock.clone());
        Self { clock, turns, line: line.with_middleware(), spread }
    }

    /// Takes a turn. `Err`: there is none now; how long to wait before the next try, each one who is turned away behind the
    /// one before.
    pub fn take(&self) -> Result<(), Duration> {
        let Err(not_until) = self.turns.check() else { return Ok(()) };
        let next = not_until.wait_time_from(self.clock.now());
        let before = match self.line.check() {
            Ok(line) => LONGEST_LINE.get().saturating_sub(line.remaining_burst_capacity()).saturating_sub(1),
            Err(_) => LONGEST_LINE.get(),
        };
        Err(next.saturating_add(self.spread.saturating_mul(before)))
    }
}

/// The pace of one bot user. Clients of the same user share it.
#[derive(Debug)]
pub struct Pace {
    /// `None`: no limit of ours.
    bucket: Option<Bucket>,
    metrics: Arc<Metrics>,
}

impl Pace {
    /// So many new comments a minute; 0: as many as there are.
    pub fn new(a_minute: u32, metrics: Arc<Metrics>) -> Arc<Self> {
        let bucket = NonZeroU32::new(a_minute).map(|a_minute| Bucket::new(a_minute, DefaultClock::default()));
        Arc::new(Self { bucket, metrics })
    }

    fn take(&self) -> Result<(), Duration> {
        let Some(bucket) = &self.bucket else { return Ok(()) };
        bucket.take().inspect_err(|wait| self.metrics.comment_put_off(*wait))
    }

    /// A turn to write one comment. `Err`: how long to wait before asking again.
    pub(super) fn turn(self: &Arc<Self>) -> Result<Turn, Duration> {
        self.take().map(|()| Turn { pace: Some(Arc::clone(self)), taken: Instant::now() })
    }
}

/// The right to write one comment now.
#[derive(Debug)]
#[must_use = "a turn that is not used is lost to others"]
pub struct Turn {
    /// `None`: there is no pace to keep.
    pace: Option<Arc<Pace>>,
    taken: Instant,
}

impl Turn {
    /// For a client without a pace.
    pub(super) fn unlimited() -> Self {
        Self { pace: None, taken: Instant::now() }
    }

    /// Whether the comment may leave: asked with everything else at hand.
    pub(super) fn holds(&self) -> Result<(), Duration> {
        match &self.pace {
            Some(pace) if self.taken.elapsed() >= GOOD_FOR => pace.take(),
            _ => Ok(()),
        }
    }
}
