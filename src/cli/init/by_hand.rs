//! Whether webhooks are made by hand, and going over to those that flaglink registers when it has got an address.

use std::collections::BTreeSet;

use secrecy::ExposeSecret;
use url::Url;

use super::gitlab::{Chosen, Gitlab};
use super::{Interview, file, secrets};
use crate::cli::Trouble;
use crate::gitlab::{GitlabError, HookHome};

/// What init calls the file with the secret of webhooks that are made by hand.
const FILE: &str = "webhook-secret";
/// In hexadecimal digits: as long as the secrets are that init makes.
const DIGITS: usize = 64;

/// How webhooks come to be in GitLab.
pub(super) enum Webhooks {
    /// flaglink registers them.
    Registered,
    /// flaglink registers them from now on: the secret of those made by hand goes out of the configuration.
    RegisteredNow,
    /// Somebody makes them.
    ByHand {
        /// Why it stays so, though flaglink could register them.
        because: Option<String>,
    },
}

impl Webhooks {
    pub(super) fn by_hand(&self) -> bool {
        matches!(self, Self::ByHand { .. })
    }

    /// Why it stays so, though flaglink could register them.
    pub(super) fn because(&self) -> Option<&str> {
        match self {
            Self::ByHand { because } => because.as_deref(),
            Self::Registered | Self::RegisteredNow => None,
        }
    }
}

impl Interview<'_> {
    pub(super) async fn webhooks(
        &self,
        gitlab: &Gitlab,
        chosen: &Chosen,
        public: Option<&str>,
    ) -> Result<Webhooks, Trouble> {
        if public.is_none() || !chosen.may_register() {
            return Ok(Webhooks::ByHand { because: None });
        }
        let Some(name) = file::text(&self.document, "gitlab", "webhook_secret_file") else {
            return Ok(Webhooks::Registered);
        };
        let because = match self.is_of_init(name) {
            false => Some(format!("{name} is not a secret that init has made")),
            true => made_by_hand(gitlab, chosen).await,
        };
        if because.is_some() {
            return Ok(Webhooks::ByHand { because });
        }
        let over =
            self.asker.confirm("Shall flaglink register its webhooks itself, now that it has an address?")?;
        Ok(if over { Webhooks::RegisteredNow } else { Webhooks::ByHand { because: None } })
    }

    /// Whether init made that secret, and nobody has told flaglink of another.
    fn is_of_init(&self, name: &str) -> bool {
        let other = ["signing_token_file", "signing_token_env", "webhook_secret_env"];
        if name != FILE || other.iter().any(|key| file::text(&self.document, "gitlab", key).is_some()) {
            return false;
        }
        let text = std::fs::read_to_string(self.beside(name)).unwrap_or_default();
        let secret = secrets::read(&self.beside(name));
        let made =
            |secret: &str| secret.len() == DIGITS && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        // Several lines: somebody is changing it.
        text.lines().filter(|line| !line.trim().is_empty()).count() == 1
            && secret.is_some_and(|secret| made(secret.expose_secret()))
    }
}

/// A webhook that somebody made with that secret, in a project or in a group above it. Where GitLab does not tell, there may be one.
async fn made_by_hand(gitlab: &Gitlab, chosen: &Chosen) -> Option<String> {
    let mut groups = BTreeSet::new();
    for project in &chosen.matched {
        if let Some(found) = made_in(gitlab, HookHome::Project(project.id), &project.path).await {
            return Some(found);
        }
        groups.extend(project.path.match_indices('/').filter_map(|(at, _)| project.path.get(..at)));
    }
    for group in groups {
        let found = match gitlab.api.group_at(group).await {
            Ok(Some(id)) => made_in(gitlab, HookHome::Group(id), group).await,
            // A user's own projects are in no group.
            Ok(None) => None,
            Err(error) => Some(format!("GitLab does not show the group {group}: {error}")),
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

async fn made_in(gitlab: &Gitlab, home: HookHome, path: &str) -> Option<String> {
    let leads_here = |url: &str| {
        Url::parse(url).is_ok_and(|url| url.path().trim_end_matches('/').ends_with("/hooks/gitlab"))
    };
    match gitlab.api.hooks_of(home).await {
        Ok(hooks) => {
            let hook = hooks.iter().find(|hook| leads_here(&hook.url))?;
            Some(format!("webhook {} of {path} was made by hand", hook.id))
        }
        // This GitLab has no webhooks of groups.
        Err(GitlabError::Failed(failure)) if failure.is_not_found() && matches!(home, HookHome::Group(_)) => {
            None
        }
        Err(error) => Some(format!("GitLab does not show the webhooks of {path}: {error}")),
    }
}
