//! Webhook bodies to events. Tolerant: every field is optional until it is needed.

use crate::domain::Event;

/// What a webhook body is good for.
#[derive(Debug, Clone, PartialEq)]
pub enum Classified {
    /// It means something.
    Event {
        /// What.
        event: Event,
        /// The project's path as the body has it: a hint, for an early look at the rules and for logs.
        project_path: Option<String>,
    },
    /// It means nothing to flaglink; the reason is a metric label such as `push` or `system_note`.
    Ignored(&'static str),
    /// It is not a JSON object.
    NotJson,
}

/// Says what a webhook body is good for. Never panics.
///
/// `bots` are the user ids of every bot of ours: their notes are ignored. `bot_name` is the present bot's user name.
pub fn classify(
    _body: &[u8],
    _bots: &std::collections::BTreeSet<u64>,
    _bot_name: Option<&str>,
) -> Classified {
    todo!()
}
