//! Webhooks that flaglink registers itself, as the running one says that they stand.

use super::finding::{Finding, Id, Repair};
use super::hook_judge::bare;
use crate::pipeline::{HookProblem, HookReport, HookStanding};

/// What the pipeline calls a secret that GitLab may not have.
const SECRET: &str = "its secret sent again";
/// And a newest delivery that was not taken.
const NOT_TAKEN: &str = "newest delivery was answered";
/// And where the secret is lost on the way.
const STRIPPED: &str = "has no X-Gitlab-Token";

/// What is found about one. `remarks` are what the running one says of itself: among them why GitLab refused it.
pub(super) fn registered(report: &HookReport, remarks: &[String]) -> Vec<Finding> {
    let name = &report.name;
    if report.problems.is_empty() {
        let url = report.url.as_deref().map(bare).unwrap_or_default();
        return vec![match report.standing {
            HookStanding::Off => {
                Finding::note(Id::HookThere, format!("{name} gets no webhook, as its rule says"))
            }
            _ => Finding::good(
                Id::HookThere,
                format!("the webhook of {name} leads to {url}, and all is well with it"),
            ),
        }];
    }
    let id = check_of(report);
    let refused = refused(report, remarks);
    let finding = |problem: &HookProblem| {
        let (says, todo) = match &refused {
            Some((why, todo)) => (format!("the webhook of {name} is not there: {why}"), todo.clone()),
            None => (words(report, problem), problem.todo.clone()),
        };
        match report.standing {
            HookStanding::Right | HookStanding::Off => Finding::look(id, says, todo),
            _ if id == Id::HookOff => {
                Finding::wrong(id, says, todo).repaired_by(Repair::SwitchOn(name.clone()))
            }
            // No change of the webhook mends what answers there.
            _ if problem.what.contains(NOT_TAKEN) => Finding::wrong(Id::HookAnswers, says, todo),
            _ if problem.what.contains(STRIPPED) => Finding::wrong(Id::HookSecret, says, todo),
            _ => Finding::wrong(id, says, todo).repaired_by(Repair::SyncHooks),
        }
    };
    report.problems.iter().map(finding).collect()
}

fn check_of(report: &HookReport) -> Id {
    match report.standing {
        HookStanding::Missing | HookStanding::Unknown | HookStanding::Off => Id::HookThere,
        _ if report.address_right == Some(false) => Id::HookThere,
        _ if is_off(report) => Id::HookOff,
        _ if !report.events_missing.is_empty() => Id::HookEvents,
        _ if report.secret_in_step == Some(false) || failed_with(report, "401") => Id::HookSecret,
        _ => Id::HookAnswers,
    }
}

/// Whether GitLab has switched it off.
pub(super) fn is_off(report: &HookReport) -> bool {
    report.alert_status.as_deref().is_some_and(|status| status != "executable")
}

fn failed_with(report: &HookReport, status: &str) -> bool {
    report.failures.iter().flatten().next().is_some_and(|failure| failure.status == status)
}

fn words(report: &HookReport, problem: &HookProblem) -> String {
    let (name, what) = (&report.name, &problem.what);
    if report.secret_in_step != Some(false) || !what.contains(SECRET) {
        return format!("the webhook of {name}: {what}");
    }
    let refused = match failed_with(report, "401") {
        true => "flaglink has refused its deliveries (401), because the secret in GitLab is another one",
        false => "GitLab may have another secret than flaglink, which then refuses its deliveries (401)",
    };
    format!("the webhook of {name}: {refused}; {what}")
}

/// Why one that is not there could not be made, and what to do.
fn refused(report: &HookReport, remarks: &[String]) -> Option<(String, String)> {
    if report.standing != HookStanding::Missing {
        return None;
    }
    let begins = format!("the webhook of {}: ", report.name);
    let why = remarks.iter().find_map(|remark| remark.strip_prefix(&begins))?;
    let (why, todo) = why.split_once("). ").map_or_else(
        || why.split_once(". ").map(|(why, todo)| (why.to_owned(), todo)),
        |(why, todo)| Some((format!("{why})"), todo)),
    )?;
    Some((why, todo.to_owned()))
}
