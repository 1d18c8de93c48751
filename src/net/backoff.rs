//! How long to wait before something is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::Failure;

/// The longest that `delay` waits on its own account; a server may ask for more.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// The first wait, before its jitter.
const SHORTEST: Duration = Duration::from_millis(500);

/// How long to wait before the next attempt, after `attempt` of them (1: after the first).
///
/// Half a second doubling to two and a half minutes, each lengthened by up to as much again at random, so
/// that what failed together does not come back together. Never sooner than the server asked for.
pub fn delay(attempt: u32, failure: Option<&Failure>) -> Duration {
    // Past the twelfth attempt the delay does not grow any more.
    let attempt = attempt.clamp(1, 12) as usize;
    // Without its `std` feature backon's jitter is the same in every process: it is given a seed.
    let seed = getrandom::u64().unwrap_or(attempt as u64);
    let mut waits = ExponentialBuilder::new()
        .with_min_delay(SHORTEST)
        .with_max_delay(LONGEST / 2)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(seed)
        .build();
    let own = waits.nth(attempt - 1).unwrap_or(LONGEST).min(LONGEST);
    own.max(failure.and_then(|failure| failure.retry_after).unwrap_or_default())
}
