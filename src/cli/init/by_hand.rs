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
    RegisteredNow {
        /// The groups whose webhooks GitLab does not show: somebody may have made one there.
        unseen: Vec<String>,
    },
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
            Self::Registered | Self::RegisteredNow { .. } => None,
        }
    }

    /// Whether flaglink registers them from now on.
    pub(super) fn now(&self) -> bool {
        matches!(self, Self::RegisteredNow { .. })
    }

    /// What is to be looked at by hand, since GitLab does not show it.
    pub(super) fn unseen(&self) -> Option<String> {
        let Self::RegisteredNow { unseen } = self else { return None };
        let (first, groups) = (unseen.first()?, unseen.join(", "));
        Some(format!(
            "GitLab does not show the bot the webhooks of {groups}. If somebody made one there that leads to /hooks/gitlab, \
             delete it ({first} → Settings → Webhooks): flaglink does not take any more what it sends"
        ))
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
        if !self.is_of_init(name) {
            let because = Some(format!("{name} is not a secret that init has made"));
            return Ok(Webhooks::ByHand { because });
        }
        let unseen = match made_by_hand(gitlab, chosen).await {
            Ok(unseen) => unseen,
            Err(because) => return Ok(Webhooks::ByHand { because: Some(because) }),
        };
        let over =
            self.asker.confirm("Shall flaglink register its webhooks itself, now that it has an address?")?;
        Ok(if over { Webhooks::RegisteredNow { unseen } } else { Webhooks::ByHand { because: None } })
    }

    /// Whether init made that secret, and nobody has told flaglink of another.
    fn is_of_init(&self, name: &str) -> bool {
        let other = ["signing_token_file", "signing_token_env", "webhook_secret_env"];
        if name != FILE || other.iter().any(|key| file::text(&self.document, "gitlab", key).is_some()) {
            return false;
        }
        let text = std::fs::read_to_string(self.secret_at(name)).unwrap_or_default();
        let secret = secrets::read(&self.secret_at(name));
        let made =
            |secret: &str| secret.len() == DIGITS && secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        // Several lines: somebody is changing it.
        text.lines().filter(|line| !line.trim().is_empty()).count() == 1
            && secret.is_some_and(|secret| made(secret.expose_secret()))
    }
}

/// The groups whose webhooks GitLab does not show.
///
/// # Errors
/// A webhook that somebody made with that secret, in a project or in a group above it, or that it cannot be told.
async fn made_by_hand(gitlab: &Gitlab, chosen: &Chosen) -> Result<Vec<String>, String> {
    let mut groups = BTreeSet::new();
    for project in &chosen.matched {
        let (home, path) = (HookHome::Project(project.id), &project.path);
        made_in(gitlab, home, path).await?.map_err(|error| not_shown(path, &error))?;
        groups.extend(path.match_indices('/').filter_map(|(at, _)| path.get(..at)));
    }
    let mut unseen = Vec::new();
    for group in groups {
        let found = gitlab.api.group_at(group).await;
        // A user's own projects are in no group.
        let Some(id) = found.map_err(|error| format!("GitLab does not show the group {group}: {error}"))?
        else {
            continue;
        };
        match made_in(gitlab, HookHome::Group(id), group).await? {
            Ok(()) => {}
            // This GitLab has no webhooks of groups.
            Err(GitlabError::Failed(failure)) if failure.is_not_found() => {}
            // Only owners of a group see them; flaglink's are in the projects, and go on without that.
            Err(GitlabError::Failed(failure)) if failure.status == Some(403) => unseen.push(group.to_owned()),
            Err(error) => return Err(not_shown(group, &error)),
        }
    }
    Ok(unseen)
}

/// `Err`: one was made by hand; `Ok(Err)`: GitLab does not tell.
async fn made_in(gitlab: &Gitlab, home: HookHome, path: &str) -> Result<Result<(), GitlabError>, String> {
    let leads_here = |url: &str| {
        Url::parse(url).is_ok_and(|url| url.path().trim_end_matches('/').ends_with("/hooks/gitlab"))
    };
    let hooks = match gitlab.api.hooks_of(home).await {
        Ok(hooks) => hooks,
        Err(error) => return Ok(Err(error)),
    };
    match hooks.iter().find(|hook| leads_here(&hook.url)) {
        Some(hook) => Err(format!("webhook {} of {path} was made by hand", hook.id)),
        None => Ok(Ok(())),
    }
}

fn not_shown(path: &str, error: &GitlabError) -> String {
    format!("GitLab does not show the webhooks of {path}: {error}")
}
