//! What came over the path of webhooks made by hand and was refused, as the running flaglink says.

use super::finding::{Finding, Id};
use super::hook_answers::{secret_is, secret_since};
use crate::cli::words::moment;
use crate::config::Config;
use crate::pipeline::RefusedByHand;

/// What it means. `all_seen`: GitLab shows all webhooks, and what was answered to them.
pub(super) fn judge(refused: &RefusedByHand, config: &Config, all_seen: bool) -> Option<Finding> {
    if all_seen && refused.right_since > 0 {
        return None;
    }
    let (what, todo) = words(refused, secret_is(config));
    if secret_since(config).is_some_and(|since| since > refused.last_at) {
        let says = format!("{what}; that was before flaglink's secret was last changed");
        return Some(Finding::note(Id::HookSecret, says));
    }
    Some(match is_wrong(refused) && !all_seen {
        true => Finding::wrong(Id::HookSecret, what, todo),
        false => Finding::look(Id::HookSecret, what, todo),
    })
}

/// Whether it is GitLab that is refused, as far as can be told: whatever came names it, and nothing that came was right.
pub(in crate::cli) fn is_wrong(refused: &RefusedByHand) -> bool {
    refused.none_right && refused.names_gitlab
}

/// What was refused, and what to do about it. `secret_is`: where flaglink has the secret.
pub(in crate::cli) fn words(refused: &RefusedByHand, secret_is: &str) -> (String, String) {
    let times = match refused.count {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let what = format!(
        "what came to /hooks/gitlab was refused (401) {times}, last at {}, because its secret or signature is missing or wrong",
        moment(refused.last_at)
    );
    let write = format!(
        "write the secret token from {secret_is} into the webhook that was made by hand anew (in GitLab: Settings → Webhooks → \
         Edit), see that no proxy takes headers away, and press Test on it"
    );
    match refused.right_since {
        0 if is_wrong(refused) => {
            (format!("{what}; it names this GitLab as its sender, and nothing that is right has come"), write)
        }
        0 => (what, format!("if GitLab has sent it, {write}; else somebody else has")),
        right => (
            format!("{what}; {right} that were right came since"),
            format!("where several webhooks lead here, one of them may have another secret: {write}"),
        ),
    }
}
