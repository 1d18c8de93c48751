//! What goes wrong between GitLab, Flagsmith and flaglink, and what must be true all the same.
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

mod flags;
mod gone;
mod hostile;
mod kill;
mod kit;
mod links;
mod lost;
mod matrix;
mod page;
mod panels;
