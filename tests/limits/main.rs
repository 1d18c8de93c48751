//! The limits, on the real program: a disk that is full, too much that waits, peers that mean harm or are merely slow, and the end.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a story that cannot go on has failed"
)]

mod backlog;
mod disk;
mod drain;
mod hostile;
mod large;
#[path = "../support/loopback.rs"]
mod loopback;
mod notify;
mod place;
