//! `flaglink init`: the real program between small servers, unattended and asked at a terminal.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod asked;
mod interrupted;
#[path = "../support/loopback.rs"]
mod loopback;
mod place;
mod proxies;
#[path = "../support/proxy.rs"]
mod proxy;
#[path = "../support/tls_end.rs"]
mod tls_end;
mod unattended;
