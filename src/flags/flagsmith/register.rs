//! Registering flaglink's webhook: one hook of the organisation hears of all projects and environments, and of the audit log.

use http::Method;
use secrecy::ExposeSecret as _;
use serde::de::IgnoredAny;
use serde_json::json;
use url::Url;

use super::Flagsmith;
use super::wire::Webhook;
use crate::flags::{Provided, ProviderError};

impl Flagsmith {
    pub(super) async fn register(&self, url: &Url, secret: &str) -> Provided<bool> {
        let (path, there) = self.webhooks_with(url).await?;
        let kept = there.iter().find(|hook| is_good(hook, secret)).map(|hook| hook.id);
        if kept.is_none() {
            // The new one first: events that come twice are no harm, events that do not come are.
            let body = json!({ "url": url.as_str(), "enabled": true, "secret": secret });
            self.api
                .write::<IgnoredAny>(Method::POST, &path, &body)
                .await
                .map_err(|error| self.refused(url, self.not_allowed(error)))?;
        }
        for hook in there.iter().filter(|hook| kept != Some(hook.id)) {
            self.api.delete(&format!("{path}{}/", hook.id)).await?;
        }
        Ok(kept.is_none() || there.len() > 1)
    }

    pub(super) async fn has_registered(&self, url: &Url, secret: &str) -> Provided<bool> {
        let (_, there) = self.webhooks_with(url).await?;
        Ok(there.iter().any(|hook| is_good(hook, secret)))
    }

    pub(super) async fn unregister(&self, url: &Url) -> Provided<()> {
        let (path, there) = self.webhooks_with(url).await?;
        for hook in there {
            self.api.delete(&format!("{path}{}/", hook.id)).await?;
        }
        Ok(())
    }

    /// Where webhooks lead to that have a secret of ours, and neither that address nor that of another table of the same flaglink.
    pub(super) async fn astray(&self, url: &Url) -> Provided<Vec<String>> {
        let (_, mut all) = self.webhooks().await?;
        let below = url.as_str().rfind('/').map_or(url.as_str(), |slash| &url.as_str()[..=slash]);
        let is_known = |hook: &Webhook| {
            self.webhook_secrets.iter().any(|secret| secret.expose_secret() == hook.secret())
        };
        all.retain(|hook| is_known(hook) && !hook.url.starts_with(below));
        Ok(all.iter().filter_map(|hook| without_secrets(&hook.url)).collect())
    }

    /// Where the organisation's webhooks are, and those with that address.
    async fn webhooks_with(&self, url: &Url) -> Provided<(String, Vec<Webhook>)> {
        let (path, mut there) = self.webhooks().await?;
        there.retain(|hook| hook.url == url.as_str());
        Ok((path, there))
    }

    /// Where the organisation's webhooks are, and all of them.
    async fn webhooks(&self) -> Provided<(String, Vec<Webhook>)> {
        let project = self.check_project().await?;
        let Some(organisation) = project.organisation else {
            return Err(ProviderError::Strange(format!(
                "{} does not say which organisation project {} belongs to",
                self.name, project.id
            )));
        };
        let path = format!("organisations/{organisation}/webhooks/");
        let mut there: Vec<Webhook> = Vec::new();
        self.api
            .list(&path, |hook: Webhook| there.push(hook))
            .await
            .map_err(|error| self.not_allowed(error))?;
        Ok((path, there))
    }

    fn not_allowed(&self, error: ProviderError) -> ProviderError {
        match error {
            ProviderError::Failed(failure) if matches!(failure.status, Some(403 | 404)) => {
                ProviderError::Strange(format!(
                    "the key of {} may not keep webhooks of its organisation; use the key of an organisation's admin, or \
                     make the webhook by hand",
                    self.name
                ))
            }
            other => other,
        }
    }

    /// Flagsmith takes no addresses in private networks, and no setting of its changes that.
    fn refused(&self, url: &Url, error: ProviderError) -> ProviderError {
        match error {
            ProviderError::Failed(failure)
                if failure.status == Some(400) && failure.said.to_lowercase().contains("private network") =>
            {
                ProviderError::Strange(format!(
                    "{} sends no webhooks to addresses in private networks, such as {}; give flaglink a public address, or \
                     leave the webhook out and rely on `poll`",
                    self.name,
                    url.host_str().unwrap_or_default()
                ))
            }
            other => other,
        }
    }
}

/// Whether a webhook sends, signed with that secret.
fn is_good(hook: &Webhook, secret: &str) -> bool {
    hook.enabled && hook.secret() == secret
}

/// An address without what only its owner should know.
fn without_secrets(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    Some(format!("{}{}", url.origin().ascii_serialization(), url.path()))
}
