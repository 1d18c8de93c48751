//! A webhook that GitLab has switched off, because it could not be delivered: what is said of it, and switching it on again.

use super::Office;
use super::report::{HookFailure, HookProblem};
use super::targets::Wanted;
use super::words;
use crate::gitlab::{Hook, HookState};

/// What would be done about it, for people.
pub(super) fn would(hook: &Hook) -> String {
    format!("webhook {} switched on again, by a test", hook.id)
}

/// Switches it on again where somebody asked for it. Else those of projects are left to catching up, which has their log as
/// well, and of a group's it is said.
pub(super) async fn on(
    office: &Office<'_>,
    wanted: &Wanted,
    hook: &Hook,
    asked_for: bool,
) -> Result<Option<String>, HookProblem> {
    if !asked_for {
        return if wanted.is_group() { Err(problem(hook, &wanted.name, None)) } else { Ok(None) };
    }
    match wanted.gitlab.switch_on_hook(wanted.home, hook).await {
        Ok(()) => {
            tracing::info!(of = wanted.name, hook = hook.id, "the webhook is switched on again");
            office.world.metrics().hook_test("on");
            office.live().switched_on(hook.id);
            Ok(Some(format!("webhook {} switched on again", hook.id)))
        }
        Err(error) => {
            office.world.metrics().hook_test("failed");
            Err(HookProblem::new(
                format!("{}, and a test did not switch it on again ({error})", what(hook)),
                words::undelivered(&error, &wanted.name, None),
            ))
        }
    }
}

/// GitLab has switched it off.
pub(super) fn problem(hook: &Hook, name: &str, failures: Option<&[HookFailure]>) -> HookProblem {
    let last = failures.and_then(<[_]>::first).map(|last| {
        let answer = if last.answer.is_empty() { String::new() } else { format!(", {}", last.answer) };
        format!("; the last answer was {}{answer}", last.status)
    });
    HookProblem::new(
        format!("{}{}", what(hook), last.unwrap_or_default()),
        format!(
            "See to it that GitLab reaches flaglink at that address; `flaglink hooks test {name}` switches it on again."
        ),
    )
}

fn what(hook: &Hook) -> String {
    let how = if hook.state == HookState::Off { "for good" } else { "for a while" };
    format!("GitLab has switched it off {how}, because it could not be delivered")
}
