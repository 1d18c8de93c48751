//! Stories of the public address: how it is found, what is believed, and what is said when it is not there.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a story that cannot go on has failed"
)]

#[path = "../support/tls_end.rs"]
mod tls_end;
#[expect(dead_code, reason = "each binary of stories needs another part of the town")]
#[path = "../support/town.rs"]
mod town;

mod daemon;
mod found;
mod kit;
mod proof;
mod said;
mod strange;
