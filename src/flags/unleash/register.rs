//! Registering flaglink's webhook: an integration of the kind `webhook`, for the one project.

use http::Method;
use serde_json::json;
use url::Url;

use super::Unleash;
use super::wire::{Addon, Addons};
use crate::flags::{Provided, ProviderError};

/// What flaglink is told of.
const EVENTS: [&str; 20] = [
    "feature-created",
    "feature-updated",
    "feature-metadata-updated",
    "feature-archived",
    "feature-revived",
    "feature-deleted",
    "feature-strategy-add",
    "feature-strategy-update",
    "feature-strategy-remove",
    "feature-environment-enabled",
    "feature-environment-disabled",
    "feature-environment-variants-updated",
    "feature-stale-on",
    "feature-stale-off",
    "feature-project-change",
    "features-imported",
    "segment-updated",
    "segment-deleted",
    "project-environment-added",
    "project-environment-removed",
];

impl Unleash {
    pub(super) async fn register(&self, url: &Url, secret: &str) -> Provided<()> {
        // Unleash shows the address of an integration to nobody again, so it stands in the description.
        let mark = format!("flaglink at {url}");
        let there: Addons = self.api.get("addons").await?;
        let mut ours =
            there.addons.into_iter().filter(|addon| addon.provider == "webhook" && is_ours(addon, &mark));
        let known = ours.next();
        // What people added to the description stays.
        let description = known.as_ref().map_or(&mark, |known| &known.description);
        let body = json!({
            "provider": "webhook",
            "description": description,
            "enabled": true,
            "parameters": { "url": url.as_str(), "contentType": "application/json", "authorization": secret },
            "events": EVENTS,
            "projects": [self.project],
            "environments": [],
        });
        let sent = match &known {
            Some(known) => self.api.send(Method::PUT, &format!("addons/{}", known.id), Some(&body)).await,
            None => self.api.send(Method::POST, "addons", Some(&body)).await,
        };
        sent.map_err(|error| self.refused(url, error))?;
        for double in ours {
            self.api.delete(&format!("addons/{}", double.id)).await?;
        }
        Ok(())
    }

    /// Nobody sees the secret of one again, nor its address.
    pub(super) async fn has_registered(&self, url: &Url) -> Provided<bool> {
        let mark = format!("flaglink at {url}");
        let there: Addons = self.api.get("addons").await?;
        let hears = |addon: &Addon| {
            let named = |name: &String| name == "*" || *name == self.project;
            addon.enabled && (addon.projects.is_empty() || addon.projects.iter().any(named))
        };
        Ok(there
            .addons
            .iter()
            .any(|addon| addon.provider == "webhook" && is_ours(addon, &mark) && hears(addon)))
    }

    pub(super) async fn unregister(&self, url: &Url) -> Provided<()> {
        let mark = format!("flaglink at {url}");
        let there: Addons = self.api.get("addons").await?;
        for addon in there.addons.iter().filter(|addon| addon.provider == "webhook" && is_ours(addon, &mark))
        {
            self.api.delete(&format!("addons/{}", addon.id)).await?;
        }
        Ok(())
    }

    /// Unleash takes no addresses in private networks unless it is told to.
    fn refused(&self, url: &Url, error: ProviderError) -> ProviderError {
        match error {
            ProviderError::Failed(failure) if failure.status == Some(400) => ProviderError::Strange(format!(
                "{} refused the address {} ({}). If it is in a private network, start Unleash with \
                 UNLEASH_ALLOW_LIST_INTEGRATION={}",
                self.name,
                url,
                failure.said,
                url.host_str().unwrap_or_default()
            )),
            other => other,
        }
    }
}

/// Whether an integration is the one with that mark, whatever people wrote behind it: not one with a longer address.
pub(super) fn is_ours(addon: &Addon, mark: &str) -> bool {
    let rest = addon.description.trim_start().strip_prefix(mark);
    rest.is_some_and(|rest| !rest.starts_with(|next: char| !next.is_whitespace()))
}
