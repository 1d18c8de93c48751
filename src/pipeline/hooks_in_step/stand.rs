//! How webhooks stand: for the command line, `doctor` and the API.

use futures_util::FutureExt as _;
use jiff::SignedDuration;

use super::leaving::{Leaving, Why};
use super::report::{HookFailure, HookProblem, HookProblemKind, HookReport, HookStanding};
use super::step::{Sight, look};
use super::targets::Wanted;
use super::{
    HookChoice, HookSettings, Office, leaving, path, providers, side_by_side, switched, taken_away, unlooked,
    words,
};
use crate::bot::Trouble;
use crate::domain::{HookRecord, HookTarget};
use crate::gitlab::{Hook, HookState, SentFailure};
use crate::pipeline::Pipeline;

/// So many failures are shown.
const FAILURES: u64 = 5;
/// When something was answered is told in whole seconds.
const WHOLE_SECOND: SignedDuration = SignedDuration::from_secs(1);

/// How all webhooks stand. Changes nothing.
///
/// # Errors
/// Where it cannot even be said which there should be.
pub async fn report_hooks(
    pipeline: &Pipeline,
    settings: &HookSettings,
    choice: &HookChoice,
) -> Result<Vec<HookReport>, Trouble> {
    let mut office = Office::unasked(pipeline, settings);
    // Somebody waits for it: what does not hang together is asked at the same time.
    let (release, targets) = tokio::join!(office.release_told(), office.targets());
    let (targets, records) = (targets?, office.records().await?);
    office.release = release;
    let office = &office;
    let mut each = Vec::new();
    for wanted in targets.wanted.iter().filter(|wanted| choice.has(&wanted.name)) {
        let kept = records.iter().find(|record| record.target == wanted.target);
        if office.live().registers() || !kept.is_some_and(leaving::is_left) {
            each.push(one_report(office, wanted, kept).boxed());
        }
    }
    let leaving = async {
        match office.live().registers() {
            true => leaving::find(&office.world, &targets, &records).await,
            false => leaving::all(&office.world, &records),
        }
    };
    let chosen = office.world.flags().iter().filter(|provider| choice.has(provider.name()));
    let of_services = chosen.map(|provider| providers::report(office, provider.as_ref()).boxed());
    let (mut all, leaving, of_services) =
        tokio::join!(side_by_side(each), leaving, side_by_side(of_services.collect()));
    for one in leaving.iter().filter(|one| choice.has(&one.name)) {
        let kept = records.iter().find(|record| record.target == one.target && leaving::is_left(record));
        if let Some(kept) = kept
            && one.waits_for_its_group(&office.world, &[], &records)
        {
            all.push(staying_report(one, kept));
            continue;
        }
        let is_project = matches!(one.target, HookTarget::Project(_));
        let now_at = targets.seen.get(&one.id()).filter(|path| is_project && **path != one.name);
        all.extend(kept.map(|kept| leaving_report(one, kept, now_at, !targets.complete)));
    }
    for (name, problem) in targets.lost.iter().filter(|(name, _)| choice.has(name)) {
        let mut report = HookReport::new("group", name, None, HookStanding::Unknown);
        report.problems.push(problem.clone());
        all.push(report);
    }
    all.extend(of_services.into_iter().flatten().filter(|_| office.live().registers()));
    for (name, problem) in unlooked(office, &targets, &records, choice) {
        let mut report = HookReport::new("project", &name, None, HookStanding::Unknown);
        report.problems.push(problem);
        all.push(report);
    }
    Ok(all)
}

/// One that does its work until that of the group is there.
fn staying_report(leaving: &Leaving, kept: &HookRecord) -> HookReport {
    let mut report = HookReport::new(leaving.kind(), &leaving.name, Some(leaving.id()), HookStanding::Right);
    report.hook = kept.hook;
    report
}

/// One that is still there, and that nobody wants. `now_at`: where the project is, if it is not where it was.
fn leaving_report(
    leaving: &Leaving,
    kept: &HookRecord,
    now_at: Option<&String>,
    refused: bool,
) -> HookReport {
    let mut report = HookReport::new(leaving.kind(), &leaving.name, Some(leaving.id()), HookStanding::Wrong);
    report.hook = kept.hook;
    let problem = match (leaving.why, &kept.trouble) {
        // Nobody knows what that token would see.
        (Why::Unseen { .. }, _) if refused => {
            report.standing = HookStanding::Unknown;
            words::token_refused()
        }
        (Why::Unseen { .. }, _) => {
            report.standing = HookStanding::Unknown;
            HookProblem::new(
                "GitLab does not list it among the bot's projects",
                "Make the bot a member of it again, as Maintainer; if it is not wanted there any more, leave it so: its path is closed when \
                 GitLab has refused it twice.",
            )
        }
        (Why::Unwanted, Some(_)) => words::may_not_remove(kept.hook, &leaving.name),
        // That mends itself.
        (Why::Unwanted, None) => {
            report.standing = HookStanding::Off;
            let now_at = now_at.map(|path| format!("it is {path} now, and ")).unwrap_or_default();
            HookProblem::new(
                format!("{now_at}no webhook is wanted there any more"),
                format!(
                    "flaglink removes it by itself; `flaglink hooks remove {}` does so now.",
                    leaving.name
                ),
            )
            .of(HookProblemKind::Leaving)
        }
    };
    report.problems.push(problem);
    report
}

