//! The sandbox GitLab against what is known of the real one, by raw HTTP.

#![cfg(feature = "demo")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod api;
mod failing;
mod feature_flags;
mod lists;
mod notes;
mod quick_actions;
mod rights;
mod support;
mod webhooks;
