//! Tokens and keys that a new configuration brings along, tried before it comes into force.
//!
//! Only a certain no counts against it. A server that is away, or slow, says nothing about a key.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use secrecy::{ExposeSecret, SecretString};

use super::StartError;
use super::build::{Lasting, Services};
use crate::config::{Config, ConfigError, ProviderTable};
use crate::flags::{FlagProvider, ProviderError};
use crate::gitlab::{GitlabApi, GitlabError};

/// How long all of them together may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How each provider's table was, with its secrets, as digests by name.
pub(super) type Prints = BTreeMap<String, [u8; 32]>;

/// The digests of a configuration as it is now.
pub(super) fn prints(lasting: &Lasting, config: &Config) -> Prints {
    let print = |table: &ProviderTable| (table.name.clone(), lasting.print(table.whole().expose_secret()));
    config.providers.iter().map(print).collect()
}

/// What came of a try.
enum Tried {
    /// It is good, or nothing speaks against it.
    Good,
    /// It is refused for certain; says what to do.
    Refused(String),
    /// It could not be tried; says what, and why.
    Untried(String),
}

/// Tries what is new, side by side. Returns what could not be tried, a sentence each.
///
/// # Errors
/// Those that are refused, each with what to do.
pub(super) async fn check(
    (old, old_prints): (&Config, &Prints),
    (new, new_prints): (&Config, &Prints),
    services: &Services,
) -> Result<Vec<String>, StartError> {
    let mut each: Vec<BoxFuture<'_, Tried>> = Vec::new();
    for (named, client) in new_tokens(old, new, services) {
        each.push(within(named.clone(), of_token(named, client)).boxed());
    }
    for table in &new.providers {
        let same = old_prints.get(&table.name) == new_prints.get(&table.name);
        if let Some(provider) = services.provider(&table.name).filter(|_| !same) {
            let named = format!("the key of [providers.{}]", table.name);
            each.push(within(named, of_provider(table, provider)).boxed());
        }
    }
    let (mut refused, mut untried) = (Vec::new(), Vec::new());
    for one in join_all(each).await {
        match one {
            Tried::Good => {}
            Tried::Refused(why) => refused.push(why),
            Tried::Untried(why) => untried.push(why),
        }
    }
    if refused.is_empty() { Ok(untried) } else { Err(ConfigError(refused.join("\n")).into()) }
}

async fn within(named: String, work: impl Future<Output = Tried>) -> Tried {
    let tried = tokio::time::timeout(PATIENCE, work).await;
    tried.unwrap_or_else(|_| untried(&named, &format!("no answer within {} s", PATIENCE.as_secs())))
}

/// A server that is away says nothing about a key.
fn untried(named: &str, why: &str) -> Tried {
    Tried::Untried(format!(
        "{named} is new and could not be tried ({why}): `flaglink doctor` says whether it is good when there is an answer again."
    ))
}

/// The tokens for GitLab that the old configuration did not have, each with how it is called and who speaks with it.
fn new_tokens<'a>(old: &Config, new: &Config, services: &'a Services) -> Vec<(String, &'a GitlabApi)> {
    let rules = old.rules.rules.iter().filter_map(|rule| rule.token.as_ref());
    let known: Vec<&SecretString> = std::iter::once(&old.gitlab.token).chain(rules).collect();
    let is_new = |token: &SecretString| !known.iter().any(|one| one.expose_secret() == token.expose_secret());
    let own = is_new(&new.gitlab.token).then(|| ("the token of [gitlab]".to_owned(), services.gitlab()));
    let of_rules = new.rules.rules.iter().filter(|rule| rule.token.as_ref().is_some_and(is_new));
    let of_rules = of_rules.filter_map(|rule| {
        let named = format!("the token of the [[projects]] entry `{}`", rule.pattern);
        Some((named, services.gitlab_of(&rule.pattern)?))
    });
    own.into_iter().chain(of_rules).collect()
}

async fn of_token(named: String, client: &GitlabApi) -> Tried {
    // Every token may ask this, whatever its scope.
    let scopes = client.own_token().await.ok().flatten().map(|own| own.scopes);
    if let Some(scopes) = scopes.filter(|scopes| !scopes.iter().any(|scope| scope == "api")) {
        return Tried::Refused(format!(
            "{named} has the scope {}, and flaglink writes comments: make one with the scope `api`, put it in its place, and \
             reload again",
            scopes.join(", ")
        ));
    }
    match client.me().await {
        Err(GitlabError::Failed(failure)) if matches!(failure.status, Some(401 | 403)) => {
            Tried::Refused(format!(
                "GitLab does not accept {named} ({failure}): put a token in its place that is valid and has the scope `api`, and reload \
             again"
            ))
        }
        Err(error) => untried(&named, &error.to_string()),
        Ok(_) => Tried::Good,
    }
}

async fn of_provider(table: &ProviderTable, provider: &dyn FlagProvider) -> Tried {
    let why = match provider.check().await {
        Err(ProviderError::Failed(failure)) if matches!(failure.status, Some(401 | 403)) => {
            format!(
                "{} does not accept this key ({failure}): put one in its place that is valid, and reload again",
                provider.service()
            )
        }
        // It has answered, and has nothing there for that key.
        Err(ProviderError::Strange(why)) => format!("{why}. Put that right, and reload again"),
        Ok(()) => return Tried::Good,
        Err(error) => return untried(&format!("the key of [providers.{}]", table.name), &error.to_string()),
    };
    Tried::Refused(table.error_of_key(&why).to_string())
}
