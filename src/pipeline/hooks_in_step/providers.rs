//! The webhooks at the flag services.

use secrecy::ExposeSecret;
use url::Url;

use super::report::{HookDone, HookProblem, HookReport, HookStanding};
use super::step::keep;
use super::{Office, words};
use crate::domain::{HookRecord, HookTarget, Write};
use crate::flags::{FlagProvider, ProviderError};

/// Where a service's webhook leads to.
fn address(base: &Url, provider: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/hooks/providers/{provider}", base.path().trim_end_matches('/')));
    url
}

/// What is written down when the service has taken that webhook with that secret.
fn confirmation(office: &Office<'_>, url: &Url, secret: &str) -> String {
    let digest = hex::encode(office.world.markers().derived("provider webhook secret", secret));
    format!("{url} {}", digest.chars().take(16).collect::<String>())
}

/// Why there is no webhook to be registered.
pub(super) fn polled(provider: &dyn FlagProvider) -> Option<HookProblem> {
    if provider.hears_gitlab() {
        // Its changes come with GitLab's own webhooks.
        return None;
    }
    let name = provider.name();
    let every = provider.poll_interval().as_secs();
    if !provider.abilities().register_webhook {
        return Some(HookProblem::new(
            format!(
                "flaglink cannot register webhooks at {}; it is asked every {every} s",
                provider.service()
            ),
            "If it can send any, make the webhook by hand.",
        ));
    }
    provider.webhook_secret().is_none().then(|| {
        HookProblem::new(
            format!("{name} is asked every {every} s for what changed; it sends no webhooks"),
            format!(
                "For changes at once make a secret (`openssl rand -hex 32`) and name its file with `webhook_secret_file` in \
                 [providers.{name}]."
            ),
        )
    })
}

/// How the webhook at a service stands, as far as is known here.
pub(super) async fn report(office: &Office<'_>, provider: &dyn FlagProvider) -> Option<HookReport> {
    let target = HookTarget::Provider(provider.name().to_owned());
    let mut report = HookReport::new("provider", provider.name(), None, HookStanding::Off);
    if provider.hears_gitlab() {
        return None;
    }
    let record = office.world.store().hook(&target).await.ok().and_then(|seen| seen.value);
    report.url = record.as_ref().and_then(|record| record.base.clone());
    if let Some(problem) = polled(provider) {
        report.problems.push(problem);
        return Some(report);
    }
    let (Some(base), Some(secret)) = (&office.base, provider.webhook_secret()) else {
        report.standing = HookStanding::Unknown;
        report.problems.push(words::no_address());
        return Some(report);
    };
    let url = address(base, provider.name());
    report.wanted_url = Some(url.to_string());
    if record.as_ref().is_some_and(|record| record.off) {
        report.problems.push(super::taken_away(provider.name()));
        return Some(report);
    }
    let confirmed = record.as_ref().map(|record| record.confirmed.as_str()).unwrap_or_default();
    let right = confirmed == confirmation(office, &url, secret.expose_secret());
    report.address_right = report.url.as_ref().map(|is| is == url.as_str());
    report.secret_in_step = (!confirmed.is_empty()).then_some(right);
    report.standing = match (right, confirmed.is_empty()) {
        (true, _) => HookStanding::Right,
        (false, true) => HookStanding::Missing,
        (false, false) => HookStanding::Wrong,
    };
    match record.and_then(|record| record.trouble) {
        Some(what) => report.problems.push(failed(provider, what)),
        None if right => {}
        None => report.problems.push(super::not_in_step()),
    }
    Some(report)
}

fn refused(provider: &dyn FlagProvider, error: &ProviderError) -> HookProblem {
    let passes = matches!(error, ProviderError::Failed(failure) if failure.is_passing());
    HookProblem { passes, ..failed(provider, error.to_string()) }
}

fn failed(provider: &dyn FlagProvider, what: String) -> HookProblem {
    let every = provider.poll_interval().as_secs();
    HookProblem::new(
        what,
        format!("Until that is put right, {} is asked every {every} s for what changed.", provider.name()),
    )
}

