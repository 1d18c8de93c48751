//! GitLab's own flags: whether each project shows its flags to the bot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::finding::{Finding, Id};
use super::projects::Matched;
use super::within;
use crate::config::{Config, Role};
use crate::flags::{FlagProvider, ProviderError, Registry};

/// What is found of each provider, by its name.
pub(super) type Shown = BTreeMap<String, Vec<Finding>>;

/// Asks for the flags of each project in which GitLab's own can be named, all at once. Where the bot's role is too small for them
/// that is told already.
pub(super) async fn look(
    registry: &Registry,
    config: &Config,
    matched: &[Matched],
    limit: Duration,
) -> Shown {
    let least = Role::Developer.level().unwrap_or(u32::MAX);
    let mut asked = JoinSet::new();
    for provider in registry.iter().filter(|provider| provider.hears_gitlab()) {
        let named = |one: &&Matched| {
            let rule = config.rules.rules.get(one.rule);
            rule.is_some_and(|rule| rule.providers.iter().any(|name| name == provider.name()))
        };
        for one in matched.iter().filter(named).filter(|one| one.level.unwrap_or(0) >= least) {
            let (provider, project, path) = (Arc::clone(provider), one.project.id, one.project.path.clone());
            asked.spawn(async move {
                let error = within(limit, provider.keys(project)).await?.err()?;
                Some((provider.name().to_owned(), path, refused(provider.as_ref(), &error)?))
            });
        }
    }
    let mut by_why: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    while let Some(one) = asked.join_next().await {
        if let Ok(Some((name, path, why))) = one {
            by_why.entry((name, why)).or_default().push(path);
        }
    }
    let mut shown = Shown::new();
    for ((name, why), mut paths) in by_why {
        paths.sort();
        let more = paths.len().saturating_sub(5);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        paths.truncate(5);
        shown.entry(name).or_default().push(Finding::wrong(
            Id::ProviderProject,
            format!("the flags that are named in {}{more} cannot be read: {why}", paths.join(", ")),
            "switch feature flags on in the project that has them (Settings → General → Visibility, project features, \
             permissions), and give the bot at least Developer there",
        ));
    }
    shown
}

/// Why GitLab shows no flags; `None` where that may pass.
fn refused(provider: &dyn FlagProvider, error: &ProviderError) -> Option<String> {
    match error {
        ProviderError::Failed(failure) if failure.status == Some(403) => {
            Some(format!("{} refuses its feature flags (403)", provider.service()))
        }
        // A whole sentence of the provider's.
        ProviderError::Strange(why) => Some(why.clone()),
        _ => None,
    }
}
