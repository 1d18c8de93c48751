//! The sandbox GitLab against what is known of the real one, by raw HTTP.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod api;
mod failing;
mod notes;
mod quick_actions;
mod rights;
mod support;
mod webhooks;
