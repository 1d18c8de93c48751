//! The webhooks at the flag services.

use secrecy::ExposeSecret;
use url::Url;

use super::heard::Before;
use super::report::{HookDone, HookProblem, HookProblemKind, HookReport, HookStanding};
use super::step::keep;
use super::{Office, words};
use crate::domain::{Decision, HookRecord, HookTarget, Write};
use crate::flags::{FailedDelivery, FlagProvider, ProviderError, WebhookThere};
use crate::store::CommitError;

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

/// How the webhook at a service stands: what was last confirmed, and whether it is still there.
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
    let there = async {
        match right {
            true => provider.has_webhook(&url, secret.expose_secret()).await,
            false => Ok(true),
        }
    };
    let (there, stands) = tokio::join!(there, provider.webhook_standing(&url));
    let stands = stands.ok();
    let right = right && there.as_ref().is_ok_and(|there| *there);
    report.standing = match (right, there) {
        (true, _) => HookStanding::Right,
        (_, Err(error)) => {
            report.standing = HookStanding::Unknown;
            report.problems.push(refused(provider, &error));
            return Some(report);
        }
        (_, Ok(there)) if !there || confirmed.is_empty() => HookStanding::Missing,
        _ => HookStanding::Wrong,
    };
    let told = at_the_service(office, provider, stands.as_ref(), right);
    let is_told = told.is_some();
    if let Some(problem) = told {
        report.standing = HookStanding::Wrong;
        report.problems.push(problem);
    } else if right && office.live().services().refused_at(provider.name()).is_some() {
        report.problems.push(refused_here(provider));
    }
    let known = record.as_ref().is_some_and(|record| is_known(record, &url));
    match record.and_then(|record| record.trouble) {
        _ if !right && !known && matches!(stands, Some(WebhookThere::OtherSecret)) => {
            report.problems.push(left_alone(provider, &url));
        }
        Some(what) => report.problems.push(failed(provider, what)),
        None if right || is_told => {}
        None => report.problems.push(super::not_in_step()),
    }
    Some(report)
}

/// What the service itself tells of a webhook that is there, and is not past.
fn at_the_service(
    office: &Office<'_>,
    provider: &dyn FlagProvider,
    stands: Option<&WebhookThere>,
    right: bool,
) -> Option<HookProblem> {
    let services = office.live().services();
    match stands {
        Some(WebhookThere::Off) if !right => Some(switched_off(provider)),
        Some(WebhookThere::Narrowed(what)) if !right => Some(narrowed(provider, what)),
        Some(WebhookThere::Failing(newest)) if right && services.counts(provider.name(), newest.at) => {
            Some(undelivered(provider, newest))
        }
        _ => None,
    }
}

/// A remark: something was refused here. Anybody can send that, so it says nothing of the webhook by itself.
fn refused_here(provider: &dyn FlagProvider) -> HookProblem {
    HookProblem::new(
        "something that came over its path was refused (401): its secret or signature was missing or wrong",
        format!(
            "Where changes of flags are noticed at once it was sent by somebody else; where they are not, a proxy takes {} away, or \
             the secret there is another one (`flaglink hooks sync {}` writes it anew).",
            proof(provider),
            provider.name()
        ),
    )
}

/// The header that a proxy may have taken away.
fn proof(provider: &dyn FlagProvider) -> String {
    provider
        .webhook_proof()
        .map_or_else(|| "the header with the signature".to_owned(), |header| format!("the header `{header}`"))
}

fn narrowed(provider: &dyn FlagProvider, what: &str) -> HookProblem {
    HookProblem::new(what, format!("`flaglink hooks sync {}` puts that right.", provider.name()))
}

fn undelivered(provider: &dyn FlagProvider, newest: &FailedDelivery) -> HookProblem {
    let (service, name) = (provider.service(), provider.name());
    let what = match &newest.to {
        Some(to) => format!("{service}'s newest delivery went to {to}"),
        None => format!("{service}'s newest delivery was answered {}", newest.answer),
    };
    let todo = match (&newest.to, newest.status) {
        (Some(_), _) => format!("`flaglink hooks sync {name}` puts the address right."),
        (None, Some(401)) => format!(
            "`flaglink hooks sync {name}` writes its secret anew; where that does not help, a proxy takes {} away.",
            proof(provider)
        ),
        (None, _) => {
            "`flaglink doctor` says what that may be; the next change of a flag tells whether it is past."
                .to_owned()
        }
    };
    HookProblem::new(what, todo)
}

/// Somebody has switched it off in the service.
fn switched_off(provider: &dyn FlagProvider) -> HookProblem {
    HookProblem::new(
        format!("it is switched off at {}", provider.service()),
        format!("`flaglink hooks sync {}` puts one in its place that is on.", provider.name()),
    )
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
    let mut done = HookDone {
        kind: "provider".to_owned(),
        name: provider.name().to_owned(),
        did: Vec::new(),
        problem: None,
    };
    match stepped(office, provider, dry_run, asked_for, &mut done.did).await {
        Ok(true) => {}
        Ok(false) => return None,
        Err(problem) => {
            done.did.clear();
            done.problem = Some(problem);
        }
    }
    Some(done)
}