/// Brings the webhook at a service into step: one at the present address, and none at a former one.
pub(super) async fn step(
    office: &Office<'_>,
    provider: &dyn FlagProvider,
    dry_run: bool,
    asked_for: bool,
) -> Option<HookDone> {
    let (Some(secret), true) = (provider.webhook_secret(), provider.abilities().register_webhook) else {
        return None;
    };
    let name = provider.name().to_owned();
    let mut done =
        HookDone { kind: "provider".to_owned(), name: name.clone(), did: Vec::new(), problem: None };
    let Some(base) = &office.base else {
        done.problem = Some(words::no_address());
        return Some(done);
    };
    let target = HookTarget::Provider(name.clone());
    let mut seen = match office.world.store().hook(&target).await {
        Ok(seen) => seen,
        Err(error) => {
            done.problem = Some(words::of_store(&error));
            return Some(done);
        }
    };
    let mut record = seen.value.clone().unwrap_or_else(|| HookRecord::new(target, name.clone()));
    if record.off && !asked_for {
        return Some(done);
    }
    let url = address(base, &name);
    let wanted = confirmation(office, &url, secret.expose_secret());
    let stands = record.confirmed == wanted;
    if stands && record.former.is_empty() && !asked_for && !office.live().is_first_look(&name) {
        return Some(done);
    }
    if !stands {
        done.did.push(format!("registered at {}, for {url}", provider.service()));
    }
    let old = record.base.clone().filter(|old| *old != url.as_str());
    record.former.extend(old);
    record.former.retain(|former| former != url.as_str());
    done.did.extend(record.former.iter().map(|former| format!("the webhook for {former} removed")));
    if dry_run {
        return Some(done);
    }
    record.off = false;
    record.base = Some(url.to_string());
    let acted = async {
        keep(office, &mut seen, &record).await?;
        let registered = provider.register_webhook(&url, secret.expose_secret()).await;
        registered.map_err(|error| refused(provider, &error))?;
        record.confirmed = wanted;
        while let Some(former) = record.former.last().cloned() {
            if let Ok(former) = Url::parse(&former) {
                let removed = provider.remove_webhook(&former).await;
                removed.map_err(|error| refused(provider, &error))?;
            }
            record.former.pop();
        }
        Ok::<_, HookProblem>(())
    };
    let acted = acted.await;
    match acted {
        Ok(()) => {
            record.trouble = None;
            office.live().looked_at(&name);
        }
        Err(problem) => {
            record.trouble = Some(problem.what.clone());
            done.did.clear();
            done.problem = Some(problem);
        }
    }
    if let Err(problem) = keep(office, &mut seen, &record).await {
        done.problem = Some(problem);
    }
    Some(done)
}

/// Takes the webhook at a service away.
pub(super) async fn remove(
    office: &Office<'_>,
    provider: &dyn FlagProvider,
    dry_run: bool,
) -> Option<HookDone> {
    let name = provider.name();
    let target = HookTarget::Provider(name.to_owned());
    let mut seen = office.world.store().hook(&target).await.ok()?;
    let mut record = seen.value.clone()?;
    let mut done =
        HookDone { kind: "provider".to_owned(), name: name.to_owned(), did: Vec::new(), problem: None };
    let all: Vec<String> = record.base.iter().chain(&record.former).cloned().collect();
    done.did.extend(all.iter().map(|url| format!("the webhook for {url} removed")));
    if dry_run || all.is_empty() {
        return Some(done);
    }
    for url in all.iter().filter_map(|url| Url::parse(url).ok()) {
        if let Err(error) = provider.remove_webhook(&url).await {
            done.did.clear();
            done.problem = Some(refused(provider, &error));
            return Some(done);
        }
    }
    (record.base, record.former, record.confirmed) = (None, Vec::new(), String::new());
    record.off = true;
    done.problem = keep(office, &mut seen, &record).await.err();
    Some(done)
}

/// A provider that is not configured any more: what is kept of its webhook is forgotten.
pub(super) fn forgotten(office: &Office<'_>, records: &[HookRecord]) -> Vec<Write> {
    let gone = records.iter().filter(|record| match &record.target {
        HookTarget::Provider(name) => office.world.flags().get(name).is_none(),
        HookTarget::Project(_) | HookTarget::Group(_) => false,
    });
    gone.map(|record| Write::HookGone(record.target.clone())).collect()
}
