//! Who may switch flags: `permissions.toggle`, and `toggle_in` over it.

use super::pattern::{EnvironmentPattern, Exactness, Names};
use super::role::Role;

/// Least roles to switch flags, by environment.
#[derive(Debug, Clone)]
pub(crate) struct Toggles {
    /// Where no entry fits.
    otherwise: Role,
    /// Those of `toggle_in`, the most exact first.
    entries: Vec<(EnvironmentPattern, Role)>,
}

impl Toggles {
    /// `entries` are those of `toggle_in`.
    pub(crate) fn new<'a>(
        otherwise: Role,
        entries: impl Iterator<Item = (&'a str, Role)>,
        names: Names<'_>,
    ) -> Result<Self, String> {
        let mut checked: Vec<(EnvironmentPattern, Role)> = Vec::new();
        for (text, role) in entries {
            let pattern = EnvironmentPattern::new(text, names)?;
            if checked.iter().any(|(known, _)| *known == pattern) {
                return Err(format!(
                    "\"{text}\" is named twice: upper and lower case are the same in names of environments"
                ));
            }
            checked.push((pattern, role));
        }
        checked.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.exactness()));
        Ok(Self { otherwise, entries: checked })
    }

    /// The environments that `toggle_in` names.
    pub(crate) fn environments(&self) -> impl Iterator<Item = &EnvironmentPattern> {
        self.entries.iter().map(|(pattern, _)| pattern)
    }

    /// The least role that may switch a flag of that provider in that environment.
    ///
    /// The most exact entry that fits says it; of several that are equally exact, the highest role. An environment with a `*`
    /// in its own name stands for many (GitLab's scopes, such as `*` and `review/*`): to change them takes the highest role of
    /// all that hold for anything that it may stand for.
    pub(crate) fn role(&self, provider: &str, environment: &str) -> Role {
        let mut highest: Option<Role> = None;
        // What is less exact than an entry that fits everything that is meant holds for none of it.
        let mut settled: Option<Exactness> = None;
        for (pattern, role) in &self.entries {
            if settled.is_some_and(|least| pattern.exactness() < least) {
                break;
            }
            if pattern.meets(provider, environment) {
                highest = highest.max(Some(*role));
                if pattern.matches(provider, environment) {
                    settled = Some(pattern.exactness());
                }
            }
        }
        match (highest, settled) {
            (Some(highest), Some(_)) => highest,
            (highest, _) => highest.max(Some(self.otherwise)).unwrap_or(self.otherwise),
        }
    }

    /// The least role that may switch flags in any environment at all; [`Role::None`] where nobody may.
    pub(crate) fn least(&self) -> Role {
        let all_named = self.entries.iter().any(|(pattern, _)| pattern.is_everything());
        let otherwise = (!all_named).then_some(self.otherwise);
        self.entries.iter().map(|(_, role)| *role).chain(otherwise).min().unwrap_or(Role::None)
    }
}