/// `false`: there is nothing to be done about that service.
async fn stepped(
    office: &Office<'_>,
    provider: &dyn FlagProvider,
    dry_run: bool,
    asked_for: bool,
    did: &mut Vec<String>,
) -> Result<bool, HookProblem> {
    let name = provider.name();
    let store = office.world.store();
    let target = HookTarget::Provider(name.to_owned());
    let mut seen = store.hook(&target).await.map_err(|error| words::of_store(&error))?;
    let mut record = seen.value.clone().unwrap_or_else(|| HookRecord::new(target, name.to_owned()));
    let before = take_over(office, provider, &mut record).await?;
    let can = provider.abilities().register_webhook;
    let Some(secret) = provider.webhook_secret().filter(|_| can) else {
        return without(office, provider, record, before, dry_run, did).await;
    };
    let Some(base) = &office.base else { return Err(words::no_address()) };
    if !dry_run && !before.is_empty() {
        keep(office, &mut seen, &record).await?;
        forget(office, before).await?;
    }
    if record.off && !asked_for {
        return Ok(true);
    }
    let (url, secret) = (address(base, name), secret.expose_secret());
    let wanted = confirmation(office, &url, secret);
    let confirmed = record.confirmed == wanted;
    let moved = has_moved(&record, provider);
    let mut stands = false;
    if confirmed || moved {
        // People take webhooks away, too.
        match provider.has_webhook(&url, secret).await {
            Ok(there) => stands = there,
            Err(error) => {
                let problem = refused(provider, &error);
                // A service that is away is no trouble of its webhook.
                let silent = problem.passes && !moved && !asked_for && !office.live().is_first_look(name);
                return if silent { Ok(true) } else { Err(problem) };
            }
        }
    }
    if moved && !stands {
        if !dry_run {
            office.live().leave(name, left(&record));
        }
        record.former.clear();
        record.base = None;
    }
    let right = stands && confirmed && record.former.is_empty();
    if right && !moved && !asked_for && record.trouble.is_none() && !office.live().is_first_look(name) {
        return Ok(true);
    }
    if !stands
        && !is_known(&record, &url)
        && let Err(problem) = check_is_ours(provider, &url).await
    {
        if !dry_run {
            record.trouble = Some(problem.what.clone());
            keep(office, &mut seen, &record).await?;
        }
        return Err(problem);
    }
    if !stands || !confirmed {
        did.push(format!("registered at {}, for {url}", provider.service()));
        record.confirmed.clear();
    }
    let old = record.base.clone().filter(|old| *old != url.as_str());
    record.former.extend(old);
    record.former.retain(|former| former != url.as_str());
    did.extend(record.former.iter().map(|former| format!("the webhook for {former} removed")));
    if dry_run {
        if did.is_empty() && provider.rewrites_webhook() {
            did.push(written_anew(provider, &url));
        }
        return Ok(true);
    }
    record.off = false;
    record.base = Some(url.to_string());
    record.place = Some(provider.place());
    keep(office, &mut seen, &record).await?;
    let acted = async {
        let before = failed_before(provider, &url).await;
        let registered = provider.register_webhook(&url, secret).await;
        let wrote = registered.map_err(|error| refused(provider, &error))?;
        if wrote {
            office.live().services().write(name, before);
        }
        if wrote && did.is_empty() {
            did.push(written_anew(provider, &url));
        }
        record.confirmed = wanted;
        while let Some(former) = record.former.last().cloned() {
            unregister(provider, &former).await?;
            record.former.pop();
        }
        Ok(())
    };
    let acted: Result<(), HookProblem> = acted.await;
    record.trouble = acted.as_ref().err().map(|problem| problem.what.clone());
    if acted.is_ok() {
        office.live().looked_at(name);
    }
    keep(office, &mut seen, &record).await?;
    acted.map(|()| true)
}

fn written_anew(provider: &dyn FlagProvider, url: &Url) -> String {
    format!("written anew at {}, for {url}", provider.service())
}

/// What had failed of the webhook that is to be written.
async fn failed_before(provider: &dyn FlagProvider, url: &Url) -> Before {
    match provider.webhook_standing(url).await {
        Ok(WebhookThere::Failing(newest)) => newest.at.map_or(Before::Unknown, Before::Newest),
        Ok(WebhookThere::Good | WebhookThere::Perhaps | WebhookThere::Elsewhere(_)) => Before::Nothing,
        // What else it is hides what was sent.
        Ok(_) | Err(_) => Before::Unknown,
    }
}

/// One that leads to our address and that nothing is kept of: with another secret it may be another flaglink's, whose address was
/// written here by mistake. It would be lost if it were taken for ours.
async fn check_is_ours(provider: &dyn FlagProvider, url: &Url) -> Result<(), HookProblem> {
    if !matches!(provider.webhook_standing(url).await, Ok(WebhookThere::OtherSecret)) {
        return Ok(());
    }
    Err(left_alone(provider, url))
}

