//! Which part of a change each claim accounts for, and whose the whole of it is.

use jiff::Timestamp;

use crate::domain::{ChangeKind, Claim, EnvironmentState, StatePart, Variant};

/// Everything that can change about a flag in an environment.
const PARTS: [StatePart; 3] = [StatePart::On, StatePart::Value, StatePart::Details];

/// People who account for all of a change.
pub(super) struct Share {
    /// They, in order; at least one.
    pub(super) people: Vec<String>,
    /// When the last of them did it.
    pub(super) at: Option<Timestamp>,
    /// Why.
    pub(super) reason: Option<String>,
}

impl Share {
    /// Those who account for it by these claims, the oldest first. `None`: for part of it nobody does.
    pub(super) fn of(heard: &[Claim], what: &ChangeKind) -> Option<Self> {
        let somebody = |claim: &&Claim| claim.by.as_ref().is_some_and(|by| !by.is_empty());
        let mut heard: Vec<&Claim> = heard.iter().filter(somebody).collect();
        // The sort is stable: what says no moment came when it came.
        heard.sort_by_key(|claim| claim.at);
        let mut believed: Vec<&Claim> = Vec::new();
        for part in changed(what) {
            if part == StatePart::Details {
                believed.extend(who_changed_details(&heard, what)?);
                continue;
            }
            let closeness = heard.iter().filter_map(|claim| word_about(claim, part, what)).min()?;
            let mut closest = heard.iter().filter(|claim| word_about(claim, part, what) == Some(closeness));
            match closeness {
                // Nobody says which of them it was.
                Closeness::Anything => believed.extend(closest),
                Closeness::State => believed.push(first_to_show(&heard, part, what)?),
                _ => believed.extend(closest.next_back()),
            }
        }
        believed.sort_by_key(|claim| claim.at);
        let mut people: Vec<String> = Vec::new();
        for by in believed.iter().filter_map(|claim| claim.by.as_ref()) {
            people.retain(|known| known != by);
            people.push(by.clone());
        }
        let reason = believed.iter().rev().find_map(|claim| claim.reason.clone());
        let at = believed.iter().filter_map(|claim| claim.at).max();
        (!people.is_empty()).then(|| Self { people, at, reason: reason.filter(|reason| !reason.is_empty()) })
    }
}

/// How closely a claim speaks of a part of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    /// Of that part alone.
    Part,
    /// Of the state that there was after it.
    State,
    /// Of a switch, which answers for what is seen together with it where nobody else was there.
    Switch,
    /// Of that and of what goes with it.
    Kind,
    /// Of anything there.
    Anything,
}

/// Whose the details are: they are made of many things, so everybody had a part who says so of something there. Who switched
/// answers for them only where nobody else was there. `None`: nobody accounts for them.
fn who_changed_details<'a>(heard: &[&'a Claim], what: &ChangeKind) -> Option<Vec<&'a Claim>> {
    let words =
        || heard.iter().filter_map(|claim| Some((word_about(claim, StatePart::Details, what)?, *claim)));
    let of_details: Vec<&Claim> = words()
        .filter(|(closeness, _)| matches!(closeness, Closeness::Part | Closeness::Kind))
        .map(|(_, claim)| claim)
        .collect();
    if !of_details.is_empty() {
        return Some(of_details);
    }
    let closeness = words().map(|(closeness, _)| closeness).min()?;
    let closest: Vec<&Claim> =
        words().filter(|(other, _)| *other == closeness).map(|(_, claim)| claim).collect();
    match closeness {
        Closeness::Anything => return Some(closest),
        Closeness::State => return Some(vec![first_to_show(heard, StatePart::Details, what)?]),
        _ => {}
    }
    let last = closest.last().copied()?;
    // Somebody changed details, and then somebody changed them again, who is not known yet.
    let others = heard.iter().any(|claim| claim.not_of_on && names(claim, what) && claim.by != last.by);
    (!others).then(|| vec![last])
}

/// Who says what the state was after it: the first who shows that part as it is, since it was last otherwise.
fn first_to_show<'a>(heard: &[&'a Claim], part: StatePart, what: &ChangeKind) -> Option<&'a Claim> {
    let says_state = |claim: &&&Claim| claim.part.is_none() && claim.value.is_some() && names(claim, what);
    let states: Vec<&Claim> = heard.iter().filter(says_state).copied().collect();
    let shows = |claim: &&Claim| word_about(claim, part, what).is_some();
    let since = states.iter().rposition(|claim| !shows(claim)).map_or(0, |place| place.saturating_add(1));
    states.get(since).copied()
}

/// Whether a claim is about the same thing of the flag, whatever it says of it.
pub(super) fn names(claim: &Claim, what: &ChangeKind) -> bool {
    match (what, &claim.environment) {
        (ChangeKind::Environment { after, .. }, Some(name)) => after.environment.eq_ignore_ascii_case(name),
        (ChangeKind::Archived(_), None) => is_of_the_whole(claim) && claim.stale.is_none(),
        (ChangeKind::Stale(_), None) => is_of_the_whole(claim) && claim.archived.is_none(),
        (ChangeKind::Missing, None) => claim.deleted,
        _ => false,
    }
}

