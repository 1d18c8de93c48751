//! A flag service that suddenly does not know its flags any more is asked about, and not believed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a story that cannot go on has failed"
)]

#[path = "../support/town.rs"]
#[expect(dead_code, reason = "shared by several stories, none of which needs all of it")]
mod town;

mod flagsmith;
mod kit;
mod links;
mod others;
mod work;
