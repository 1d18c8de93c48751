//! What stands about GitLab's own feature flags in the configuration.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::Span;

/// The shortest time between two polls.
const SHORTEST_POLL: Span = Span::seconds(5);

/// The feature flags of GitLab itself (Operate, Feature flags). It needs no key of its own: the bot's token is used, which
/// needs the Developer role where the flags are.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GitlabSettings {
    /// The project with the flags, by its path (`shop/flags`) or its number. Without it, the flags are those of the very
    /// project in which a command stands.
    #[serde(default)]
    pub project: Option<String>,
    /// The environments to show, in this order. Without it: the project's available environments, those of one folder
    /// together (`review/*`), and those that a flag's strategies name.
    #[serde(default)]
    pub environments: Vec<String>,
    /// How long between two polls, in which all linked flags are compared with what was last seen. GitLab tells by
    /// webhook only when a flag is switched on or off as a whole; everything else is noticed here. At least `5s`.
    #[serde(default = "default_poll")]
    pub poll: Span,
}

fn default_poll() -> Span {
    Span::seconds(60)
}

impl GitlabSettings {
    /// What is wrong with them, if anything: the setting, and why.
    pub(super) fn wrong(&self) -> Option<(&'static str, String)> {
        if self.poll < SHORTEST_POLL {
            return Some(("poll", format!("{} is too often, the shortest is {SHORTEST_POLL}", self.poll)));
        }
        if self.project.as_ref().is_some_and(|project| project.trim().is_empty()) {
            return Some(("project", "the path or the number of a project is needed".to_owned()));
        }
        let mut names: Vec<String> = self.environments.iter().map(|name| name.to_lowercase()).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        if names.len() < all || names.iter().any(|name| name.trim().is_empty()) {
            return Some(("environments", "each needs a name of its own".to_owned()));
        }
        None
    }
}
