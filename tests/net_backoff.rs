//! How long is waited before something is tried again.

use std::time::Duration;

use flaglink::net::{Failure, Sent, delay};
use proptest::prelude::*;

fn failure(retry_after: Option<Duration>) -> Failure {
    Failure {
        status: Some(429),
        sent: Sent::No,
        retry_after,
        message: String::new(),
        said: String::new(),
        foreign: false,
        unseen: None,
    }
}

#[test]
fn the_first_wait_is_short_and_they_grow() {
    assert!(delay(1, None) < Duration::from_millis(1001));
    assert!(delay(6, None) >= Duration::from_secs(16));
    assert!(delay(12, None) >= Duration::from_secs(150));
}

#[test]
fn what_failed_together_does_not_come_back_together() {
    let waits: std::collections::BTreeSet<Duration> = (0..20).map(|_| delay(8, None)).collect();
    assert!(waits.len() > 10, "{waits:?}");
}

proptest! {
    #[test]
    fn a_wait_is_never_above_five_minutes_nor_sooner_than_asked(attempt: u32, asked in proptest::option::of(0_u64..10_000)) {
        let asked = asked.map(Duration::from_secs);
        let wait = delay(attempt, Some(&failure(asked)));
        prop_assert!(wait >= Duration::from_millis(500));
        prop_assert!(wait >= asked.unwrap_or_default());
        prop_assert!(wait <= asked.unwrap_or_default().max(Duration::from_secs(300)));
    }
}
