//! GitLab's webhooks: which there are, whose they are, and who says how they stand.

use std::time::Duration;

use tokio::task::JoinSet;

use super::daemon::Reported;
use super::finding::{Finding, Group, Id};
use super::gitlab::{Access, again, late};
use super::hook_judge::{Seen, judge, left};
use super::hook_report::registered;
use super::ours::Ours;
use super::projects::{Matched, names};
use super::whose::{Own, Whose};
use super::{by_hand, within};
use crate::domain::{HookTarget, ProjectId};
use crate::gitlab::{GitlabApi, GitlabError, GitlabResult, HookHome, LoggedAnswer, ProjectDetail};
use crate::pipeline::{HookProblemKind, HookReport};

const TITLE: &str = "GitLab's webhooks";

/// The webhooks of each project in which they may be seen, read from GitLab.
pub(super) type Listed = Vec<(usize, GitlabResult<Vec<Seen>>)>;

/// Reads the webhooks of the projects, all at once; what was answered to them lately only `with_log`.
pub(super) async fn list(
    ours: &Ours<'_>,
    all: &[Access],
    matched: &[Matched],
    limit: Duration,
    with_log: bool,
) -> Listed {
    let mut asked = JoinSet::new();
    for (at, one) in matched.iter().enumerate().filter(|(_, one)| one.level.unwrap_or(0) >= 40) {
        let Some(access) = all.get(one.access) else { continue };
        let own = Own::new(ours.config, ours.public);
        let (api, project) = (access.api.clone(), one.project.id);
        asked.spawn(async move { (at, read(&api, project, &own, limit, with_log).await) });
    }
    let mut told = Vec::new();
    while let Some(one) = asked.join_next().await {
        told.extend(one);
    }
    told.sort_by_key(|(at, _)| *at);
    told
}

async fn read(
    api: &GitlabApi,
    project: ProjectId,
    own: &Own,
    limit: Duration,
    with_log: bool,
) -> GitlabResult<Vec<Seen>> {
    let hooks = within(limit, api.hooks(project)).await.unwrap_or_else(|| Err(late(limit)))?;
    let mut seen = Vec::new();
    for hook in hooks {
        let whose = own.whose(&HookTarget::Project(project), &hook.url);
        let log = match whose {
            Whose::Here | Whose::Perhaps if with_log => log_of(api, project, hook.id, limit).await,
            Whose::Others => continue,
            _ => None,
        };
        seen.push(Seen { hook, whose, log });
    }
    Ok(seen)
}

async fn log_of(
    api: &GitlabApi,
    project: ProjectId,
    hook: u64,
    limit: Duration,
) -> Option<Vec<LoggedAnswer>> {
    within(limit, api.hook_log(HookHome::Project(project), hook)).await.and_then(Result::ok).flatten()
}

/// How the webhooks stand. Of those that flaglink registers the running one knows best: also whether the secrets are in step.
pub(super) fn look(ours: &Ours<'_>, matched: &[Matched], listed: &Listed, reported: &Reported) -> Group {
    let mut findings = Vec::new();
    match reported {
        Reported::All(reports) => {
            let of_gitlab = reports.iter().filter(|report| report.kind != "provider");
            let (in_vain, told): (Vec<_>, Vec<_>) = of_gitlab.partition(|report| is_told_above(report));
            findings.extend(told.into_iter().flat_map(registered));
            findings.extend(not_looked_at(&in_vain));
            for (path, hooks) in seen(matched, listed) {
                let known = |seen: &&Seen| reports.iter().any(|report| report.hook == Some(seen.hook.id));
                findings.extend(hooks.iter().filter(|seen| !known(seen)).filter_map(|seen| left(path, seen)));
            }
            if ours.config.gitlab.takes_by_hand() {
                findings.push(Finding::note(
                    Id::HookThere,
                    "webhooks made by hand are taken as well (`webhook_secret_file`)",
                ));
            }
        }
        Reported::Late(limit) => findings.push(Finding::unseen(
            Id::HookThere,
            format!(
                "the running flaglink does not say within {} s how its webhooks stand: it asks GitLab about each",
                limit.as_secs()
            ),
            "wait longer for it: `flaglink doctor --patience 60`, or `flaglink hooks list`",
        )),
        Reported::Nothing => {
            findings.extend(unseen(matched));
            findings.extend(unread(matched, listed));
            findings.extend(unknown(ours, matched, listed));
            for (at, hooks) in listed {
                let (Some(one), Ok(hooks)) = (matched.get(*at), hooks) else { continue };
                findings.extend(judge(ours, one, hooks));
            }
        }
    }
    let refused = ours.known.status.as_ref().and_then(|status| status.gitlab.webhooks_refused.as_ref());
    if let Some(refused) = refused
        && !findings.iter().any(|finding| finding.id == Id::HookSecret)
    {
        // Of what GitLab shows, its own log tells more.
        let all_seen = !matched.is_empty()
            && matched.iter().all(|one| one.level.unwrap_or(0) >= 40)
            && listed.iter().all(|(_, hooks)| hooks.is_ok());
        findings.extend(by_hand::judge(refused, ours.config, all_seen));
    }
    Group::new(TITLE, findings)
}

