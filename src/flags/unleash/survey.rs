//! What Unleash tells about itself: projects, environments, webhook integrations that lead here.

use url::Url;

use super::Unleash;
use super::register::{EVENTS, NEEDED, is_ours};
use super::sent::judge;
use super::wire::{Addon, Addons, NamedProjects};
use crate::flags::{Provided, ProviderError, ServiceProject, WebhookThere};

/// What the description of a webhook that flaglink registered begins with.
const MARK: &str = "flaglink at ";
/// So many integrations that were made by hand are asked where they lead.
const MOST_ASKED: usize = 10;

impl Unleash {
    /// The projects that the token sees.
    pub(super) async fn all_projects(&self) -> Provided<Vec<ServiceProject>> {
        let all: NamedProjects = self.api.get("projects").await?;
        let named = |one: super::wire::NamedProject| ServiceProject {
            name: if one.name.is_empty() { one.id.clone() } else { one.name },
            id: one.id,
        };
        Ok(all.projects.into_iter().map(named).collect())
    }

    /// How the webhook to that address stands. Unleash shows neither address nor header of an integration, so only the
    /// description tells, and what was sent already.
    pub(super) async fn webhook_there(&self, url: &Url) -> Provided<WebhookThere> {
        let all: Addons = match self.api.get("addons").await {
            Err(ProviderError::Failed(failure)) if matches!(failure.status, Some(401 | 403 | 404)) => {
                return Ok(WebhookThere::Unseen("the token may not see integrations".to_owned()));
            }
            other => other?,
        };
        let all: Vec<_> = all.addons.into_iter().filter(|addon| addon.provider == "webhook").collect();
        let mark = format!("{MARK}{url}");
        let ours: Vec<_> = all.iter().filter(|addon| is_ours(addon, &mark)).collect();
        if let Some(addon) = ours.iter().find(|addon| addon.enabled) {
            return Ok(self.stands(addon, &EVENTS, url).await);
        }
        if !ours.is_empty() {
            return Ok(WebhookThere::Off);
        }
        let by_hand = || all.iter().filter(|addon| addon.enabled && !is_marked(addon));
        for addon in by_hand().take(MOST_ASKED) {
            let newest = self.newest_sent(addon).await;
            if newest.is_some_and(|newest| newest.details.url.trim_end_matches('/') == url.as_str()) {
                return Ok(self.stands(addon, &NEEDED, url).await);
            }
        }
        let elsewhere: Vec<String> = all
            .iter()
            .filter_map(|addon| addon.description.trim_start().strip_prefix(MARK))
            .filter_map(|rest| rest.split_whitespace().next().map(str::to_owned))
            .collect();
        // One that was made by hand and has sent nothing yet says nothing about where it leads.
        if elsewhere.is_empty() && by_hand().next().is_some() {
            return Ok(WebhookThere::Perhaps);
        }
        Ok(WebhookThere::Elsewhere(elsewhere))
    }

    /// How one stands that is on, and that leads there as far as is known.
    async fn stands(&self, addon: &Addon, needed: &[&str], url: &Url) -> WebhookThere {
        match self.leaves_out(addon, needed) {
            Some(what) => WebhookThere::Narrowed(what),
            None => judge(self.newest_sent(addon).await.as_ref(), url),
        }
    }
}

/// Whether a flaglink has registered it.
fn is_marked(addon: &Addon) -> bool {
    addon.description.trim_start().starts_with(MARK)
}
