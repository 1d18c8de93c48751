//! Dead letters that are dealt with: shown, taken back, dropped; by the real program, beside a running daemon and without one.
//!
//! One program, because every test program is linked for itself.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a story that cannot go on has failed"
)]

#[path = "../support/town.rs"]
#[expect(dead_code, reason = "shared by several stories, none of which needs all of it")]
mod town;

mod drop;
mod kit;
mod late;
mod retry;
mod strange;
