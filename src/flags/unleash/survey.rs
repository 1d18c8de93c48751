//! What Unleash tells about itself: projects, environments, webhook integrations that lead here.

use url::Url;

use super::Unleash;
use super::register::is_ours;
use super::wire::{Addons, NamedProjects};
use crate::flags::{Provided, ProviderError, ServiceProject, WebhookThere};

/// What the description of a webhook that flaglink registered begins with.
const MARK: &str = "flaglink at ";

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
    /// description tells.
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
        if ours.iter().any(|addon| addon.enabled) {
            return Ok(WebhookThere::Perhaps);
        }
        if !ours.is_empty() {
            return Ok(WebhookThere::Off);
        }
        let elsewhere: Vec<String> = all
            .iter()
            .filter_map(|addon| addon.description.trim_start().strip_prefix(MARK))
            .filter_map(|rest| rest.split_whitespace().next().map(str::to_owned))
            .collect();
        // One that was made by hand says nothing about where it leads.
        if elsewhere.is_empty() && all.iter().any(|addon| addon.enabled) {
            return Ok(WebhookThere::Perhaps);
        }
        Ok(WebhookThere::Elsewhere(elsewhere))
    }
}
