//! Lanes: per page and per flag in order, everything else side by side, and never more comments than GitLab takes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a story that cannot go on has failed"
)]

#[path = "../support/town.rs"]
#[expect(dead_code, reason = "shared by several stories, none of which needs all of it")]
mod town;

mod kit;
mod many;
mod pace;
mod shared;
mod slow;
