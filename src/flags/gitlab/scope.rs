//! Environment scopes: a name, or a pattern in which `*` stands for any text (GitLab compares with SQL's `LIKE`, as
//! [`crate::config::fits`] does).

/// The environment under which one is shown: itself, or its folder as a pattern.
pub(super) fn folded(environment: &str) -> String {
    match environment.split_once('/') {
        Some((folder, _)) => format!("{folder}/*"),
        None => environment.to_owned(),
    }
}
