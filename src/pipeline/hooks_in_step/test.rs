//! Webhooks tested: GitLab sends one, and it is seen whether it comes here.

use std::sync::Arc;

use super::report::{HookProblem, HookStanding, HookTested};
use super::step::look;
use super::targets::Wanted;
use super::{HookChoice, HookSettings, Office, path, providers, unlooked, words};
use crate::bot::Trouble;
use crate::flags::FlagProvider;
use crate::gitlab::{GitlabError, LoggedAnswer, TEST_TRIGGERS, has_nothing_to_send};
use crate::pipeline::Pipeline;

/// Has GitLab send each webhook once, and says whether it came here.
///
/// # Errors
/// Where it cannot even be said which there should be.
pub async fn test_hooks(
    pipeline: &Pipeline,
    settings: &HookSettings,
    choice: &HookChoice,
) -> Result<Vec<HookTested>, Trouble> {
    let office = Office::open(pipeline, settings).await;
    let targets = office.targets().await?;
    let mut all = Vec::new();
    for wanted in targets.wanted.iter().filter(|wanted| choice.has(&wanted.name)) {
        all.push(one_test(&office, wanted).await);
    }
    let named = |provider: &&Arc<dyn FlagProvider>| !choice.is_all() && choice.has(provider.name());
    for provider in office.world.flags().iter().filter(named) {
        all.push(of_service(&office, provider.as_ref()).await);
    }
    let records = office.records().await?;
    let unlooked = unlooked(&office, &targets, &records, choice).into_iter();
    all.extend(unlooked.map(|(name, problem)| tested_in_vain("project", &name, problem)));
    Ok(all)
}

fn tested_in_vain(kind: &str, name: &str, problem: HookProblem) -> HookTested {
    HookTested {
        kind: kind.to_owned(),
        name: name.to_owned(),
        trigger: None,
        taken: false,
        arrived: false,
        problem: Some(problem),
    }
}

async fn one_test(office: &Office<'_>, wanted: &Wanted) -> HookTested {
    let mut tested = tested_in_vain(wanted.kind(), &wanted.name, words::no_address());
    if !office.live().registers() {
        tested.problem = Some(words::made_by_hand());
        return tested;
    }
    let Some(base) = &office.base else { return tested };
    let sight = match look(office, wanted, base).await {
        Ok(sight) => sight,
        Err(problem) => {
            tested.problem = Some(problem);
            return tested;
        }
    };
    let Some(hook) = &sight.hook else {
        tested.problem = Some(words::not_there(&wanted.name));
        return tested;
    };
    let path = path::in_url(&hook.url).unwrap_or_default();
    tested.problem = Some(HookProblem::new(
        "GitLab has nothing to test it with",
        "Open an issue in a project there, or write a comment, and test again.",
    ));
    let known = newest_before(wanted, hook.id).await;
    for trigger in TEST_TRIGGERS.into_iter().filter(|one| hook.triggers.iter().any(|has| has == one)) {
        let before = office.live().arrived(&path);
        let sent = wanted.gitlab.test_hook_of(wanted.home, hook.id, trigger).await;
        tested.arrived = office.live().arrived(&path) > before;
        match sent {
            Ok(()) => {
                (tested.trigger, tested.taken) = (Some(trigger.to_owned()), true);
                tested.problem = (!tested.arrived).then(elsewhere);
                return tested;
            }
            Err(GitlabError::Failed(failure)) if has_nothing_to_send(&failure) => {}
            Err(error) => {
                tested.trigger = Some(trigger.to_owned());
                let newest = match &error {
                    // It was sent, and GitLab's log has what was answered.
                    GitlabError::Failed(failure) if failure.status == Some(422) => {
                        logged_since(wanted, hook.id, known).await.filter(|newest| !newest.is_good())
                    }
                    _ => None,
                };
                let spoiled = office.live().spoiled(&path).map(|what| words::spoiled(what, &wanted.name));
                let refused =
                    office.live().clock_ahead().filter(|_| words::was_refused(&error, newest.as_ref()));
                tested.problem = Some(spoiled.unwrap_or_else(|| match refused {
                    Some(ahead) => words::clocks_differ(ahead, &wanted.name),
                    None => failed(&error, wanted, newest.as_ref()),
                }));
                return tested;
            }
        }
    }
    tested
}

/// The highest number in the webhook's log; `None` where GitLab does not tell.
async fn newest_before(wanted: &Wanted, hook: u64) -> Option<u64> {
    let log = wanted.gitlab.hook_log(wanted.home, hook).await.ok().flatten()?;
    Some(log.iter().filter_map(|entry| entry.id).max().unwrap_or(0))
}

/// The newest entry of the webhook's log that is later than that one. GitLab writes its log a moment after, so the newest of all may
/// be of an earlier delivery.
async fn logged_since(wanted: &Wanted, hook: u64, known: Option<u64>) -> Option<LoggedAnswer> {
    let known = known?;
    let log = wanted.gitlab.hook_log(wanted.home, hook).await.ok().flatten()?;
    log.into_iter().filter(|entry| entry.id.is_some_and(|id| id > known)).max_by_key(|entry| entry.id)
}

/// GitLab could not deliver it, or does not let us ask for it.
fn failed(error: &GitlabError, wanted: &Wanted, newest: Option<&LoggedAnswer>) -> HookProblem {
    match error {
        GitlabError::Failed(failure) if failure.is_unauthorized() => {
            words::of_gitlab(error, &wanted.target, &wanted.name, "")
        }
        _ => {
            let todo = words::undelivered(error, &wanted.name, newest);
            HookProblem::new(format!("the delivery failed ({error})"), todo)
        }
    }
}

/// A service sends nothing on request. Told where it was asked for by its name.
async fn of_service(office: &Office<'_>, provider: &dyn FlagProvider) -> HookTested {
    let name = provider.name();
    let report = providers::report(office, provider).await;
    let (standing, problem) = report.map_or((HookStanding::Unknown, None), |mut report| {
        (report.standing, (!report.problems.is_empty()).then(|| report.problems.remove(0)))
    });
    let stands = match (standing, problem) {
        (HookStanding::Right, _) => {
            format!("; its webhook is registered, and switched on{}", settling(provider))
        }
        (HookStanding::Wrong | HookStanding::Missing, Some(problem)) => {
            return tested_in_vain("provider", name, problem);
        }
        _ => String::new(),
    };
    let problem = HookProblem::new(
        format!("{} has no test that flaglink could ask for{stands}", provider.service()),
        format!(
            "Change a flag there and see its panel follow; `flaglink hooks list {name}` says how its webhook stands."
        ),
    );
    tested_in_vain("provider", name, problem)
}

/// That a service does not go by a new webhook at once.
fn settling(provider: &dyn FlagProvider) -> String {
    match provider.webhook_settles().as_secs() {
        0 => String::new(),
        seconds => format!(" (up to {seconds} s after it is made or changed nothing may come of it)"),
    }
}

/// Somebody else took it.
fn elsewhere() -> HookProblem {
    HookProblem::new(
        "GitLab says that the delivery was taken, but it did not come here",
        "What answers at the public address is not this flaglink: is the tunnel or the proxy pointed at `webhooks` in [listen]?",
    )
}
