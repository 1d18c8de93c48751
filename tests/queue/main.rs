//! What an admin does by hand, with the real program, beside a running daemon and without one: dead letters are shown, taken back,
//! dropped; links are made, taken off, brought along.
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
mod links;
mod retry;
mod shown;
mod strange;
