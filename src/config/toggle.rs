//! Who may change flags: `permissions.toggle`, and `toggle_in` over it.

use super::pattern::{EnvironmentPattern, Names};
use super::role::Role;

/// Least roles to change flags, by environment.
#[derive(Debug, Clone)]
pub(crate) struct Toggles {
    /// Where no entry fits.
    otherwise: Role,
    /// In file order.
    entries: Vec<(EnvironmentPattern, Role)>,
}

impl Toggles {
    /// `entries` are those of `toggle_in`, in file order.
    pub(crate) fn new<'a>(
        otherwise: Role,
        entries: impl Iterator<Item = (&'a str, Role)>,
        names: Names<'_>,
    ) -> Result<Self, String> {
        let mut checked: Vec<(EnvironmentPattern, Role)> = Vec::new();
        for (text, role) in entries {
            let pattern = EnvironmentPattern::new(text, names)?;
            if checked.iter().any(|(known, _)| *known == pattern) {
                return Err(format!("\"{text}\" is named twice; upper and lower case are the same"));
            }
            checked.push((pattern, role));
        }
        Ok(Self { otherwise, entries: checked })
    }

    /// The least role that may change flags of that provider in that environment.
    ///
    /// The entry that says most exactly what is meant holds: provider and whole name, then the whole name, then
    /// the first with a `*` that fits. An environment with a `*` in its own name stands for many (GitLab's scopes
    /// `*` and `review/*`): there the highest role holds of those for anything that it may stand for.
    pub(crate) fn role(&self, provider: &str, environment: &str) -> Role {
        if environment.contains('*') {
            return self.role_for_many(provider, environment);
        }
        let fitting = || self.entries.iter().filter(|(pattern, _)| pattern.matches(provider, environment));
        fitting()
            .find(|(pattern, _)| pattern.is_whole() && pattern.is_scoped())
            .or_else(|| fitting().find(|(pattern, _)| pattern.is_whole()))
            .or_else(|| fitting().next())
            .map_or(self.otherwise, |(_, role)| *role)
    }

    fn role_for_many(&self, provider: &str, scope: &str) -> Role {
        let touched = |whole: bool| {
            self.entries.iter().filter(move |(p, _)| p.is_whole() == whole && p.may_meet(provider, scope))
        };
        let named = touched(true).map(|(_, role)| *role).max();
        let mut of_patterns = None;
        for (pattern, role) in touched(false) {
            of_patterns = of_patterns.max(Some(*role));
            if pattern.matches(provider, scope) {
                // It fits all that the scope stands for; what comes later is not asked.
                return named.max(of_patterns).unwrap_or(*role);
            }
        }
        named.max(of_patterns).max(Some(self.otherwise)).unwrap_or(self.otherwise)
    }

    /// The least role that may change flags in any environment at all; [`Role::None`] if nobody may.
    pub(crate) fn least(&self) -> Role {
        let all_named = self.entries.iter().any(|(pattern, _)| pattern.is_everything());
        let otherwise = (!all_named).then_some(self.otherwise);
        self.entries.iter().map(|(_, role)| *role).chain(otherwise).min().unwrap_or(Role::None)
    }
}