/// Whether a claim is the word about any part of this change, as far as it says what was read.
pub(super) fn is_about(claim: &Claim, what: &ChangeKind) -> bool {
    changed(what).into_iter().any(|part| word_about(claim, part, what).is_some())
}

/// What is otherwise. Of a flag as a whole it is one thing.
fn changed(what: &ChangeKind) -> Vec<StatePart> {
    let ChangeKind::Environment { before: Some(before), after } = what else { return vec![StatePart::On] };
    let (value, quoted) = (after.value.clone(), after.quoted);
    let details = EnvironmentState { on: after.on, value, quoted, ..before.clone() };
    let parts = [before.on != after.on, !before.same_value_as(after), !details.same_as(after)];
    PARTS.into_iter().zip(parts).filter(|(_, changed)| *changed).map(|(part, _)| part).collect()
}

/// Whether it says only that something about the flag was changed.
pub(super) fn is_of_something(claim: &Claim) -> bool {
    let says_which = claim.archived.is_some() || claim.stale.is_some();
    claim.environment.is_none() && is_of_the_whole(claim) && !says_which
}

/// How closely the claim speaks of that part of the change, if it does and says what was read.
fn word_about(claim: &Claim, part: StatePart, what: &ChangeKind) -> Option<Closeness> {
    let fits = match (what, &claim.environment) {
        (ChangeKind::Environment { before, after }, Some(name)) => {
            let there = after.environment.eq_ignore_ascii_case(name) && has_share(after, claim.share);
            return if there { word_in_environment(claim, part, before.as_ref(), after) } else { None };
        }
        // Variants belong to the flag, wherever they count.
        (ChangeKind::Environment { .. }, None) if claim.part.is_some() => {
            return (claim.part == Some(part)).then_some(Closeness::Part);
        }
        (ChangeKind::Environment { before, after }, None) => {
            let switched = before.as_ref().is_some_and(|before| before.on != after.on);
            claim.everywhere && switched && claim.on.is_none_or(|on| on == after.on)
        }
        (ChangeKind::Archived(now), None) => {
            let of_it = is_of_the_whole(claim) && claim.stale.is_none();
            return if of_it { word_of_the_whole(claim.archived, *now) } else { None };
        }
        (ChangeKind::Stale(now), None) => {
            let of_it = is_of_the_whole(claim) && claim.archived.is_none();
            return if of_it { word_of_the_whole(claim.stale, *now) } else { None };
        }
        (ChangeKind::Missing, None) => claim.deleted,
        _ => false,
    };
    fits.then_some(Closeness::Kind)
}

/// A word that says which change of the flag as a whole it is of counts for more than one that only says that there was one.
fn word_of_the_whole(claimed: Option<bool>, now: bool) -> Option<Closeness> {
    match claimed {
        Some(claimed) => (claimed == now).then_some(Closeness::Part),
        None => Some(Closeness::Anything),
    }
}

/// Whether it may be about whether the flag is archived or stale.
fn is_of_the_whole(claim: &Claim) -> bool {
    !claim.everywhere && !claim.deleted && claim.part.is_none()
}

fn word_in_environment(
    claim: &Claim,
    part: StatePart,
    before: Option<&EnvironmentState>,
    after: &EnvironmentState,
) -> Option<Closeness> {
    if let Some(only) = claim.part {
        return (only == part).then_some(Closeness::Part);
    }
    if let (StatePart::Details, Some(claimed)) = (part, &claim.variants) {
        let only_variants = before.is_some_and(|before| only_variants_differ(before, after));
        return (only_variants && same_variants(claimed, &after.variants)).then_some(Closeness::State);
    }
    let switched = before.is_none_or(|before| before.on != after.on);
    match (part, claim.on, &claim.value) {
        // Who changed a strategy is not who switched.
        (StatePart::On, None, None) if claim.not_of_on => None,
        (_, None, None) if claim.not_of_on => Some(Closeness::Kind),
        (_, None, None) => Some(Closeness::Anything),
        // To switch a flag on may give it its first strategy.
        (StatePart::On | StatePart::Details, Some(on), None) => {
            (switched && on == after.on).then_some(Closeness::Switch)
        }
        // What was claimed of the whole state: where part of that is otherwise now, another came later.
        (StatePart::On, Some(on), Some(_)) => (on == after.on).then_some(Closeness::State),
        (StatePart::Value, _, Some(value)) => (value == &after.value).then_some(Closeness::State),
        _ => None,
    }
}

/// Whether of the details only the variants are otherwise, as far as that is known.
fn only_variants_differ(before: &EnvironmentState, after: &EnvironmentState) -> bool {
    // A digest is of variants and of overrides.
    let seen = |state: &EnvironmentState| state.overrides == 0 || state.overridden.is_some();
    before.variants != after.variants
        && before.overrides == after.overrides
        && seen(before)
        && seen(after)
        && before.override_changes(after).is_empty()
        && before.rollout == after.rollout
        && before.strategies == after.strategies
}

/// Whether both are the same variants, in whatever order.
pub(super) fn same_variants(claimed: &[Variant], read: &[Variant]) -> bool {
    claimed.len() == read.len() && claimed.iter().all(|variant| read.contains(variant))
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
