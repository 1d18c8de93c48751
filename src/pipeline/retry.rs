//! When something that failed is tried again. The arithmetic is `net`'s.

use std::time::Duration;

use jiff::Timestamp;

use crate::bot::{Trouble, Waits};
use crate::net;

/// After the store failed.
pub(super) const STORE_FAILED: Duration = Duration::from_secs(2);
/// While a token or key is not accepted: an admin has to act.
const FOR_AN_ADMIN: Duration = Duration::from_secs(30);
/// However long something has failed, it is tried again within this time, so that the end of an outage shows soon.
const AT_THE_LATEST: Duration = Duration::from_secs(30);

/// An inbox entry that could not be decided in so many attempts is given up: at one attempt every half minute that is 25
/// hours. A command that is older than a day is not run any more, and whoever wrote it is told so before its entry goes.
pub(super) const GIVE_UP: u32 = 3_000;

/// How long to wait before the next attempt. A `Retry-After` is kept, however long it is.
pub(super) fn delay(trouble: &Trouble, attempts: u32) -> Duration {
    match trouble.waits {
        Waits::Moment(after) => after,
        Waits::Admin => FOR_AN_ADMIN,
        Waits::Answer => {
            let asked = trouble.failure.as_ref().and_then(|failure| failure.retry_after).unwrap_or_default();
            net::delay(attempts, trouble.failure.as_ref()).min(AT_THE_LATEST).max(asked)
        }
    }
}

/// `now` and so much earlier.
pub(super) fn before(now: Timestamp, span: Duration) -> Timestamp {
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// `now` and so much later.
pub(super) fn when(now: Timestamp, delay: Duration) -> Timestamp {
    now.checked_add(delay).unwrap_or(Timestamp::MAX)
}
