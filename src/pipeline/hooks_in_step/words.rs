//! What went wrong with a webhook, and what to do about it.

use super::report::{HookProblem, HookProblemKind};
use super::spoiled::Spoiled;
use crate::domain::HookTarget;
use crate::gitlab::{GitlabError, LoggedAnswer, Release, has_nothing_to_send};
use crate::net::Failure;

/// Of a request about the webhooks of a project or group. `base`: the address that GitLab was to be told.
pub(super) fn of_gitlab(error: &GitlabError, target: &HookTarget, name: &str, base: &str) -> HookProblem {
    let GitlabError::Failed(failure) = error else { return HookProblem::passing(error.to_string()) };
    match failure.status {
        _ if failure.is_unauthorized() => HookProblem::new(
            format!("GitLab does not accept the token for {name} ({failure})"),
            "Give flaglink a token that is valid and has the scope `api`.",
        )
        .of(HookProblemKind::TokenRefused),
        Some(403 | 404) => not_allowed(target, name),
        Some(400 | 422) => refused(failure, base),
        _ => HookProblem::passing(failure.to_string()),
    }
}

/// A token is refused, so that nothing can be said of the projects that no other one sees.
pub(super) fn token_refused() -> HookProblem {
    HookProblem::new(
        "GitLab does not accept flaglink's token, so it cannot be looked at",
        "Nothing is changed for now. Put a token that is valid and has the scope `api` into its file, then run `flaglink reload` (`systemctl \
         restart flaglink` where systemd hands it over); `flaglink doctor` says which token it is.",
    )
    .of(HookProblemKind::TokenRefused)
}

/// Something on the way to flaglink spoils what comes: to send the secret again does not help.
pub(super) fn spoiled(what: Spoiled, name: &str) -> HookProblem {
    let (kind, what, todo) = match what {
        Spoiled::Header => (
            HookProblemKind::HeaderStripped,
            "what comes over its path has no X-Gitlab-Token, which GitLab sends: a proxy or tunnel before flaglink takes that \
             header away, so all of it is refused (401)",
            "Let it pass on all headers of /hooks/ as they are (X-Gitlab-Token, X-Gitlab-Event, webhook-signature)",
        ),
        Spoiled::Body => (
            HookProblemKind::BodyChanged,
            "what comes over its path has another body than the one that GitLab has signed: a proxy, tunnel or firewall before \
             flaglink changes it, so all of it is refused (401)",
            "Let it pass on the bodies of /hooks/ byte for byte",
        ),
    };
    HookProblem::new(what, format!("{todo}; `flaglink hooks test {name}` tells whether it is past.")).of(kind)
}

/// It is not as it is to be. `changed_elsewhere`: it was, and somebody else has given it another address.
pub(super) fn needs_change(needs: &[String], changed_elsewhere: bool, name: &str) -> HookProblem {
    let what = format!("it needs a change: {}", needs.join(", "));
    let sync = format!("`flaglink hooks sync {name}` puts it right");
    if !changed_elsewhere {
        return HookProblem::new(what, format!("{sync}.")).of(HookProblemKind::NeedsChange);
    }
    HookProblem::new(
        what,
        format!(
            "{sync}. If there is a copy of this installation: stop it, write a key of its own (`openssl rand -hex 32`) into the \
             file that `marker_key_file` in its [store] names, let its [[projects]] match others, and start it again."
        ),
    )
    .of(HookProblemKind::ChangedElsewhere)
}

/// What is signed is refused for its time. `ahead`: by so many seconds it was ahead of this machine's clock.
pub(super) fn clocks_differ(ahead: i64, name: &str) -> HookProblem {
    HookProblem::new(
        format!(
            "what GitLab signs is refused (401) for its time, which is {}; signatures are good for five minutes",
            self::ahead(ahead)
        ),
        format!(
            "Let this machine (or GitLab) get its time from NTP (`timedatectl status` says whether it does); its secret is not the \
             matter. `flaglink hooks test {name}` tells whether it is past."
        ),
    )
    .of(HookProblemKind::ClocksDiffer)
}

/// How far a moment is from this machine's clock.
pub(super) fn ahead(seconds: i64) -> String {
    let way = if seconds > 0 { "ahead of" } else { "behind" };
    format!("{} s {way} this machine's clock", seconds.unsigned_abs())
}

/// There is none of ours.
pub(super) fn not_there(name: &str) -> HookProblem {
    HookProblem::new(
        "there is no webhook of this flaglink",
        format!("`flaglink hooks sync {name}` makes it."),
    )
    .of(HookProblemKind::NotThere)
}

/// Somebody else makes them, and flaglink has none tested but its own.
pub(super) fn made_by_hand() -> HookProblem {
    HookProblem::new(
        "flaglink registers no webhooks, as [gitlab] says, and can have none tested but its own",
        "Test the one that was made by hand in GitLab (Settings → Webhooks → Test): `flaglink doctor` says how such ones stand.",
    )
}

/// The newest delivery was not taken.
pub(super) fn not_taken(newest: &LoggedAnswer, name: &str) -> HookProblem {
    HookProblem::new(
        format!("GitLab's newest delivery was answered {}", newest.words()),
        format!("{} `flaglink hooks test {name}` tells whether it is past.", sentence(newest.remedy())),
    )
    .of(HookProblemKind::NotTaken)
}

/// Whether GitLab tells that a delivery was answered so: in its own words, or, where those say nothing of it, by what its log has.
fn was_answered(said: &str, newest: Option<&LoggedAnswer>, status: &str) -> bool {
    let mut words = said.split(|c: char| !c.is_ascii_alphanumeric());
    match words.find(|word| matches!(*word, "401" | "404")) {
        Some(told) => told == status,
        None => !is_of_certificate(said) && newest.is_some_and(|newest| newest.answer == status),
    }
}