/// The projects in which flaglink has registered a webhook with the marker key that is there.
pub(super) fn registered_before<'a>(matched: &'a [Matched], listed: &Listed) -> Vec<&'a str> {
    let has_own = |hooks: &[Seen]| {
        hooks.iter().any(|seen| {
            matches!(seen.whose, Whose::Here | Whose::Elsewhere) && seen.hook.url.contains("/hooks/gitlab/")
        })
    };
    let each = listed.iter().filter(|(_, hooks)| hooks.as_ref().is_ok_and(|hooks| has_own(hooks)));
    each.filter_map(|(at, _)| Some(matched.get(*at)?.project.path.as_str())).collect()
}

/// That flaglink's own cannot be told from others'.
fn unknown(ours: &Ours<'_>, matched: &[Matched], listed: &Listed) -> Option<Finding> {
    let is_unknown = |seen: &Seen| seen.whose == Whose::Unknown;
    let of: Vec<&str> = seen(matched, listed)
        .filter(|(_, hooks)| hooks.iter().any(is_unknown))
        .map(|(path, _)| path)
        .take(5)
        .collect();
    (ours.lost_key && !of.is_empty()).then(|| {
        Finding::note(
            Id::HookThere,
            format!(
                "the webhooks of {} to a flaglink cannot be judged: flaglink knows its own by the marker key, which cannot be read",
                of.join(", ")
            ),
        )
        .with("leave them as they are, mend `marker-key` (below) first, and look again")
    })
}

/// Whether nothing is said of it but that GitLab refuses a token: that is told where the token is looked at.
fn is_told_above(report: &HookReport) -> bool {
    !report.problems.is_empty()
        && report.problems.iter().all(|problem| problem.kind == HookProblemKind::TokenRefused)
}

fn not_looked_at(reports: &[&HookReport]) -> Option<Finding> {
    let named: Vec<&str> = reports.iter().take(5).map(|report| report.name.as_str()).collect();
    let more = reports.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!named.is_empty()).then(|| {
        Finding::note(
            Id::HookThere,
            format!(
                "the webhooks of {}{more} cannot be looked at while GitLab does not accept flaglink's token",
                named.join(", ")
            ),
        )
    })
}

fn seen<'a>(matched: &'a [Matched], listed: &'a Listed) -> impl Iterator<Item = (&'a str, &'a [Seen])> {
    listed.iter().filter_map(|(at, hooks)| {
        let hooks = hooks.as_ref().ok()?;
        Some((matched.get(*at)?.project.path.as_str(), hooks.as_slice()))
    })
}

fn unread(matched: &[Matched], listed: &Listed) -> Vec<Finding> {
    let one = |(at, hooks): &(usize, GitlabResult<Vec<Seen>>)| {
        let (one, error) = (matched.get(*at)?, hooks.as_ref().err()?);
        let path = &one.project.path;
        let says = format!("the webhooks of {path} cannot be read: {error}");
        Some(match error {
            // A token with another scope than `api` has a line of its own, and so has a role that is too small.
            GitlabError::Failed(failure) if failure.status == Some(403) && !failure.is_unauthorized() => {
                Finding::wrong(
                    Id::HookThere,
                    format!("{says}. The bot's role there is enough for it, so something else refuses"),
                    "see that the scope of the token is `api` (above), that no proxy before GitLab refuses /api/v4/projects/…/hooks, \
                     and ask GitLab's administrators whether they restrict webhooks",
                )
            }
            _ => Finding::unseen(Id::HookThere, says, again(error)),
        })
    };
    listed.iter().filter_map(one).collect()
}

fn unseen(matched: &[Matched]) -> Option<Finding> {
    let unseen: Vec<&ProjectDetail> =
        matched.iter().filter(|one| one.level.unwrap_or(0) < 40).map(|one| &one.project).collect();
    if unseen.is_empty() {
        return None;
    }
    let finding = Finding::note(
        Id::HookThere,
        format!(
            "the webhooks of {} cannot be looked at: only a Maintainer's token sees them",
            names(unseen.into_iter())
        ),
    );
    Some(finding.with(
        "in GitLab (Settings → Webhooks) see that there is one to …/hooks/gitlab, for comments, issues and merge requests, the \
         confidential ones too",
    ))
}
