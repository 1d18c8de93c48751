//! What a webhook of flaglink is sent for, as GitLab's API and its page call it.

/// Something that a webhook is sent for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// Its name in the API (`lib/api/entities/hook.rs`).
    pub key: &'static str,
    /// What its box is called on the page of a webhook.
    pub title: &'static str,
}

const fn trigger(key: &'static str, title: &'static str) -> Trigger {
    Trigger { key, title }
}

/// What flaglink needs of every project.
const NEEDED: [Trigger; 5] = [
    trigger("note_events", "Comments"),
    trigger("confidential_note_events", "Confidential comments"),
    trigger("issues_events", "Issues events"),
    trigger("confidential_issues_events", "Confidential issues events"),
    trigger("merge_requests_events", "Merge request events"),
];
/// Besides, where GitLab's own flags can be named.
const OF_FLAGS: Trigger = trigger("feature_flag_events", "Feature flag events");

/// What is needed in a project; `own_flags`: GitLab's own flags can be named there.
pub fn needed_triggers(own_flags: bool) -> impl Iterator<Item = Trigger> {
    NEEDED.into_iter().chain(own_flags.then_some(OF_FLAGS))
}
