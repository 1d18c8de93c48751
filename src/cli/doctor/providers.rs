//! The flag services: key, project, environments, and how their changes are heard of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::task::JoinSet;
use url::Url;

use super::daemon::Reported;
use super::files::changed_at;
use super::finding::{Finding, Group, Id};
use super::own_flags::Shown;
use super::provider_webhook::Webhook;
use super::within;
use super::words::{Around, SLOW, WAIT_LONGER, of_provider};
use crate::config::Config;
use crate::flags::{
    FlagProvider, Provided, ProviderError, Registry, ServiceProject, TooOld, Verdict, WebhookRequest,
    WebhookThere,
};
use crate::http::api_types::Status;
use crate::pipeline::HookReport;

/// What one flag service answered.
pub(super) struct Asked {
    /// The provider's name.
    pub(super) name: String,
    /// Its environments; `None` where it does not tell.
    pub(super) environments: Option<Vec<String>>,
    provider: Arc<dyn FlagProvider>,
    findings: Vec<Finding>,
    webhook: Option<Heard>,
    astray: Option<Finding>,
    after: Option<Finding>,
}

/// How its changes are heard of.
enum Heard {
    /// That is all that there is to say.
    Said(Finding),
    /// By a webhook to that address, which stands so; `None`: it did not say in time.
    Webhook(Url, Option<Provided<WebhookThere>>),
}

/// Asks all of them at once.
pub(super) async fn ask(
    registry: &Registry,
    config: &Config,
    public: Option<&Url>,
    limit: Duration,
) -> Vec<Asked> {
    let mut asked = JoinSet::new();
    for (at, provider) in registry.iter().enumerate() {
        let (provider, public) = (Arc::clone(provider), public.cloned());
        let table = config.providers.iter().find(|table| table.name == provider.name());
        let own_ca = table.is_some_and(|table| matches!(table.file("ca_file"), Ok(Some(_))));
        let anew = config.read_anew_by(&format!("[providers.{}]", provider.name()));
        let around = Around { own_ca, anew };
        asked.spawn(async move { (at, one(provider, public.as_ref(), around, limit).await) });
    }
    let mut all = Vec::new();
    while let Some(one) = asked.join_next().await {
        all.extend(one);
    }
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, asked)| asked).collect()
}

/// Whether one of them sends webhooks to paths of their own.
pub(super) fn send_webhooks(registry: &Registry) -> bool {
    registry.iter().any(|provider| !provider.hears_gitlab() && takes_webhooks(provider.as_ref()))
}

/// Whether there is a secret to check its webhooks with.
fn takes_webhooks(provider: &dyn FlagProvider) -> bool {
    let nothing = std::collections::BTreeMap::new();
    provider.verify_webhook(&WebhookRequest { headers: &nothing, body: b"" }) != Verdict::NoSecret
}

/// What that means. What was registered the running one knows best: also why a service refused it.
pub(super) fn look(
    asked: &[Asked],
    config: &Config,
    reported: &Reported,
    status: Option<&Status>,
    shown: &Shown,
) -> Vec<Group> {
    let group = |one: &Asked| {
        let (name, service) = (one.provider.name(), one.provider.service());
        let mut findings = one.findings.clone();
        findings.extend(shown.get(name).into_iter().flatten().cloned());
        match &one.webhook {
            Some(Heard::Said(finding)) => findings.push(finding.clone()),
            Some(Heard::Webhook(target, stands)) => {
                let judge = Webhook {
                    provider: one.provider.as_ref(),
                    target,
                    registers: config.gitlab.register_hooks && one.provider.abilities().register_webhook,
                    report: report_of(reported, name),
                    refused_at: status
                        .and_then(|status| status.providers.iter().find(|one| one.name == name))
                        .and_then(|one| one.webhook_refused_at),
                    secret_since: secret_since(config, name),
                };
                findings.push(judge.finding(stands.as_ref()));
            }
            None => {}
        }
        findings.extend(one.astray.iter().chain(&one.after).cloned());
        Group::new(format!("Flags: {name} ({service})"), findings)
    };
    asked.iter().map(group).collect()
}

