//! What a webhook in GitLab is to be sent for.

/// What a webhook is sent for, and what GitLab's page calls it.
const EVENTS: [(&str, &str); 5] = [
    ("note_events", "Comments"),
    ("confidential_note_events", "Confidential comments"),
    ("issues_events", "Issues events"),
    ("confidential_issues_events", "Confidential issues events"),
    ("merge_requests_events", "Merge request events"),
];
/// Besides, where GitLab's own flags can be named.
const OF_FLAGS: (&str, &str) = ("feature_flag_events", "Feature flag events");

/// What is needed in a project; `own_flags`: GitLab's own flags can be named there.
pub(super) fn needed(own_flags: bool) -> Vec<(&'static str, &'static str)> {
    let mut needed = EVENTS.to_vec();
    needed.extend(own_flags.then_some(OF_FLAGS));
    needed
}
