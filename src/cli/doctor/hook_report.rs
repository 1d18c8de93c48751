//! Webhooks that flaglink registers itself, as the running one says that they stand.

use super::finding::{Finding, Id, Repair};
use super::hook_judge::bare;
use crate::pipeline::{HookProblem, HookProblemKind, HookReport, HookStanding};

/// What is found about one.
pub(super) fn registered(report: &HookReport) -> Vec<Finding> {
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
    let finding = |problem: &HookProblem| {
        let (says, todo) = (words(report, problem), problem.todo.clone());
        match report.standing {
            _ if problem.kind == HookProblemKind::Leaving => Finding::note(id, says).with(todo),
            HookStanding::Right | HookStanding::Off => Finding::look(id, says, todo),
            _ if id == Id::HookOff => {
                Finding::wrong(id, says, todo).repaired_by(Repair::SwitchOn(name.clone()))
            }
            // No change of the webhook mends what answers there.
            _ if matches!(problem.kind, HookProblemKind::NotTaken | HookProblemKind::ClocksDiffer) => {
                Finding::wrong(Id::HookAnswers, says, todo)
            }
            _ if matches!(problem.kind, HookProblemKind::HeaderStripped | HookProblemKind::BodyChanged) => {
                Finding::wrong(Id::HookSecret, says, todo)
            }
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
    if report.standing == HookStanding::Missing && problem.kind != HookProblemKind::NotThere {
        return format!("the webhook of {name} is not there: {what}");
    }
    let needs_change =
        matches!(problem.kind, HookProblemKind::NeedsChange | HookProblemKind::ChangedElsewhere);
    if report.secret_in_step != Some(false) || !needs_change {
        return format!("the webhook of {name}: {what}");
    }
    let refused = match failed_with(report, "401") {
        true => "flaglink has refused its deliveries (401), because the secret in GitLab is another one",
        false => "GitLab may have another secret than flaglink, which then refuses its deliveries (401)",
    };
    format!("the webhook of {name}: {refused}; {what}")
}