/// When the secret of its webhook was last changed here.
fn secret_since(config: &Config, name: &str) -> Option<Timestamp> {
    let key = format!("`webhook_secret_file` in [providers.{name}]");
    let file = config.secret_files.iter().find(|file| file.named_by.contains(&key))?;
    changed_at(&file.path)
}

fn report_of<'a>(reported: &'a Reported, name: &str) -> Option<&'a HookReport> {
    let Reported::All(reports) = reported else { return None };
    reports.iter().find(|report| report.kind == "provider" && report.name == name)
}

async fn one(
    provider: Arc<dyn FlagProvider>,
    public: Option<&Url>,
    around: Around,
    limit: Duration,
) -> Asked {
    let name = provider.name().to_owned();
    let ((mut findings, answers), version) =
        tokio::join!(key(provider.as_ref(), around, limit), version(provider.as_ref(), limit));
    findings.extend(version);
    let mut asked =
        Asked { name, environments: None, provider, findings, webhook: None, astray: None, after: None };
    if !answers {
        return asked;
    }
    let provider = asked.provider.as_ref();
    let (environments, webhook, refused) = tokio::join!(
        within(limit, provider.environment_names()),
        webhook(provider, public, limit),
        within(limit, provider.back_links_refused())
    );
    asked.findings.extend(judge_environments(provider, environments.as_ref(), around, limit));
    asked.environments = environments.and_then(Result::ok);
    if let Heard::Webhook(target, Some(Ok(WebhookThere::Good))) = &webhook {
        let astray = within(limit, provider.webhooks_astray(target)).await.and_then(Result::ok);
        asked.astray = astray.filter(|all| !all.is_empty()).map(|all| astray_to(provider, &all));
    }
    asked.webhook = Some(webhook);
    asked.after = refused.and_then(Result::ok).flatten().map(|why| {
        let how = provider.changing_over().map(|page| format!("{page} says how to change over; until then "));
        let until = how.unwrap_or_default();
        Finding::look(
            Id::ProviderOwnIntegration,
            why,
            format!("{until}flaglink keeps no links and tags there"),
        )
    });
    asked
}

/// Somebody has changed its address in the service after flaglink had made it, which has made another one then.
fn astray_to(provider: &dyn FlagProvider, all: &[String]) -> Finding {
    let service = provider.service();
    Finding::look(
        Id::ProviderWebhook,
        format!("{service} has a webhook with flaglink's secret that leads to {}", all.join(" and ")),
        format!("where no other flaglink of yours is, delete it in {service}: its address was changed there"),
    )
}

/// Whether it answers and accepts the key.
async fn key(provider: &dyn FlagProvider, around: Around, limit: Duration) -> (Vec<Finding>, bool) {
    let (name, service) = (provider.name(), provider.service());
    let began = Instant::now();
    let Some(checked) = within(limit, provider.check()).await else {
        let late = Finding::wrong(
            Id::ProviderKey,
            format!("{service} does not answer within {} s", limit.as_secs().max(1)),
            format!(
                "does it run, and is `url` in [providers.{name}] right? flaglink shows what it last saw until it answers"
            ),
        );
        return (vec![late], false);
    };
    let Err(error) = checked else {
        return (vec![answered(service, began.elapsed())], true);
    };
    let mut finding = of_provider(&error, provider, around);
    if finding.id == Id::ProviderProject
        && let Some(seen) = within(limit, provider.projects()).await
        && let Some(remedy) = other_project(name, service, &seen)
    {
        finding.remedy = Some(remedy);
    }
    (vec![finding], false)
}

/// That the service is too old. One that does not tell is none to complain of.
async fn version(provider: &dyn FlagProvider, limit: Duration) -> Option<Finding> {
    let old = within(limit, provider.too_old()).await?.ok()??;
    let (says, remedy) = too_old(provider.service(), &old);
    Some(Finding::look(Id::ProviderVersion, says, remedy))
}

