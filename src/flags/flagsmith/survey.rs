//! What Flagsmith tells about itself: projects, environments, webhooks that lead here.

use secrecy::ExposeSecret as _;
use url::Url;

use super::Flagsmith;
use super::wire::{NamedProject, Webhook};
use crate::flags::json_api::part;
use crate::flags::{Provided, ProviderError, ServiceProject, WebhookThere};

/// Where webhooks of this service come in at any flaglink, below its address.
const PATH: &str = "/hooks/providers/";

impl Flagsmith {
    /// The projects that the key sees.
    pub(super) async fn all_projects(&self) -> Provided<Vec<ServiceProject>> {
        let all: Vec<NamedProject> = self.api.get("projects/").await?;
        let project = |one: NamedProject| ServiceProject { id: one.id.to_string(), name: one.name };
        Ok(all.into_iter().map(project).collect())
    }

    /// How the webhook to that address stands: one of the organisation, or one of an environment.
    pub(super) async fn webhook_there(&self, url: &Url) -> Provided<WebhookThere> {
        let project = self.check_project().await?;
        let mut all: Vec<Webhook> = Vec::new();
        if let Some(organisation) = project.organisation {
            let path = format!("organisations/{organisation}/webhooks/");
            match self.api.list(&path, |hook: Webhook| all.push(hook)).await {
                Err(ProviderError::Failed(failure)) if matches!(failure.status, Some(401 | 403 | 404)) => {
                    return Ok(WebhookThere::Unseen(
                        "the key may not see webhooks of the organisation: only an admin's key may"
                            .to_owned(),
                    ));
                }
                other => other?,
            }
        }
        for environment in self.environments().await?.iter() {
            let path = format!("environments/{}/webhooks/", part(&environment.api_key));
            // They are an extra: the one of the organisation is what is needed.
            all.extend(self.api.get::<Vec<Webhook>>(&path).await.unwrap_or_default());
        }
        Ok(self.judge(&all, url))
    }

    fn judge(&self, all: &[Webhook], url: &Url) -> WebhookThere {
        let plain = |text: &str| text.trim_end_matches('/').to_owned();
        let here: Vec<&Webhook> = all.iter().filter(|hook| plain(&hook.url) == plain(url.as_str())).collect();
        let known = |hook: &&&Webhook| {
            let secret = hook.secret();
            self.webhook_secrets.iter().any(|known| known.expose_secret() == secret)
        };
        if here.iter().filter(known).any(|hook| hook.enabled) {
            return WebhookThere::Good;
        }
        if here.iter().any(|hook| known(&hook)) {
            return WebhookThere::Off;
        }
        if !here.is_empty() {
            return WebhookThere::OtherSecret;
        }
        let ours = |hook: &&Webhook| hook.url.contains(PATH);
        WebhookThere::Elsewhere(all.iter().filter(ours).map(|hook| hook.url.clone()).collect())
    }
}
