//! What webhooks claim of a flag, against what was then read: who is named for a change, and for which.

use jiff::SignedDuration;

use super::Entry;
use crate::domain::{Change, ChangeKind, Claim, EnvironmentState, FlagRecord, FlagState};

/// A webhook that comes within this time after a change was noticed can still say who it was.
pub(super) const NAMED_LATER: SignedDuration = SignedDuration::from_mins(10);
/// How far the flag service's clock may be ahead of ours there.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(1);

/// Whether a claim about what shows in a state is not what the state shows.
pub(super) fn contradicts(claim: &Claim, state: &FlagState) -> bool {
    if !claim.visible {
        return false;
    }
    if claim.everywhere {
        // Where it is on it need not be on everywhere, but where it is off it is off everywhere.
        return claim.on == Some(false) && state.environments.iter().any(|shown| shown.on);
    }
    let Some(name) = &claim.environment else { return false };
    let Some(shown) = state.environment(name) else { return true };
    claim.on.is_some_and(|on| on != shown.on)
        || claim.value.as_ref().is_some_and(|value| value != &shown.value)
}

/// Whether a strategy there has the share that is claimed.
fn has_share(state: &EnvironmentState, claimed: Option<f32>) -> bool {
    let Some(claimed) = claimed else { return true };
    let same = |share: f64| (share - f64::from(claimed)).abs() < 0.01;
    if state.strategies.is_empty() {
        return same(state.rollout.unwrap_or(100.0));
    }
    state.strategies.iter().any(|strategy| strategy.share.is_some_and(same))
}

/// Whether a claim is about this change, and says of it what was read.
fn agrees(claim: &Claim, what: &ChangeKind) -> bool {
    match (what, &claim.environment) {
        (ChangeKind::Environment { before, after }, Some(name)) => {
            // Who changed a strategy is not who switched, and the other way round.
            let switched = before.as_ref().map(|before| before.on != after.on);
            let fits = match (claim.on, &claim.value) {
                (None, None) => !claim.not_of_on || switched != Some(true),
                (Some(on), None) => switched != Some(false) && on == after.on,
                (on, Some(value)) => on.is_none_or(|on| on == after.on) && value == &after.value,
            };
            after.environment.eq_ignore_ascii_case(name) && fits && has_share(after, claim.share)
        }
        (ChangeKind::Environment { before, after }, None) => {
            let switched = before.as_ref().is_some_and(|before| before.on != after.on);
            claim.everywhere && switched && claim.on.is_none_or(|on| on == after.on)
        }
        (ChangeKind::EnvironmentGone(_) | ChangeKind::Missing | ChangeKind::Back, _) => false,
        (ChangeKind::Archived(now), None) => {
            !claim.everywhere && claim.stale.is_none() && claim.archived.is_none_or(|claimed| claimed == *now)
        }
        (ChangeKind::Stale(now), None) => {
            !claim.everywhere && claim.archived.is_none() && claim.stale.is_none_or(|claimed| claimed == *now)
        }
        (ChangeKind::Archived(_) | ChangeKind::Stale(_), Some(_)) => false,
    }
}

/// Whether nobody claims this switch, but something else that was done there: then its own webhook is on its way.
pub(super) fn is_named_next(what: &ChangeKind, claims: &[Claim]) -> bool {
    let ChangeKind::Environment { before: Some(before), after } = what else { return false };
    let there = |claim: &Claim| {
        claim.environment.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&after.environment))
    };
    before.on != after.on
        && claims.iter().any(|claim| claim.not_of_on && there(claim))
        && !claims.iter().any(|claim| agrees(claim, what))
}

/// Who did it and why is believed only where a claim matches what was read; of several the newest, which made it so.
pub(super) fn attributed(what: ChangeKind, claims: &[Claim], entry: Entry) -> Change {
    let believed = claims.iter().find(|claim| agrees(claim, &what));
    Change {
        at: believed.and_then(|claim| claim.at).filter(|at| *at <= entry.now).unwrap_or(entry.now),
        by: believed.and_then(|claim| claim.by.clone()).filter(|by| !by.is_empty()),
        reason: believed.and_then(|claim| claim.reason.clone()).filter(|reason| !reason.is_empty()),
        what,
        asked_on: None,
    }
}

/// Where several things change at once, the first webhook (or a poll) makes all of them seen, and each webhook names
/// the author of one. What comes after the fact is put beside the last change there, if nobody is named for it yet: that change,
/// with its author, is returned.
pub(super) fn name_author(record: &mut FlagRecord, claim: &Claim) -> Option<Change> {
    let (by, at) = (claim.by.as_ref()?, claim.at?);
    let here = |change: &&mut Change| match (&change.what, &claim.environment) {
        (ChangeKind::Environment { after, .. }, Some(name)) => after.environment.eq_ignore_ascii_case(name),
        (ChangeKind::Archived(_), None) => claim.archived.is_some(),
        (ChangeKind::Stale(_), None) => claim.stale.is_some(),
        _ => false,
    };
    let last = record.history.iter_mut().rev().find(here)?;
    let after = last.at.duration_since(at);
    if last.by.is_some() || by.is_empty() || !agrees(claim, &last.what) {
        return None;
    }
    if after > NAMED_LATER || after < -CLOCK_SLACK {
        return None;
    }
    last.by = Some(by.clone());
    last.reason = claim.reason.clone().filter(|reason| !reason.is_empty());
    last.at = last.at.min(at);
    Some(last.clone())
}
