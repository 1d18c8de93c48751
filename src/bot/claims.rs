//! What webhooks claim of a flag, against what was then read: who is named for a change, and for which.

use jiff::{SignedDuration, Timestamp};

use super::Entry;
use super::shares::{self, Share};
use crate::domain::{Change, ChangeKind, Claim, FlagRecord, FlagState, Variant};

/// A webhook that comes within this time after a change was noticed can still say who it was.
pub(super) const NAMED_LATER: SignedDuration = SignedDuration::from_mins(10);
/// Clocks that are set by a time server differ by no more.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(1);
/// What was changed longer ago is shown by every read.
const SHOWS_WITHIN: SignedDuration = SignedDuration::from_mins(1);
/// So many claims are kept with a change.
const HEARD: usize = 20;
/// The longest name or reason that is kept with a claim, in characters.
const LONGEST: usize = 500;
/// Stands for a value that is not the one that was read. No service has it: it is a character of private use.
const ANOTHER_VALUE: &str = "\u{e000}";
/// How far the flag service's clock may be ahead of ours there.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(1);

/// The claims that may be of a change which the state does not show yet: neither another of them nor what was heard before claims what
/// it shows of that place, and later. After them all others. `what` is what the read shows otherwise than the record.
pub(super) fn not_shown_yet(
    claims: &[Claim],
    record: &FlagRecord,
    state: Option<&FlagState>,
    what: &[ChangeKind],
    now: Timestamp,
) -> (Vec<Claim>, Vec<Claim>) {
    let Some(state) = state else { return (Vec::new(), claims.to_vec()) };
    let overtakes = |later: &Claim, claim: &Claim| {
        let same_place = later.environment == claim.environment && later.everywhere == claim.everywhere;
        let says_as_much =
            (later.on.is_some() || claim.on.is_none()) && (later.value.is_some() || claim.value.is_none());
        let is_later = later.at.zip(claim.at).is_some_and(|(later, at)| later > at);
        later.visible && same_place && says_as_much && is_later && !contradicts(later, state)
    };
    let heard = || record.history.iter().flat_map(|change| &change.heard);
    let is_overtaken = |claim: &Claim| claims.iter().chain(heard()).any(|later| overtakes(later, claim));
    let is_unseen = |claim: &Claim| {
        (contradicts(claim, state) && !is_overtaken(claim)) || is_still_to_show(claim, record, what, now)
    };
    // What else is said of the same moment there is of the same change, whatever it says.
    let unseen: Vec<&Claim> = claims.iter().filter(|claim| is_unseen(claim)).collect();
    let goes_with = |claim: &Claim| {
        let with = |unseen: &&Claim| {
            let same_place = unseen.environment == claim.environment;
            let as_late = claim
                .at
                .zip(unseen.at)
                .is_some_and(|(at, unseen)| at.duration_since(unseen) >= -CLOCKS_DIFFER);
            same_place && as_late
        };
        !says_what(claim) && unseen.iter().any(with)
    };
    claims.iter().cloned().partition(|claim| is_unseen(claim) || goes_with(claim))
}

/// Whether a claim that something was changed, and no more, is of a change that no read has shown: neither this one nor, since then, one
/// before it. Most come twice, or behind one that says more.
fn is_still_to_show(claim: &Claim, record: &FlagRecord, what: &[ChangeKind], now: Timestamp) -> bool {
    let Some(at) = claim.at.filter(|_| claim.changed && claim.visible) else { return false };
    if now.duration_since(at) > SHOWS_WITHIN || what.iter().any(|what| shares::names(claim, what)) {
        return false;
    }
    let there = record.history.iter().filter(|change| shares::names(claim, &change.what));
    let shown = there.map(|change| change.noticed_at.unwrap_or(change.at)).max();
    let shown = shown.or_else(|| record.history.is_empty().then_some(record.seen_at));
    shown.is_none_or(|shown| at.duration_since(shown) > CLOCKS_DIFFER)
}

/// Whether a claim about what shows in a state is not what the state shows.
fn contradicts(claim: &Claim, state: &FlagState) -> bool {
    if !claim.visible {
        return false;
    }
    if claim.deleted {
        return true;
    }
    if claim.everywhere {
        // Where it is on it need not be on everywhere, but where it is off it is off everywhere.
        return claim.on == Some(false) && state.environments.iter().any(|shown| shown.on);
    }
    let Some(name) = &claim.environment else { return false };
    // What was changed there in some way is not contradicted by a place that has another name now.
    let Some(shown) = state.environment(name) else { return says_what(claim) };
    claim.on.is_some_and(|on| on != shown.on)
        || claim.value.as_ref().is_some_and(|value| value != &shown.value)
}

