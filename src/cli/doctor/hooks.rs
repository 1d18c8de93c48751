//! GitLab's webhooks: there, to the right address, for the right events, not switched off, and what was answered lately.

use std::time::Duration;

use tokio::task::JoinSet;
use url::Url;

use super::finding::{Finding, Group, Id, Repair};
use super::gitlab::{Access, late};
use super::projects::{Matched, names};
use super::within;
use crate::config::Config;
use crate::domain::ProjectId;
use crate::gitlab::{GitlabApi, GitlabResult, Hook, HookState, LoggedAnswer, ProjectDetail};
use crate::pipeline::{HookProblem, HookReport, HookStanding};

/// Where GitLab's webhooks come in at any flaglink, below its address.
const PATH: &str = "hooks/gitlab";

const TITLE: &str = "GitLab's webhooks";

/// What a hook is sent for, and what GitLab's page calls it.
const EVENTS: [(&str, &str); 5] = [
    ("note_events", "Comments"),
    ("confidential_note_events", "Confidential comments"),
    ("issues_events", "Issues events"),
    ("confidential_issues_events", "Confidential issues events"),
    ("merge_requests_events", "Merge request events"),
];

/// Looks at the webhooks of all projects in which they may be seen.
pub(super) async fn look(
    config: &Config,
    all: &[Access],
    matched: &[Matched],
    public: Option<&Url>,
    reports: Option<&[HookReport]>,
    limit: Duration,
) -> Group {
    let mut findings = Vec::new();
    if let Some(reports) = reports {
        // What was registered, flaglink itself knows best: also whether the secrets are in step.
        let of_gitlab = reports.iter().filter(|report| report.kind != "provider");
        findings.extend(of_gitlab.flat_map(registered));
        if !config.gitlab.webhook_secrets.is_empty() || !config.gitlab.signing_tokens.is_empty() {
            findings.push(Finding::note(
                Id::HookThere,
                "webhooks made by hand are taken as well (`webhook_secret_file`)",
            ));
        }
        return Group::new(TITLE, findings);
    }
    let unseen: Vec<&ProjectDetail> =
        matched.iter().filter(|one| one.level.unwrap_or(0) < 40).map(|one| &one.project).collect();
    if !unseen.is_empty() {
        findings.push(
            Finding::note(
                Id::HookThere,
                format!(
                    "the webhooks of {} cannot be looked at: only a Maintainer's token sees them",
                    names(unseen.into_iter())
                ),
            )
            .with(
                "in GitLab (Settings → Webhooks) see that there is one to …/hooks/gitlab, for comments, issues and merge \
                 requests, the confidential ones too",
            ),
        );
    }
    let mut asked = JoinSet::new();
    for (at, one) in matched.iter().enumerate().filter(|(_, one)| one.level.unwrap_or(0) >= 40) {
        let Some(access) = all.get(one.access) else { continue };
        let (api, project, public) = (access.api.clone(), one.project.id, public.cloned());
        asked.spawn(async move { (at, read(&api, project, public.as_ref(), limit).await) });
    }
    let mut told = Vec::new();
    while let Some(one) = asked.join_next().await {
        told.extend(one);
    }
    told.sort_by_key(|(at, _)| *at);
    for (at, hooks) in told {
        let Some(one) = matched.get(at) else { continue };
        let path = &one.project.path;
        match hooks {
            Ok(hooks) => findings.extend(judge(config, one, &hooks, public)),
            Err(error) => findings.push(Finding::look(
                Id::HookThere,
                format!("the webhooks of {path} cannot be read: {error}"),
                "look again later",
            )),
        }
    }
    Group::new(TITLE, findings)
}

