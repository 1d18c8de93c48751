//! What is to be told of a change, while it is being made.

use serde_json::Value as Json;

/// Something to be told when the change is complete.
#[derive(Debug, Clone)]
pub(super) enum Pending {
    /// The audit entry with this index in the log.
    Audit(usize),
    /// The present state, by id.
    FlagUpdated(u64),
    /// What was put together while the change was made.
    Ready { event: &'static str, environment: u64, organisation_too: bool, data: Json },
}
