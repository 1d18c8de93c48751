//! One project's webhooks as GitLab has them: to the right address, for the right events, not switched off.

use url::Url;

use super::finding::{Finding, Id, Repair, Standing};
use super::hook_answers::{Answers, secret_is};
use super::ours::Ours;
use super::projects::Matched;
use super::whose::Whose;
use crate::domain::{HookRecord, HookTarget};
use crate::flags::lives_in_gitlab;
use crate::gitlab::{Hook, HookState, LoggedAnswer, needed_triggers};

/// Where GitLab's webhooks come in at any flaglink, below its address.
const PATH: &str = "hooks/gitlab";

/// A webhook that leads to a flaglink, and its newest answers.
pub(super) struct Seen {
    /// The webhook.
    pub(super) hook: Hook,
    /// Whose it is.
    pub(super) whose: Whose,
    /// What was answered lately, where GitLab tells.
    pub(super) log: Option<Vec<LoggedAnswer>>,
}

/// What is found about the webhooks of one project.
pub(super) fn judge(ours: &Ours<'_>, one: &Matched, hooks: &[Seen]) -> Vec<Finding> {
    let path = &one.project.path;
    let here: Vec<&Seen> =
        hooks.iter().filter(|seen| matches!(seen.whose, Whose::Here | Whose::Perhaps)).collect();
    // Of several that may lead here some are others'.
    let unsure = here.len() > 1 && here.iter().all(|seen| seen.whose == Whose::Perhaps);
    let mut findings = Vec::new();
    // Ours may be among those that are not known.
    let told = ours.lost_key && ours.config.gitlab.register_hooks;
    if here.is_empty() && !told {
        findings.push(missing(ours, one, hooks));
    }
    for seen in &here {
        findings.extend(judge_one(ours, one, seen).into_iter().map(|finding| doubted(finding, unsure)));
    }
    if findings.is_empty() {
        findings.extend(here.first().map(|seen| well(path, seen)));
    }
    findings.extend(hooks.iter().filter_map(|seen| left(path, seen)));
    findings
}

/// What may be another's trouble is not called wrong.
fn doubted(finding: Finding, unsure: bool) -> Finding {
    if !unsure || finding.standing != Standing::Wrong {
        return finding;
    }
    let says = format!("{}. It may be another flaglink's: no `public_url` tells them apart", finding.says);
    Finding { says, standing: Standing::Look, repair: None, ..finding }
}

fn well(path: &str, seen: &Seen) -> Finding {
    let target = bare(&seen.hook.url);
    if seen.whose == Whose::Here {
        let says = format!("the webhook of {path} leads to {target}, and all is well with it");
        return Finding::good(Id::HookThere, says);
    }
    let says = format!("{path} has a webhook to {target}; whether that is this flaglink is not known");
    Finding::note(Id::HookThere, says).with("write `public_url` in [listen], and it is compared")
}

/// One at our address that nobody takes, or another flaglink's.
pub(super) fn left(path: &str, seen: &Seen) -> Option<Finding> {
    if seen.whose == Whose::OtherFlaglink {
        return Some(Finding::look(
            Id::HookThere,
            format!(
                "{path} also has the webhook of another flaglink, which leads to {}",
                bare(&seen.hook.url)
            ),
            "where both are at work each command is answered twice: let the [[projects]] of only one of them match it. One that \
             nobody needs any more is removed in GitLab (Settings → Webhooks)",
        ));
    }
    (seen.whose == Whose::Left).then(|| {
        Finding::look(
            Id::HookThere,
            format!(
                "the webhook {} of {path} leads to {}, which is this flaglink's address and not a path of its own: an \
                 earlier installation's, or another one's",
                seen.hook.id,
                bare(&seen.hook.url)
            ),
            "remove it in GitLab (Settings → Webhooks) when no other flaglink uses it: what it sends is refused",
        )
    })
}

fn missing(ours: &Ours<'_>, one: &Matched, hooks: &[Seen]) -> Finding {
    let path = &one.project.path;
    let target = ours.public.map_or_else(|| format!("…/{PATH}"), |public| format!("{public}{PATH}"));
    let elsewhere = hooks.iter().filter(|seen| seen.whose == Whose::Elsewhere);
    let others: Vec<String> = elsewhere.map(|seen| bare(&seen.hook.url)).collect();
    let registers = ours.config.gitlab.register_hooks;
    if !others.is_empty() {
        let says =
            format!("the webhook of {path} leads to {}, and flaglink is at {target}", others.join(" and "));
        return match registers {
            true => Finding::wrong(
                Id::HookThere,
                says,
                "the address has changed: `flaglink hooks sync` puts it right",
            )
            .repaired_by(Repair::SyncHooks),
            false => Finding::wrong(
                Id::HookThere,
                says,
                format!(
                    "the address has changed, or that is another flaglink's. Change its URL in GitLab and write the secret \
                     token anew with it; {}",
                    let_it_register(ours)
                ),
            ),
        };
    }
    if registers {
        return not_yet(ours, one);
    }
    Finding::wrong(
        Id::HookThere,
        format!("{path} has no webhook that leads here, so comments there are noticed late or never"),
        format!(
            "make it in GitLab: Settings → Webhooks, URL {target}, with the secret token from {}; {}",
            secret_is(ours.config),
            let_it_register(ours)
        ),
    )
}