/// One that flaglink registers itself.
fn registered(report: &HookReport) -> Vec<Finding> {
    let name = &report.name;
    let url = report.url.as_deref().map(bare).unwrap_or_default();
    if report.problems.is_empty() {
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
    let failed_with = |status: &str| {
        report.failures.iter().flatten().next().is_some_and(|failure| failure.status == status)
    };
    let off = report.alert_status.as_deref().is_some_and(|status| status != "executable");
    let id = match report.standing {
        HookStanding::Missing | HookStanding::Unknown | HookStanding::Off => Id::HookThere,
        _ if report.address_right == Some(false) => Id::HookThere,
        _ if off => Id::HookOff,
        _ if !report.events_missing.is_empty() => Id::HookEvents,
        _ if report.secret_in_step == Some(false) || failed_with("401") => Id::HookSecret,
        _ => Id::HookAnswers,
    };
    let wrong = |problem: &HookProblem| {
        let says = format!("the webhook of {name}: {}", problem.what);
        match report.standing {
            HookStanding::Right | HookStanding::Off => Finding::look(id, says, problem.todo.clone()),
            _ => Finding::wrong(id, says, problem.todo.clone()).repaired_by(Repair::SyncHooks),
        }
    };
    report.problems.iter().map(wrong).collect()
}

/// A webhook that leads to a flaglink, and its newest answers.
struct Seen {
    hook: Hook,
    /// It leads to this one.
    here: bool,
    log: Option<Vec<LoggedAnswer>>,
}

async fn read(
    api: &GitlabApi,
    project: ProjectId,
    public: Option<&Url>,
    limit: Duration,
) -> GitlabResult<Vec<Seen>> {
    let hooks = within(limit, api.hooks(project)).await.unwrap_or_else(|| Err(late(limit)))?;
    let mut seen = Vec::new();
    for hook in hooks {
        let Some(here) = leads(&hook.url, public) else { continue };
        let log = match here {
            true => within(limit, api.hook_log(project, hook.id)).await.and_then(Result::ok).flatten(),
            false => None,
        };
        seen.push(Seen { hook, here, log });
    }
    Ok(seen)
}

/// Whether a webhook leads to a flaglink at all (`None`: it does not), and to this one. Where no address is known, any may.
fn leads(url: &str, public: Option<&Url>) -> Option<bool> {
    let url = Url::parse(url).ok()?;
    let before = match url.path().split_once(PATH) {
        Some((before, rest)) if rest.is_empty() || rest.starts_with('/') => before,
        _ => return None,
    };
    if !before.ends_with('/') {
        return None;
    }
    let Some(public) = public else { return Some(true) };
    let same = url.scheme() == public.scheme()
        && url.host() == public.host()
        && url.port_or_known_default() == public.port_or_known_default()
        && before == public.path();
    Some(same)
}

fn judge(config: &Config, one: &Matched, hooks: &[Seen], public: Option<&Url>) -> Vec<Finding> {
    let path = &one.project.path;
    let here: Vec<&Seen> = hooks.iter().filter(|seen| seen.here).collect();
    if here.is_empty() {
        let target = public.map_or_else(|| format!("…/{PATH}"), |public| format!("{public}{PATH}"));
        let others: Vec<String> = hooks.iter().map(|seen| bare(&seen.hook.url)).collect();
        return vec![if others.is_empty() && config.gitlab.register_hooks {
            Finding::note(
                Id::HookThere,
                format!("{path} has no webhook that leads here yet; flaglink registers it when it starts"),
            )
        } else if others.is_empty() {
            Finding::wrong(
                Id::HookThere,
                format!("{path} has no webhook that leads here, so comments there are noticed late or never"),
                format!("`flaglink hooks sync` makes it; by hand: Settings → Webhooks, URL {target}, with the secret token"),
            )
            .repaired_by(Repair::SyncHooks)
        } else {
            Finding::wrong(
                Id::HookThere,
                format!("the webhook of {path} leads to {}, and flaglink is at {target}", others.join(" and ")),
                "the address has changed, or that is another flaglink's: `flaglink hooks sync` puts ours right, by hand \
                 change the URL and write the secret token anew with it",
            )
            .repaired_by(Repair::SyncHooks)
        }];
    }
    let mut findings = Vec::new();
    for seen in &here {
        findings.extend(judge_one(config, one, seen));
    }
    if findings.is_empty() {
        let target = here.first().map(|seen| bare(&seen.hook.url)).unwrap_or_default();
        findings.push(Finding::good(
            Id::HookThere,
            format!("the webhook of {path} leads to {target}, and all is well with it"),
        ));
    }
    findings
}

/// An address without what may be secret in it.
fn bare(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    match Url::parse(url) {
        Ok(mut url) => {
            let _ = url.set_password(None);
            let _ = url.set_username("");
            url.to_string()
        }
        Err(_) => url.to_owned(),
    }
}

fn judge_one(config: &Config, one: &Matched, seen: &Seen) -> Vec<Finding> {
    let (path, hook) = (&one.project.path, &seen.hook);
    let rule = config.rules.rules.get(one.rule);
    let native = |name: &String| {
        config.providers.iter().any(|provider| provider.name == *name && provider.kind == "gitlab")
    };
    let native = rule.is_some_and(|rule| rule.providers.iter().any(native));
    let mut needed = EVENTS.to_vec();
    if native {
        needed.push(("feature_flag_events", "Feature flag events"));
    }
    let mut findings = Vec::new();
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(event, _)| !hook.triggers.iter().any(|has| has == event))
        .map(|(_, words)| *words)
        .collect();
    if !missing.is_empty() {
        findings.push(
            Finding::wrong(
                Id::HookEvents,
                format!("the webhook of {path} is not sent for: {}", missing.join(", ")),
                "tick these boxes on it (Settings → Webhooks → Edit), or run `flaglink hooks sync`",
            )
            .repaired_by(Repair::SyncHooks),
        );
    }
    if hook.state != HookState::On {
        let how = if hook.state == HookState::Off { "for good" } else { "for a while" };
        findings.push(
            Finding::wrong(
                Id::HookOff,
                format!("GitLab has switched off the webhook of {path} {how}, because too many deliveries failed"),
                "mend what the answers below say, then press Test → Comments on it in GitLab, or run `flaglink doctor --fix`",
            )
            .repaired_by(Repair::TestHook {
                project: one.project.id,
                hook: hook.id,
                triggers: hook.triggers.clone(),
                rule: rule.map(|rule| rule.pattern.clone()).unwrap_or_default(),
            }),
        );
    }
    findings.extend(answers(path, seen.log.as_deref()));
    findings
}

