//! `flaglink doctor`: the real program looks at a real daemon between small servers, and names what somebody did wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod by_hand;
mod certificates;
#[path = "../support/loopback.rs"]
mod loopback;
mod machine;
mod mistakes;
mod named;
mod others;
mod page;
mod place;
#[path = "../support/proxy.rs"]
mod proxy;
mod registered;
mod repairs;
mod services;
mod surroundings;
#[path = "../support/tls_end.rs"]
mod tls_end;
mod well;