/// Whether flaglink has, or may have, made one for that address.
fn is_known(record: &HookRecord, url: &Url) -> bool {
    record.base.iter().chain(&record.former).any(|kept| kept == url.as_str())
}

fn left_alone(provider: &dyn FlagProvider, url: &Url) -> HookProblem {
    HookProblem::new(
        format!("{} has a webhook for {url} already, with another secret", provider.service()),
        format!(
            "If another flaglink has that address, put `public_url` in [listen] right; if nobody needs that webhook, delete it \
             there, then run `flaglink hooks sync {}`.",
            provider.name()
        ),
    )
    .of(HookProblemKind::LeftAlone)
}

/// Takes over what is kept of webhooks that were registered under a former name of the provider. Returns whose that was.
async fn take_over(
    office: &Office<'_>,
    provider: &dyn FlagProvider,
    record: &mut HookRecord,
) -> Result<Vec<HookTarget>, HookProblem> {
    let mut all = Vec::new();
    for name in office.world.flags().former_names(provider.name()) {
        let target = HookTarget::Provider(name.clone());
        let old = office.world.store().hook(&target).await.map_err(|error| words::of_store(&error))?.value;
        let Some(old) = old else { continue };
        record.off |= old.off;
        record.former.extend(old.base.into_iter().chain(old.former));
        record.place = record.place.take().or(old.place);
        all.push(target);
    }
    Ok(all)
}

/// There is no secret any more, so that nobody could check what a webhook sends: it goes.
async fn without(
    office: &Office<'_>,
    provider: &dyn FlagProvider,
    record: HookRecord,
    before: Vec<HookTarget>,
    dry_run: bool,
    did: &mut Vec<String>,
) -> Result<bool, HookProblem> {
    let all: Vec<&String> = record.base.iter().chain(&record.former).collect();
    let here = provider.abilities().register_webhook && !has_moved(&record, provider);
    if here {
        did.extend(all.iter().map(|url| format!("the webhook for {url} removed")));
    }
    if dry_run {
        return Ok(!all.is_empty());
    }
    if here {
        for url in &all {
            unregister(provider, url).await?;
        }
    } else if !all.is_empty() {
        office.live().leave(provider.name(), left(&record));
    }
    let known = office.world.store().hook(&record.target).await.map_err(|error| words::of_store(&error))?;
    // That somebody had it taken away by hand holds for the next secret, too.
    let gone = before.into_iter().chain(known.value.filter(|known| !known.off).map(|known| known.target));
    let gone: Vec<HookTarget> = gone.collect();
    let some = !all.is_empty();
    forget(office, gone).await?;
    Ok(some)
}

async fn unregister(provider: &dyn FlagProvider, url: &str) -> Result<(), HookProblem> {
    let Ok(url) = Url::parse(url) else { return Ok(()) };
    provider.remove_webhook(&url).await.map_err(|error| refused(provider, &error))
}

async fn forget(office: &Office<'_>, targets: Vec<HookTarget>) -> Result<(), HookProblem> {
    if targets.is_empty() {
        return Ok(());
    }
    let mut decision = Decision::new();
    decision.writes = targets.into_iter().map(Write::HookGone).collect();
    office.pipeline.commit(decision).await.map_err(|error| match error {
        CommitError::Store(error) => words::of_store(&error),
        conflict @ CommitError::Conflict => words::of_store(&conflict),
    })
}

/// Whether it was registered at another service than the present one.
fn has_moved(record: &HookRecord, provider: &dyn FlagProvider) -> bool {
    record.place.as_ref().is_some_and(|place| *place != provider.place())
        && (record.base.is_some() || !record.former.is_empty())
}

/// What flaglink cannot remove any more.
fn left(record: &HookRecord) -> HookProblem {
    let all: Vec<&str> = record.base.iter().chain(&record.former).map(String::as_str).collect();
    let at = record.place.as_deref().map(|place| format!(" at {place}")).unwrap_or_default();
    HookProblem::new(
        format!("the one for {} is left{at}, and flaglink cannot reach it any more", all.join(" and ")),
        "Delete it there by hand: what it sends helps nobody.",
    )
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

/// A provider that is not configured any more: what is kept of its webhook is forgotten, once it is told what is left behind. What
/// a renamed one had is taken over when the new one is looked at.
pub(super) fn forgotten(office: &Office<'_>, records: &[HookRecord]) -> Vec<Write> {
    let flags = office.world.flags();
    let gone = records.iter().filter_map(|record| match &record.target {
        HookTarget::Provider(name) => {
            let renamed = || flags.iter().any(|now| flags.former_names(now.name()).contains(name));
            (flags.get(name).is_none() && !renamed()).then_some((name, record))
        }
        HookTarget::Project(_) | HookTarget::Group(_) => None,
    });
    gone.map(|(name, record)| {
        if record.base.is_some() || !record.former.is_empty() {
            office.live().leave(name, left(record));
        }
        Write::HookGone(record.target.clone())
    })
    .collect()
}
