//! Stories of catching up: flaglink was away, or webhooks were lost, and afterwards everything happened, and happened once.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a story that cannot go on has failed"
)]

#[expect(dead_code, reason = "each binary of stories needs another part of the town")]
#[path = "../support/town.rs"]
mod town;

mod away;
mod history;
mod hooks;
mod kit;
mod many;
mod running;