/// That a service is of that version, and what to do.
pub(super) fn too_old(service: &str, old: &TooOld) -> (String, String) {
    let TooOld { version, least } = old;
    (
        format!("{service} {version} is older than what flaglink is made for ({service} {least} and later)"),
        format!("update {service}: what flaglink asks for may be missing there, or be otherwise"),
    )
}

/// What to do where the project is not there, by the projects that the key sees.
fn other_project(name: &str, service: &str, seen: &Provided<Vec<ServiceProject>>) -> Option<String> {
    match seen {
        Ok(projects) if projects.is_empty() => None,
        Ok(projects) => {
            let named: Vec<String> =
                projects.iter().take(5).map(|project| format!("{} ({})", project.id, project.name)).collect();
            Some(format!(
                "write one of those that the key sees as `project` in [providers.{name}]: {}",
                named.join(", ")
            ))
        }
        // Where it knows of no projects at all it may be something else.
        Err(ProviderError::Failed(failure))
            if failure.is_passing() && failure.status.is_none_or(|status| status >= 400) =>
        {
            None
        }
        Err(ProviderError::Unsupported) => None,
        Err(_) => Some(format!(
            "does {service} answer there? `url` in [providers.{name}] is the address of its API; else write the project that \
             has the flags as `project`"
        )),
    }
}

/// That it answers, and whether that takes long.
fn answered(service: &str, took: Duration) -> Finding {
    if took < SLOW {
        return Finding::good(Id::ProviderKey, format!("{service} answers, and the key sees the project"));
    }
    Finding::look(
        Id::ProviderKey,
        format!(
            "{service} is slow: it took {} s to answer whether the key sees the project, which it does",
            took.as_secs()
        ),
        "see how busy it and the way to it are: commands about its flags are answered late. Where questions below ran out of time, \
         wait longer: `flaglink doctor --patience 60`",
    )
}

fn judge_environments(
    provider: &dyn FlagProvider,
    environments: Option<&Provided<Vec<String>>>,
    around: Around,
    limit: Duration,
) -> Option<Finding> {
    let (name, service) = (provider.name(), provider.service());
    Some(match environments {
        Some(Ok(names)) if names.is_empty() => Finding::wrong(
            Id::ProviderEnvironments,
            "the project has no environment, so no flag has a state",
            format!("make one in {service}, or see that `project` in [providers.{name}] is the right one"),
        ),
        Some(Ok(names)) => Finding::good(
            Id::ProviderEnvironments,
            format!("environments: {}", names.iter().take(12).cloned().collect::<Vec<_>>().join(", ")),
        ),
        Some(Err(ProviderError::Unsupported)) => return None,
        Some(Err(error)) => of_provider(error, provider, around),
        None => Finding::unseen(
            Id::ProviderEnvironments,
            format!("the environments are not told within {} s", limit.as_secs()),
            WAIT_LONGER,
        ),
    })
}

/// How its changes are heard of.
async fn webhook(provider: &dyn FlagProvider, public: Option<&Url>, limit: Duration) -> Heard {
    let (name, poll) = (provider.name(), provider.poll_interval().as_secs());
    if provider.hears_gitlab() {
        return Heard::Said(Finding::good(
            Id::ProviderWebhook,
            format!("changes are heard of by GitLab's own webhook, and looked for every {poll} s"),
        ));
    }
    if !takes_webhooks(provider) {
        let note = Finding::note(
            Id::ProviderWebhook,
            format!("it is polled every {poll} s; without a webhook secret it has no webhook path (404)"),
        );
        let remedy = format!("to hear of changes at once, give [providers.{name}] a `webhook_secret_file`");
        return Heard::Said(note.with(remedy));
    }
    let path = format!("hooks/providers/{name}");
    match public.and_then(|public| public.join(&path).ok()) {
        Some(target) => {
            let stands = within(limit, provider.webhook_standing(&target)).await;
            Heard::Webhook(target, stands)
        }
        None => Heard::Said(Finding::note(
            Id::ProviderWebhook,
            format!(
                "webhooks are taken at …/{path}; where that is from outside is not known without `public_url`"
            ),
        )),
    }
}