async fn one_report(office: &Office<'_>, wanted: &Wanted, kept: Option<&HookRecord>) -> HookReport {
    let mut report = HookReport::new(wanted.kind(), &wanted.name, Some(wanted.id()), HookStanding::Off);
    if !office.live().registers() {
        return report;
    }
    if kept.is_some_and(|kept| kept.off) {
        report.problems.push(taken_away(&wanted.name));
        return report;
    }
    report.standing = HookStanding::Unknown;
    let Some(base) = &office.base else {
        report.problems.push(words::no_address());
        return report;
    };
    let sight = match look(office, wanted, base).await {
        Ok(sight) => sight,
        Err(problem) => {
            report.problems.push(problem);
            return report;
        }
    };
    // A path that is not kept yet will be another one when it is made.
    let same = sight.record.path() == kept.and_then(HookRecord::path);
    report.wanted_url = same.then(|| sight.wish.url.to_string());
    let Some(hook) = &sight.hook else {
        report.standing = HookStanding::Missing;
        let name = &wanted.name;
        let tried = || kept_trouble(office, name, kept).or_else(|| office.live().problem(name));
        let why = office.unsigned().or_else(tried);
        report.problems.push(why.unwrap_or_else(|| words::not_there(name)));
        return report;
    };
    describe(&mut report, &sight, hook, wanted);
    if !report.problems.is_empty() {
        report.problems.extend(kept_trouble(office, &wanted.name, kept));
    }
    report.problems.extend(office.unsigned());
    let (failures, not_taken) = tokio::join!(
        wanted.gitlab.last_failures(wanted.home, hook.id, FAILURES),
        not_taken(office, wanted, hook)
    );
    if let Ok(failures) = failures {
        let failure =
            |one: SentFailure| HookFailure { status: one.status, answer: one.answer, trigger: one.trigger };
        report.failures = Some(failures.into_iter().map(failure).collect());
    }
    if hook.state != HookState::On {
        report.problems.push(switched::problem(hook, &wanted.name, report.failures.as_deref()));
    } else if report.problems.is_empty() {
        report.problems.extend(not_taken);
    }
    report.standing = if report.problems.is_empty() { HookStanding::Right } else { HookStanding::Wrong };
    report
}

/// The newest delivery was not taken, and that was not before this flaglink was there for it. GitLab switches nothing off by itself
/// where an admin has not allowed it, so that nobody else may tell.
async fn not_taken(office: &Office<'_>, wanted: &Wanted, hook: &Hook) -> Option<HookProblem> {
    let path = path::in_url(&hook.url);
    if let Some(what) = path.as_ref().and_then(|path| office.live().spoiled(path)) {
        return Some(words::spoiled(what, &wanted.name));
    }
    let log = wanted.gitlab.hook_log(wanted.home, hook.id).await.ok().flatten()?;
    let newest = log.into_iter().next().filter(|newest| !newest.is_good())?;
    // A comparison of times tells nothing where the clocks differ.
    if let Some(ahead) = office.live().clock_ahead().filter(|_| newest.status() == Some(401)) {
        return Some(words::clocks_differ(ahead, &wanted.name));
    }
    let since = path.and_then(|path| office.live().good_since(&path));
    // A refusal of the second in which the secret was sent again was the reason for that.
    let least = if newest.status() == Some(401) { SignedDuration::ZERO } else { WHOLE_SECOND };
    let is_past = newest.at.zip(since).is_some_and(|(at, since)| since.duration_since(at) >= least);
    (!is_past).then(|| words::not_taken(&newest, &wanted.name))
}

/// Why it could not be put right the last time; with what to do about it, where the daemon is told.
fn kept_trouble(office: &Office<'_>, name: &str, kept: Option<&HookRecord>) -> Option<HookProblem> {
    let what = kept?.trouble.clone()?;
    let told = office.live().problem(name).filter(|problem| problem.what == what);
    Some(told.unwrap_or_else(|| {
        let todo = format!("`flaglink hooks sync {name}` tries again, and says what to do.");
        HookProblem::new(what, todo)
    }))
}

fn describe(report: &mut HookReport, sight: &Sight, hook: &Hook, wanted: &Wanted) {
    report.hook = Some(hook.id);
    report.url = Some(hook.url.clone());
    report.address_right = Some(sight.address_right);
    report.events_missing = sight.wish.missing(hook);
    report.events_needless = sight.wish.needless(hook);
    report.secret_in_step = Some(sight.secret_in_step);
    report.token_present = hook.has_token;
    report.signing_token_present = hook.has_signing_token;
    report.disabled_until.clone_from(&hook.off_until);
    let alert = match hook.state {
        HookState::On => "executable",
        HookState::OffForAWhile => "temporarily_disabled",
        HookState::Off => "disabled",
    };
    report.alert_status = Some(alert.to_owned());
    let mut needs = sight.reasons.clone();
    needs.extend(sight.doubles.iter().map(|double| format!("its double, webhook {}, removed", double.id)));
    if !needs.is_empty() {
        report.problems.push(words::needs_change(&needs, sight.changed_elsewhere, &wanted.name));
    }
}
