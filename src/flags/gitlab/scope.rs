//! Environment scopes: a name, or a pattern in which `*` stands for any text (GitLab compares with SQL's `LIKE`, as
//! [`crate::config::fits`] does).

use crate::config::fits;
use crate::domain::{EnvironmentState, FlagState, Switch};

/// The environment under which one is shown: itself, or its folder as a pattern.
pub(super) fn folded(environment: &str) -> String {
    match environment.split_once('/') {
        Some((folder, _)) => format!("{folder}/*"),
        None => environment.to_owned(),
    }
}

/// That a flag which was switched off for a pattern is still on where a scope is more exact than that.
pub(super) fn still_on(key: &str, to: &Switch, now: &EnvironmentState, state: &FlagState) -> Option<String> {
    if to.on != Some(false) || now.on || !now.environment.contains('*') {
        return None;
    }
    let within = |one: &&EnvironmentState| {
        one.on && one.environment != now.environment && fits(&now.environment, &one.environment)
    };
    let names: Vec<&str> =
        state.environments.iter().filter(within).map(|one| one.environment.as_str()).collect();
    (!names.is_empty()).then(|| {
        let (scopes, are) =
            if names.len() == 1 { ("a scope of its own", "is") } else { ("scopes of their own", "are") };
        format!(
            "{key} is still on in {}, which {are} named by {scopes}: switch it off there, too.",
            names.join(", ")
        )
    })
}