/// Whether GitLab's words are about a certificate.
fn is_of_certificate(said: &str) -> bool {
    let said = said.to_lowercase();
    said.contains("certificate") || said.contains("ssl")
}

/// Whether a delivery was refused (401) by what answers at the address.
pub(super) fn was_refused(error: &GitlabError, newest: Option<&LoggedAnswer>) -> bool {
    let refused = |failure: &Failure| was_answered(&failure.said, newest, "401");
    matches!(error, GitlabError::Failed(failure) if !failure.is_unauthorized() && refused(failure))
}

/// Half a sentence as a whole one.
fn sentence(half: &str) -> String {
    let mut letters = half.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase).collect::<String>();
    let end = if half.ends_with('?') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// What to do about a delivery that GitLab could not make; `newest` is what its log has of it.
pub(super) fn undelivered(error: &GitlabError, name: &str, newest: Option<&LoggedAnswer>) -> String {
    let said = match error {
        GitlabError::Failed(failure) if !has_nothing_to_send(failure) => failure.said.as_str(),
        _ => return "Open an issue in a project there, or write a comment, and try again.".to_owned(),
    };
    let says = |status: &str| was_answered(said, newest, status);
    if says("401") {
        return format!(
            "What was sent is not accepted: the secret in GitLab is another one (`flaglink hooks sync {name}` sends it again), or \
             this machine's clock and GitLab's are more than five minutes apart."
        );
    }
    if says("404") {
        return "Something else answers at that address, or a proxy takes a part of the path away: point it at `webhooks` in \
                [listen]."
            .to_owned();
    }
    if is_of_certificate(said) {
        return "GitLab does not trust the certificate at flaglink's public address: use one that it trusts, or have an admin of \
                GitLab add your CA to those that it trusts."
            .to_owned();
    }
    match newest {
        Some(newest) => sentence(newest.remedy()),
        None => "See to it that GitLab reaches flaglink at its public address.".to_owned(),
    }
}

/// GitLab answers 403 to a member whose role is too small, and 404 to somebody who may not even know; for groups also where
/// it is not Premium (`ee/lib/api/group_hooks.rs`).
fn not_allowed(target: &HookTarget, name: &str) -> HookProblem {
    match target {
        HookTarget::Group(_) => HookProblem::new(
            format!("GitLab does not let flaglink see or make webhooks of the group {name}"),
            "Webhooks of groups need GitLab Premium, and the bot has to be an Owner of the group; else write `hooks = \
             \"project\"` in that [[projects]] entry.",
        ),
        _ => HookProblem::new(
            format!(
                "GitLab does not let flaglink see or make webhooks of {name}: the bot's role there is too small"
            ),
            "Make the bot a Maintainer of the project; or make the webhook by hand, with `hooks = \"none\"` in that [[projects]] entry, and \
             `webhook_secret_file` and `register_hooks = true` in [gitlab] (docs/webhooks.md, By hand).",
        ),
    }
}

/// It is not wanted any more, and GitLab lets no token of ours remove it.
pub(super) fn may_not_remove(hook: Option<u64>, name: &str) -> HookProblem {
    let which = hook.map_or_else(|| "flaglink's webhook".to_owned(), |hook| format!("webhook {hook}"));
    HookProblem::new(
        format!("the bot may not remove {which} of {name}; its path is closed"),
        format!(
            "Remove it by hand in GitLab (Settings, Webhooks); after that `flaglink hooks remove {name}` makes flaglink forget it."
        ),
    )
}

/// Only signed deliveries are taken, and this GitLab signs none.
pub(super) fn signs_none(release: &Release) -> HookProblem {
    HookProblem::new(
        format!("this GitLab ({release}) signs no webhooks, and `require_signature` takes only signed ones"),
        "Take `require_signature` out of [gitlab], or bring GitLab to 19.0 or later; until then none is registered, and what is \
         new is caught up.",
    )
}

/// Only signed deliveries are taken, and it is not known whether this GitLab signs them.
pub(super) fn signs_perhaps() -> HookProblem {
    HookProblem::passing(
        "GitLab does not say which version it is, and `require_signature` needs one that signs webhooks",
    )
}

fn refused(failure: &Failure, base: &str) -> HookProblem {
    let said = failure.said.to_lowercase();
    if said.contains("url") {
        return HookProblem::new(
            format!("GitLab does not take the address {base} ({})", failure.said),
            "If it is in your own network, an administrator of GitLab has to allow it: Admin area, Settings, Network, Outbound \
             requests, \"Allow requests to the local network from webhooks and integrations\", or the list of allowed \
             addresses there.",
        );
    }
    if said.contains("maximum") || said.contains("exceeded") {
        return HookProblem::new(
            format!("GitLab takes no more webhooks there ({})", failure.said),
            "Take away one that nobody needs: GitLab allows a hundred in a project and fifty in a group.",
        );
    }
    HookProblem::new(
        format!("GitLab refused the webhook ({failure})"),
        "What GitLab says there has to be put right; flaglink tries again by itself.",
    )
}

/// There is no public address.
pub(super) fn no_address() -> HookProblem {
    HookProblem::new(
        "no public address of flaglink is known",
        "Write `public_url` in [listen], or see to it that the tunnel runs.",
    )
}

/// The store refused.
pub(super) fn of_store(error: &impl std::fmt::Display) -> HookProblem {
    HookProblem::passing(error.to_string())
}
