//! Which webhooks flaglink registers itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the webhooks for a rule's projects are registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Hooks {
    /// One in each project.
    #[default]
    Project,
    /// One in the group.
    Group,
    /// None.
    None,
}

/// What stands for other text in a pattern.
pub(super) const SIGNS: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];

/// The group of a pattern that stands for all projects of one group: `shop` of `shop/**` and `shop/*`.
pub(super) fn group_of(pattern: &str) -> Result<String, &'static str> {
    let group = pattern.strip_suffix("/**").or_else(|| pattern.strip_suffix("/*")).unwrap_or_default();
    if group.is_empty() || group.contains(SIGNS) {
        return Err(
            "a webhook of a group is for all projects of one group, so `match` has to be like \"GROUP/**\" then",
        );
    }
    Ok(group.to_owned())
}