/// Whether nobody claims this switch, but something else that was done there: then its own webhook is on its way.
pub(super) fn is_named_next(what: &ChangeKind, claims: &[Claim]) -> bool {
    let ChangeKind::Environment { before: Some(before), after } = what else { return false };
    let there = |claim: &Claim| {
        claim.environment.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&after.environment))
    };
    before.on != after.on
        && claims.iter().any(|claim| claim.not_of_on && there(claim))
        && !claims.iter().any(|claim| shares::is_about(claim, what) && claim.on == Some(after.on))
}

/// Puts beside earlier changes what is claimed of them and not of these. Those of which more is known now are returned.
pub(super) fn name_earlier(
    record: &mut FlagRecord,
    claims: &[Claim],
    now: &[(ChangeKind, Option<Timestamp>)],
) -> Vec<Named> {
    let is_of_now = |claim: &Claim| {
        now.iter().any(|(what, since)| {
            let about = shares::names(claim, what) || shares::is_about(claim, what);
            about && is_new(claim, *since)
        })
    };
    let of_earlier = claims.iter().rev().filter(|claim| !is_of_now(claim));
    of_earlier.filter_map(|claim| name_author(record, claim)).collect()
}

/// Who did it and why is believed only where claims match what was read and account for all of it.
///
/// `since` is when the same thing changed last ([`last_at`]).
pub(super) fn attributed(
    (what, since): (ChangeKind, Option<Timestamp>),
    claims: &[Claim],
    record: &FlagRecord,
    entry: Entry,
) -> Change {
    let about = |claim: &&Claim| shares::names(claim, &what) || shares::is_about(claim, &what);
    let is_same = |a: &Claim, b: &Claim| (a.at, &a.by, a.on, a.part) == (b.at, &b.by, b.on, b.part);
    // Entries that waited together bring back what was heard of an earlier change.
    let of_earlier = |claim: &Claim| {
        record.history.iter().any(|change| change.heard.iter().any(|heard| is_same(heard, claim)))
    };
    let heard = claims.iter().filter(about).filter(|claim| is_new(claim, since) && !of_earlier(claim));
    let mut heard: Vec<Claim> = heard.map(|claim| kept(claim, &what)).collect();
    heard.reverse();
    let mut change = Change {
        at: entry.now,
        noticed_at: Some(entry.now),
        happened_at: None,
        by: None,
        others: Vec::new(),
        heard,
        reason: None,
        what,
        asked_on: None,
    };
    weigh(&mut change);
    // All of it is weighed, and not all of it is kept. Where it has named somebody, what comes later could not be weighed with what is gone.
    let surplus = change.heard.len().saturating_sub(HEARD);
    if surplus > 0 && change.by.is_some() {
        change.heard.clear();
    }
    change.heard.drain(..surplus.min(change.heard.len()));
    change
}

/// A claim as it is kept with a change: of a value only whether it is the one that was read counts, and texts from outside have no
/// end of their own.
fn kept(claim: &Claim, what: &ChangeKind) -> Claim {
    let is_read = |value: &Option<String>| matches!(what, ChangeKind::Environment { after, .. } if after.value == *value);
    let as_read = |variants: &Vec<Variant>| matches!(what, ChangeKind::Environment { after, .. } if shares::same_variants(variants, &after.variants));
    let another = || vec![Variant { name: ANOTHER_VALUE.to_owned(), share: None }];
    let short = |text: &String| text.chars().take(LONGEST).collect::<String>();
    Claim {
        value: claim
            .value
            .as_ref()
            .map(|value| if is_read(value) { value.clone() } else { Some(ANOTHER_VALUE.to_owned()) }),
        environment: claim.environment.as_ref().map(short),
        by: claim.by.as_ref().map(short),
        reason: claim.reason.as_ref().map(short),
        variants: claim
            .variants
            .clone()
            .map(|variants| if as_read(&variants) { variants } else { another() }),
        user: None,
        ..claim.clone()
    }
}

/// Names the people of whom all that was heard accounts for the change.
fn weigh(change: &mut Change) {
    let Some(believed) = Share::of(&change.heard, &change.what) else {
        (change.by, change.reason) = (None, None);
        change.others.clear();
        return;
    };
    change.at = believed.at.filter(|at| *at <= change.at).unwrap_or(change.at);
    change.reason = believed.reason;
    change.others = believed.people;
    change.by = change.others.pop();
}

/// Whether a claim is of what came after the last change there: what was claimed of that says nothing of another one.
fn is_new(claim: &Claim, since: Option<Timestamp>) -> bool {
    claim.at.zip(since).is_none_or(|(at, since)| at > since)
}

/// When the same thing changed last.
pub(super) fn last_at(record: &FlagRecord, what: &ChangeKind) -> Option<Timestamp> {
    let mut earlier = record.history.iter().rev();
    let last = earlier.find(|known| match (&known.what, what) {
        (ChangeKind::Environment { after: a, .. }, ChangeKind::Environment { after: b, .. }) => {
            a.is_same_place(b)
        }
        (ChangeKind::Archived(_), ChangeKind::Archived(_)) | (ChangeKind::Stale(_), ChangeKind::Stale(_)) => {
            true
        }
        _ => false,
    });
    last.map(|last| last.at)
}