/// What the newest answers tell.
fn answers(path: &str, log: Option<&[LoggedAnswer]>) -> Option<Finding> {
    let log = log?;
    let newest = log.first()?;
    let failed = log.iter().filter(|answer| !answer.is_good()).count();
    if newest.is_good() {
        return (failed > 0).then(|| {
            Finding::note(
                Id::HookAnswers,
                format!(
                    "{failed} of the last {} deliveries from {path} failed, and the newest came through",
                    log.len()
                ),
            )
        });
    }
    let at = newest.at.map(crate::cli::words::moment).unwrap_or_default();
    let says = format!("the newest delivery from {path} was answered {} ({at})", newest.answer);
    Some(match newest.status() {
        Some(401) => Finding::wrong(
            Id::HookSecret,
            format!("{says}: the secret of the webhook is not the one that flaglink has"),
            "write the secret token from the file that `webhook_secret_file` in [gitlab] names into the webhook anew (Settings \
             → Webhooks → Edit); `flaglink hooks sync` does it for webhooks that flaglink made",
        )
        .repaired_by(Repair::SyncHooks),
        Some(404) => Finding::wrong(
            Id::HookAnswers,
            says,
            "the address leads past flaglink, or flaglink has no secret for it: see the address below, and the path \
             …/hooks/gitlab",
        ),
        Some(502 | 504) => Finding::wrong(
            Id::HookAnswers,
            says,
            "the tunnel or the proxy answers and flaglink does not: does it run, and does the proxy point at its \
             `listen.webhooks`?",
        ),
        Some(503) => Finding::wrong(
            Id::HookAnswers,
            says,
            "flaglink could not keep it: `daemon-ready` below says why (a full disk, too much that waits)",
        ),
        Some(_) => Finding::wrong(Id::HookAnswers, says, "see what answers at that address: it may not be flaglink"),
        None => Finding::wrong(
            Id::HookAnswers,
            says,
            "GitLab reached nobody: is the address right and its certificate good? To addresses in private networks GitLab \
             sends only where an admin allows it (Admin → Settings → Network → Outbound requests)",
        ),
    })
}
