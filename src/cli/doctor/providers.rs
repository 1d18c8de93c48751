//! The flag services: key, project, environments, and how their changes are heard of.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use url::Url;

use super::finding::{Finding, Group, Id};
use super::within;
use super::words::of_provider;
use crate::flags::{FlagProvider, ProviderError, Registry, Verdict, WebhookRequest, WebhookThere};

/// Asks all of them at once.
pub(super) async fn look(registry: &Registry, public: Option<&Url>, limit: Duration) -> Vec<Group> {
    let mut asked = JoinSet::new();
    for (at, provider) in registry.iter().enumerate() {
        let (provider, public) = (Arc::clone(provider), public.cloned());
        asked.spawn(async move { (at, one(provider.as_ref(), public.as_ref(), limit).await) });
    }
    let mut groups = Vec::new();
    while let Some(one) = asked.join_next().await {
        groups.extend(one);
    }
    groups.sort_by_key(|(at, _)| *at);
    groups.into_iter().map(|(_, group)| group).collect()
}

async fn one(provider: &dyn FlagProvider, public: Option<&Url>, limit: Duration) -> Group {
    let (name, service) = (provider.name(), provider.service());
    let title = format!("Flags: {name} ({service})");
    let Some(checked) = within(limit, provider.check()).await else {
        let late = Finding::wrong(
            Id::ProviderKey,
            format!("{service} does not answer within {} s", limit.as_secs().max(1)),
            format!(
                "does it run, and is `url` in [providers.{name}] right? flaglink shows what it last saw until it answers"
            ),
        );
        return Group::new(title, vec![late]);
    };
    if let Err(error) = checked {
        let mut finding = of_provider(&error, name, service);
        if finding.id == Id::ProviderProject
            && let Some(Ok(projects)) = within(limit, provider.projects()).await
            && !projects.is_empty()
        {
            let named: Vec<String> =
                projects.iter().take(5).map(|project| format!("{} ({})", project.id, project.name)).collect();
            finding.remedy = Some(format!(
                "write one of those that the key sees as `project` in [providers.{name}]: {}",
                named.join(", ")
            ));
        }
        return Group::new(title, vec![finding]);
    }
    let mut findings =
        vec![Finding::good(Id::ProviderKey, format!("{service} answers, and the key sees the project"))];
    match within(limit, provider.environment_names()).await {
        Some(Ok(names)) if names.is_empty() => findings.push(Finding::wrong(
            Id::ProviderEnvironments,
            "the project has no environment, so no flag has a state",
            format!("make one in {service}, or see that `project` in [providers.{name}] is the right one"),
        )),
        Some(Ok(names)) => findings.push(Finding::good(
            Id::ProviderEnvironments,
            format!("environments: {}", names.iter().take(12).cloned().collect::<Vec<_>>().join(", ")),
        )),
        Some(Err(ProviderError::Unsupported)) => {}
        Some(Err(error)) => findings.push(of_provider(&error, name, service)),
        None => findings.push(Finding::look(
            Id::ProviderEnvironments,
            format!("the environments are not told within {} s", limit.as_secs()),
            "look again later",
        )),
    }
    findings.push(webhook(provider, public, limit).await);
    if let Some(Ok(Some(why))) = within(limit, provider.back_links_refused()).await {
        findings.push(Finding::look(
            Id::ProviderOwnIntegration,
            why,
            "docs/from-flagsmith.md says how to change over; until then flaglink keeps no links and tags there",
        ));
    }
    Group::new(title, findings)
}

/// How its changes are heard of.
async fn webhook(provider: &dyn FlagProvider, public: Option<&Url>, limit: Duration) -> Finding {
    let (name, service, poll) = (provider.name(), provider.service(), provider.poll_interval().as_secs());
    if provider.hears_gitlab() {
        return Finding::good(
            Id::ProviderWebhook,
            format!("changes are heard of by GitLab's own webhook, and looked for every {poll} s"),
        );
    }
    let nothing = std::collections::BTreeMap::new();
    if provider.verify_webhook(&WebhookRequest { headers: &nothing, body: b"" }) == Verdict::NoSecret {
        return Finding::note(
            Id::ProviderWebhook,
            format!("it is polled every {poll} s; without a webhook secret it has no webhook path (404)"),
        )
        .with(format!("to hear of changes at once, give [providers.{name}] a `webhook_secret_file`"));
    }
    let path = format!("hooks/providers/{name}");
    let Some(target) = public.and_then(|public| public.join(&path).ok()) else {
        return Finding::note(
            Id::ProviderWebhook,
            format!(
                "webhooks are taken at …/{path}; where that is from outside is not known without `public_url`"
            ),
        );
    };
    let by_hand = format!(
        "in {service} make a webhook to {target} with the secret from the file that [providers.{name}] names; \
         `flaglink hooks sync` does it where the key may"
    );
    match within(limit, provider.webhook_standing(&target)).await {
        Some(Ok(WebhookThere::Good)) => Finding::good(
            Id::ProviderWebhook,
            format!("{service}'s webhook leads to {target}, with our secret"),
        ),
        Some(Ok(WebhookThere::Perhaps)) => Finding::good(
            Id::ProviderWebhook,
            format!(
                "{service} has a webhook; it shows nobody its secret, so only a change tells that it fits"
            ),
        ),
        Some(Ok(WebhookThere::Off)) => Finding::wrong(
            Id::ProviderWebhook,
            format!(
                "{service}'s webhook to {target} is switched off: changes are noticed every {poll} s only"
            ),
            format!("switch it on in {service}"),
        ),
        Some(Ok(WebhookThere::OtherSecret)) => Finding::wrong(
            Id::ProviderWebhook,
            format!(
                "{service}'s webhook to {target} has another secret than flaglink, so what it sends is refused"
            ),
            format!("write the secret from the file that [providers.{name}] names into it"),
        ),
        Some(Ok(WebhookThere::Elsewhere(others))) if others.is_empty() => Finding::wrong(
            Id::ProviderWebhook,
            format!("{service} has no webhook that leads here: changes are noticed every {poll} s only"),
            by_hand,
        ),
        Some(Ok(WebhookThere::Elsewhere(others))) => Finding::wrong(
            Id::ProviderWebhook,
            format!("{service}'s webhook leads to {}, and flaglink is at {target}", others.join(" and ")),
            format!("the address has changed, or that is another flaglink's: {by_hand}"),
        ),
        Some(Ok(WebhookThere::Unseen(why))) => Finding::note(
            Id::ProviderWebhook,
            format!("whether {service} has a webhook to {target} cannot be seen: {why}"),
        ),
        Some(Err(ProviderError::Unsupported)) => Finding::note(
            Id::ProviderWebhook,
            format!("{service} does not tell of its webhooks; it is polled every {poll} s"),
        ),
        Some(Err(error)) => Finding::look(
            Id::ProviderWebhook,
            format!("{service}'s webhooks cannot be looked at: {error}"),
            "look again later",
        ),
        None => Finding::look(
            Id::ProviderWebhook,
            format!("{service} does not tell of its webhooks within {} s", limit.as_secs()),
            "look again later",
        ),
    }
}