/// A change of which more was heard.
pub(super) struct Named {
    /// It, with the people that are named for it now.
    pub(super) change: Change,
    /// Who was named for it before.
    pub(super) before: Vec<String>,
}

impl Named {
    /// Whether other people are named for it now.
    pub(super) fn is_news(&self) -> bool {
        !self.change.people().eq(self.before.iter().map(String::as_str))
    }
}

/// Which change a claim is of that came after the fact, by its place in the history: the last one there. Where that shows something
/// else, and was noticed later, it is the one before it that was noticed after what is claimed.
fn place_of(record: &FlagRecord, claim: &Claim, at: Timestamp) -> Option<usize> {
    let noticed = |change: &Change| change.noticed_at.unwrap_or(change.at);
    let same = || record.history.iter().enumerate().rev().filter(|(_, one)| shares::names(claim, &one.what));
    let (last, change) = same().next()?;
    let shows_it = |change: &Change| shares::is_about(claim, &change.what);
    if !says_what(claim) || shows_it(change) || at > noticed(change) {
        return Some(last);
    }
    let mut earlier =
        same().skip(1).take_while(|(_, change)| at.duration_since(noticed(change)) <= CLOCKS_DIFFER);
    earlier.find(|(_, change)| shows_it(change)).map_or(Some(last), |(place, _)| Some(place))
}

/// Whether both were seen by the same read: a change that was asked for, and what somebody else did besides.
fn is_seen_with(asked: &Change, other: &Change) -> bool {
    asked.asked_on.is_some() && asked.noticed_at.is_some() && asked.noticed_at == other.noticed_at
}

/// Whether it is the service's word about what was asked for, which says how all of the environment stood then.
pub(super) fn is_of_asked(claim: &Claim, asked: &Change) -> bool {
    let ChangeKind::Environment { before: Some(before), after } = &asked.what else { return false };
    shares::names(claim, &asked.what)
        && ((before.on != after.on && claim.on == Some(after.on))
            || (!before.same_value_as(after) && claim.value.as_ref() == Some(&after.value)))
}

/// Whether it says what it made of the flag.
fn says_what(claim: &Claim) -> bool {
    claim.on.is_some() || claim.value.is_some()
}

/// Where several things change at once, the first webhook (or a poll) makes all of them seen, and each webhook names
/// the author of one. What comes after the fact is put beside its change there, and the people who account for it are
/// weighed again. `None`: it says nothing of that change, or nothing more.
pub(super) fn name_author(record: &mut FlagRecord, claim: &Claim) -> Option<Named> {
    claim.by.as_ref().filter(|by| !by.is_empty())?;
    let at = claim.at?;
    let place = place_of(record, claim, at)?;
    let (before, from) = record.history.split_at_mut(place);
    let last = from.first_mut().filter(|change| change.asked_on.is_none())?;
    let after = last.noticed_at.unwrap_or(last.at).duration_since(at);
    let before = before.iter().rev().find(|one| shares::names(claim, &one.what));
    let is_of_before = before.is_some_and(|before| match is_seen_with(before, last) {
        // Which of the two was first is not known.
        true => is_of_asked(claim, before),
        false => at <= before.at,
    });
    if after > NAMED_LATER || after < -CLOCK_SLACK || is_of_before {
        return None;
    }
    // Somebody accounts for all of it, and this was after it was noticed: where it does not say just what was read, it is taken for a
    // word about a change that is still to be seen, or that was undone.
    let says_that = says_what(claim) && shares::is_about(claim, &last.what);
    if last.by.is_some() && !last.heard.is_empty() && !says_that && after < -CLOCKS_DIFFER {
        return None;
    }
    // What only says that something about the flag was changed is no word about a change that was there before it.
    if shares::is_of_something(claim) && after < -CLOCKS_DIFFER {
        return None;
    }
    // What was heard of it before is forgotten: one more claim alone would weigh as if it were all.
    if last.heard.is_empty() && last.by.is_some() {
        return None;
    }
    let claim = kept(claim, &last.what);
    let before: Vec<String> = last.people().map(str::to_owned).collect();
    // What those say who are named already counts as well: without it the words of others would be the last ones.
    if last.heard.contains(&claim) {
        return None;
    }
    last.heard.push(claim);
    let surplus = last.heard.len().saturating_sub(HEARD);
    last.heard.drain(..surplus);
    weigh(last);
    Some(Named { change: last.clone(), before })
}

/// What was heard of changes is kept for as long as more of them may be heard.
pub(super) fn forget_heard(record: &mut FlagRecord, entry: Entry) {
    let over =
        |change: &&mut Change| entry.now.duration_since(change.noticed_at.unwrap_or(change.at)) > NAMED_LATER;
    record.history.iter_mut().filter(over).for_each(|change| change.heard.clear());
}
