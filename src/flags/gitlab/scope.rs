//! Environment scopes: a name, or a pattern in which `*` stands for any text (GitLab compares with SQL's `LIKE`).

/// Whether a scope is for an environment. For a folder, `review/*`: whether it is for all of it.
pub fn matches(scope: &str, environment: &str) -> bool {
    let mut parts = scope.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = environment.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

/// The environment under which one is shown: itself, or its folder as a pattern.
pub(super) fn folded(environment: &str) -> String {
    match environment.split_once('/') {
        Some((folder, _)) => format!("{folder}/*"),
        None => environment.to_owned(),
    }
}
