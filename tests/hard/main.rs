//! Hard cases: what a reader found who tried to break the way from what came in to what goes out.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a story that cannot go on has failed"
)]

#[expect(dead_code, reason = "each binary of stories needs another part of the town")]
#[path = "../support/town.rs"]
mod town;

mod flood;
mod forged;
mod late;
mod leaks;
mod projects;
mod refusals;
mod secrets;
mod store;
mod waiting;
