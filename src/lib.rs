//! flaglink joins feature flags to the GitLab issues and merge requests that are about them.
//!
//! The rooms, from the ground up; each uses only rooms below it (see `docs/architecture.md`).

pub mod bot;
pub mod cli;
pub mod command;
pub mod config;
pub mod daemon;
pub mod domain;
pub mod flags;
pub mod gitlab;
pub mod http;
pub mod markdown;
pub mod net;
pub mod pipeline;
#[cfg(feature = "demo")]
pub mod sandbox;
pub mod store;
pub mod telemetry;
pub mod tunnel;