/// What to do so that flaglink makes webhooks itself.
fn let_it_register(ours: &Ours<'_>) -> String {
    let address = match ours.config.listen.public_url.is_some() || ours.config.listen.public_auto {
        true => "",
        false => "write `public_url` in [listen], ",
    };
    format!(
        "or let flaglink make its own: {address}take `webhook_secret_file` and `signing_token_file` out of [gitlab], start it \
         again, and `flaglink hooks sync` tells what became of it"
    )
}

/// One that flaglink registers when it runs, unless it was refused.
fn not_yet(ours: &Ours<'_>, one: &Matched) -> Finding {
    let path = &one.project.path;
    let target = HookTarget::Project(one.project.id);
    let record = ours.known.records.iter().find(|record| record.target == target);
    if record.is_some_and(|record| record.off) {
        let says = format!("the webhook of {path} was taken away with `flaglink hooks remove`");
        return Finding::note(Id::HookThere, says)
            .with(format!("`flaglink hooks sync {path}` makes it again"));
    }
    match record.and_then(|record: &HookRecord| record.trouble.as_deref()) {
        Some(trouble) => Finding::wrong(
            Id::HookThere,
            format!("{path} has no webhook of this flaglink: when it was last tried, {trouble}"),
            format!(
                "put that right; flaglink tries again when it runs, and `flaglink hooks sync {path}` at once"
            ),
        ),
        None => Finding::note(
            Id::HookThere,
            format!("{path} has no webhook of this flaglink yet; it is registered when flaglink starts"),
        ),
    }
}

/// An address without what may be secret in it.
pub(super) fn bare(url: &str) -> String {
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

fn judge_one(ours: &Ours<'_>, one: &Matched, seen: &Seen) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(events(ours, one, &seen.hook));
    findings.extend(off(ours, one, &seen.hook));
    let answers = Answers::new(ours, &one.project.path, &seen.hook);
    findings.extend(answers.judge(seen.log.as_deref()));
    findings
}

fn events(ours: &Ours<'_>, one: &Matched, hook: &Hook) -> Option<Finding> {
    let config = ours.config;
    let native = |name: &String| {
        config.providers.iter().any(|provider| provider.name == *name && lives_in_gitlab(&provider.kind))
    };
    let rule = config.rules.rules.get(one.rule);
    let needed = needed_triggers(rule.is_some_and(|rule| rule.providers.iter().any(native)));
    let missing: Vec<&str> = needed
        .filter(|trigger| !hook.triggers.iter().any(|has| has == trigger.key))
        .map(|trigger| trigger.title)
        .collect();
    if missing.is_empty() {
        return None;
    }
    let says = format!("the webhook of {} is not sent for: {}", one.project.path, missing.join(", "));
    let tick = "tick these boxes on it (Settings → Webhooks → Edit)";
    Some(match config.gitlab.register_hooks && !config.gitlab.takes_by_hand() {
        true => Finding::wrong(Id::HookEvents, says, format!("{tick}, or run `flaglink hooks sync`"))
            .repaired_by(Repair::SyncHooks),
        false => Finding::wrong(Id::HookEvents, says, tick),
    })
}

fn off(ours: &Ours<'_>, one: &Matched, hook: &Hook) -> Option<Finding> {
    if hook.state == HookState::On {
        return None;
    }
    let how = if hook.state == HookState::Off { "for good" } else { "for a while" };
    let rule = ours.config.rules.rules.get(one.rule);
    let finding = Finding::wrong(
        Id::HookOff,
        format!(
            "GitLab has switched off the webhook of {} {how}, because too many deliveries failed",
            one.project.path
        ),
        "see to it that GitLab reaches flaglink at its address, then press Test → Comments on it in GitLab, or run \
         `flaglink doctor --fix`",
    );
    Some(finding.repaired_by(Repair::TestHook {
        project: one.project.id,
        hook: hook.id,
        triggers: hook.triggers.clone(),
        rule: rule.map(|rule| rule.pattern.clone()).unwrap_or_default(),
    }))
}
