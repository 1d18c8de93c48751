//! Registering flaglink's webhook: an integration of the kind `webhook`, for the one project.

use http::Method;
use serde_json::json;
use url::Url;

use super::Unleash;
use super::wire::{Addon, Addons};
use crate::flags::{Provided, ProviderError};

/// What flaglink is told of.
pub(super) const EVENTS: [&str; 20] = [
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

/// What no integration to flaglink may leave out, also one that was made by hand: what changes who gets what.
pub(super) const NEEDED: [&str; 7] = [
    "feature-environment-enabled",
    "feature-environment-disabled",
    "feature-strategy-add",
    "feature-strategy-update",
    "feature-strategy-remove",
    "feature-archived",
    "feature-revived",
];

impl Unleash {
    pub(super) async fn register(&self, url: &Url, secret: &str) -> Provided<bool> {
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
        // Nobody can see whether there was anything to change.
        Ok(true)
    }

    /// Nobody sees the secret of one again, nor its address.
    pub(super) async fn has_registered(&self, url: &Url) -> Provided<bool> {
        let mark = format!("flaglink at {url}");
        let there: Addons = self.api.get("addons").await?;
        let hears = |addon: &Addon| addon.enabled && self.leaves_out(addon, &EVENTS).is_none();
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

    /// What an integration is not sent for, of what is needed; `None` where that is nothing.
    pub(super) fn leaves_out(&self, addon: &Addon, needed: &[&str]) -> Option<String> {
        let all = |wanted: &[String]| wanted.is_empty() || wanted.iter().any(|name| name == "*");
        if !all(&addon.projects) && !addon.projects.contains(&self.project) {
            return Some(format!("it is not sent for the project {}", self.project));
        }
        let missing: Vec<&str> =
            needed.iter().copied().filter(|kind| !addon.events.iter().any(|has| has == kind)).collect();
        match missing.as_slice() {
            [] if all(&addon.environments) => None,
            [] => Some(format!("it is sent for the environments {} alone", addon.environments.join(", "))),
            [.., last] if missing.len() < 4 => {
                let rest = missing.get(..missing.len() - 1).unwrap_or_default().join(", ");
                let and = if rest.is_empty() { "" } else { " and " };
                Some(format!("it is not sent for {rest}{and}{last}"))
            }
            [first, second, ..] => {
                Some(format!("it is not sent for {first}, {second} and {} more events", missing.len() - 2))
            }
            [only] => Some(format!("it is not sent for {only}")),
        }
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
