//! New comments keep GitLab's limit: however many are wanted, in no minute are there more than it takes.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::num::NonZeroU32;
use std::time::Duration;

use flaglink::gitlab::Bucket;
use governor::clock::FakeRelativeClock;

const MINUTE: Duration = Duration::from_secs(60);

/// Time that passes as the test wants.
struct Time {
    clock: FakeRelativeClock,
    now: Duration,
}

impl Time {
    fn new() -> Self {
        Self { clock: FakeRelativeClock::default(), now: Duration::ZERO }
    }

    fn passes(&mut self, time: Duration) {
        self.clock.advance(time);
        self.now += time;
    }

    fn bucket(&self, limit: u32) -> Bucket<FakeRelativeClock> {
        Bucket::new(NonZeroU32::new(limit).unwrap(), self.clock.clone())
    }
}

/// The most that there were in any 60 seconds.
fn most_in_a_minute(written: &[Duration]) -> usize {
    let in_minute_from =
        |from: &Duration| written.iter().filter(|at| **at >= *from && **at < *from + MINUTE).count();
    written.iter().map(in_minute_from).max().unwrap_or_default()
}

/// Takes every turn that can be had within the time, looking again every `step`.
fn take_all(
    time: &mut Time,
    bucket: &Bucket<FakeRelativeClock>,
    during: Duration,
    step: Duration,
) -> Vec<Duration> {
    let until = time.now + during;
    let mut written = Vec::new();
    while time.now < until {
        while bucket.take().is_ok() {
            written.push(time.now);
        }
        time.passes(step);
    }
    written
}

#[test]
fn no_minute_has_more_than_nine_tenths_of_the_limit() {
    for limit in [5, 10, 60, 300, 1_000] {
        let mut time = Time::new();
        let bucket = time.bucket(limit);
        // Full, which is the worst that can be.
        time.passes(10 * MINUTE);
        let written = take_all(&mut time, &bucket, 5 * MINUTE, Duration::from_millis(10));
        let most = most_in_a_minute(&written);
        assert!(most <= (limit as usize * 9).div_ceil(10), "{most} of {limit}");
        // And it is used: five minutes are five times eight tenths.
        assert!(written.len() >= limit as usize * 4 - 1, "{} of {limit}", written.len());
    }
}

#[test]
fn a_single_one_a_minute_is_a_single_one_a_minute() {
    for limit in [1, 2] {
        let mut time = Time::new();
        let bucket = time.bucket(limit);
        time.passes(10 * MINUTE);
        let written = take_all(&mut time, &bucket, 10 * MINUTE, Duration::from_millis(50));
        assert_eq!(most_in_a_minute(&written), limit as usize);
    }
}

#[test]
fn a_restart_does_not_make_it_more() {
    for limit in [10, 60, 300] {
        let mut time = Time::new();
        let mut written = Vec::new();
        let mut bucket = time.bucket(limit);
        time.passes(10 * MINUTE);
        // One that is full, and then three that nobody knows of what the others wrote.
        for seconds in [1, 20, 20, 60] {
            let during = Duration::from_secs(seconds);
            written.extend(take_all(&mut time, &bucket, during, Duration::from_millis(10)));
            bucket = time.bucket(limit);
        }
        let most = most_in_a_minute(&written);
        assert!(most <= limit as usize, "{most} of {limit}");
    }
}

#[test]
fn who_is_turned_away_is_told_when_to_come_again_one_behind_the_other() {
    let mut time = Time::new();
    let bucket = time.bucket(300);
    while bucket.take().is_ok() {}
    let waits: Vec<Duration> = (0..200).map(|_| bucket.take().unwrap_err()).collect();
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
    // 240 a minute: two hundred of them are through in less than one.
    assert!(waits[199] < MINUTE, "{:?}", waits[199]);
    // Who comes when told finds a turn.
    let mut before = Duration::ZERO;
    let mut found = 0;
    for wait in waits {
        time.passes(wait - before);
        before = wait;
        found += usize::from(bucket.take().is_ok());
    }
    assert_eq!(found, 200);
}
