//! A flag may have another state now: it is read, and a difference from what was last seen is the change.

use std::time::Duration;

use jiff::Timestamp;

use super::claims::{
    NAMED_LATER, Named, attributed, forget_heard, is_named_next, is_of_asked, last_at, name_earlier,
    not_shown_yet,
};
use super::limits::HISTORY;
use super::resolve;
use super::switching::{apart, asked_for};
use super::telling::{self, News};
use super::users::{name_in_history, put_names};
use super::world::World;
use super::{Entry, Made, Trouble};
use crate::domain::{
    AskedSwitch, Change, ChangeKind, Claim, Decision, Event, Flag, FlagPointer, FlagRecord, FlagRef, InboxId,
    Level, Write,
};
use crate::flags::FlagProvider;

/// When a read does not show yet what a webhook claims, it is read again after these times.
const READ_AGAIN: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(10)];
/// A switch that a webhook about strategies makes seen is left for so long to the webhook about the switch itself, which names
/// who it was: switching on a flag without strategies gives it one first (measured on Unleash 8.2).
const NAMED_NEXT: Duration = Duration::from_secs(2);
/// A flag that the provider does not know is looked for once more after this time before that is believed.
const MISSING_AGAIN: Duration = Duration::from_secs(10);

pub(super) async fn decide(
    world: &World,
    entry: Entry,
    provider_name: &str,
    pointer: &FlagPointer,
    claims: &[Claim],
) -> Result<Made, Trouble> {
    let Some(provider) = world.flags().get(provider_name) else {
        return Ok(Made::Nothing("no_such_provider"));
    };
    let meant = meant(world, provider_name, pointer).await?;
    match meant.as_slice() {
        [] => Ok(Made::Nothing("flag_not_linked")),
        [flag] if matches!(pointer, FlagPointer::Key { .. }) => {
            look(world, entry, provider.as_ref(), flag, claims).await
        }
        several => Ok(Made::Decision(pass_on(world, several, claims))),
    }
}

/// The linked flags that a pointer means.
async fn meant(world: &World, provider: &str, pointer: &FlagPointer) -> Result<Vec<FlagRef>, Trouble> {
    // By far the most events name one flag for certain: nobody needs all of them for that.
    if let FlagPointer::Key { scope, key } = pointer {
        let named = FlagRef { provider: provider.to_owned(), scope: scope.clone(), key: key.clone() };
        if world.store().is_linked(&named).await? {
            return Ok(vec![named]);
        }
    }
    let mut flags = world.store().linked_flags(provider).await?;
    match pointer {
        FlagPointer::Any => {}
        FlagPointer::Key { scope, key } => {
            flags.retain(|flag| &flag.key == key && (scope.is_empty() || &flag.scope == scope));
        }
        FlagPointer::Id(id) => {
            let mut meant = Vec::new();
            for flag in flags {
                if world.store().flag(&flag).await?.value.is_some_and(|record| &record.flag.internal_id == id)
                {
                    meant.push(flag);
                }
            }
            return Ok(meant);
        }
    }
    Ok(flags)
}

/// One event per flag, each for its own lane.
fn pass_on(world: &World, flags: &[FlagRef], claims: &[Claim]) -> Decision {
    let mut decision = Decision::new();
    for flag in flags {
        let event = Event::FlagChanged {
            provider: flag.provider.clone(),
            flag: FlagPointer::Key { scope: flag.scope.clone(), key: flag.key.clone() },
            claims: claims.to_vec(),
        };
        decision.write(Write::QueueEvent(InboxId(world.store().new_id()), event));
    }
    decision
}

async fn look(
    world: &World,
    entry: Entry,
    provider: &dyn FlagProvider,
    flag: &FlagRef,
    claims: &[Claim],
) -> Result<Made, Trouble> {
    let mut decision = Decision::new();
    let seen = world.store().flag(flag).await?;
    let rev = seen.rev;
    let Some(mut record) = decision.rests_on(seen) else {
        return Ok(Made::Nothing("flag_not_linked"));
    };
    let mut now = world.looks().state(world.store(), entry, provider, &record, rev).await?;
    let users_named = now.as_mut().is_some_and(|now| put_names(now, record.state.as_ref(), claims));
    let mut found_again = false;
    let what = match (&record.state, &now) {
        (_, None) if record.missing_since.is_some() => {
            return still_missing(world, entry, provider, decision, record, claims).await;
        }
        (_, None) => {
            let first = *record.not_found_at.get_or_insert(entry.now);
            let apart = Duration::try_from(entry.now.duration_since(first)).unwrap_or_default();
            if apart < MISSING_AGAIN {
                decision.write(Write::PutFlag(Box::new(record)));
                let why = format!("{} does not know the flag", provider.name());
                return Ok(Made::NotYet(decision, Trouble::again_in(MISSING_AGAIN - apart, why)));
            }
            if world.doubts().holds(world.store(), world.metrics(), &record, entry.now).await? {
                // The next poll looks again.
                return Ok(Made::Nothing("missing_doubted"));
            }
            record.missing_since = Some(entry.now);
            record.made_again = is_made_again(world, provider, &record).await?;
            vec![ChangeKind::Missing]
        }
        (before, Some(state)) => {
            // Written down also where nothing else changed: otherwise the next read that finds nothing would be believed.
            if record.not_found_at.take().is_some() && record.missing_since.is_none() && before.is_some() {
                found_again = true;
            }
            record.made_again = false;
            let mut what = Vec::new();
            if record.missing_since.take().is_some() {
                what.push(ChangeKind::Back);
            }
            match before {
                Some(before) => what.extend(before.changes_to(state)),
                None => what.push(ChangeKind::Back),
            }
            what
        }
    };
    let (unseen, seen) = not_shown_yet(claims, &record, now.as_ref(), &what, entry.now);
    let again = READ_AGAIN.get(entry.attempts as usize).filter(|_| !unseen.is_empty());
    let not_yet = again
        .map(|after| Trouble::again_in(*after, format!("{} does not show the change yet", provider.name())));
    // What is of a change that is still to be seen says nothing of the last one.
    let of_seen = if not_yet.is_some() { &seen } else { claims };
    if what.is_empty() {
        let named = name_earlier(&mut record, of_seen, &[]);
        let renamed = match (&record.state, &now) {
            (Some(before), Some(now)) => before.is_named_otherwise(now),
            _ => false,
        };
        if renamed || users_named {
            // An environment is called otherwise: that is no change of the flag, and its column says so. So are overrides of which
            // more is known.
            record.state.clone_from(&now);
            name_in_history(&mut record);
        }
        if renamed || users_named || found_again || !named.is_empty() {
            tell_names(world, entry, &mut decision, flag, &named, renamed || users_named).await?;
            decision.write(Write::PutFlag(Box::new(record)));
            return Ok(made(decision, not_yet));
        }
        return not_yet.map_or(Ok(Made::Nothing("flag_unchanged")), Err);
    }
    if entry.attempts == 0 && what.iter().any(|what| is_named_next(what, claims)) {
        let why = format!("{} has not said yet who switched", provider.name());
        return Err(Trouble::again_in(NAMED_NEXT, why));
    }
    let what: Vec<(ChangeKind, Option<Timestamp>)> =
        what.into_iter().map(|what| (what.clone(), last_at(&record, &what))).collect();
    let named = name_earlier(&mut record, of_seen, &what);
    let before = record.state.clone();
    if let Some(state) = now {
        record.state = Some(state);
    }
    let seen_before = std::mem::replace(&mut record.seen_at, entry.now);
    let mut ours = false;
    let mut changes: Vec<Change> = Vec::with_capacity(what.len());
    for (what, since) in what {
        let (mut rest, mut heard) = (Some(what), of_seen.to_vec());
        // Several commands may have been carried out since the last look.
        while let Some((what, asked)) =
            rest.as_ref().and_then(|what| Some((what, asked_for(&mut record, what)?)))
        {
            ours = true;
            let (done, other) = apart(what, &asked);
            if let Some(done) = done {
                let change = asked_change(done, asked, entry);
                heard.retain(|claim| other.is_none() || !is_of_asked(claim, &change));
                changes.push(change);
            }
            rest = other;
        }
        // The last one there is what later words are put to, and about the others all is known.
        changes.extend(rest.map(|what| attributed((what, since), &heard, &record, entry)));
    }
    for change in &mut changes {
        change.happened_at = happened_at(provider, &record.flag, change, seen_before, entry).await;
    }
    forget_heard(&mut record, entry);
    record.asked.retain(|asked| entry.now.duration_since(asked.at) < NAMED_LATER);
    name_in_history(&mut record);
    record.history.extend(changes.iter().map(Change::kept));
    let surplus = record.history.len().saturating_sub(HISTORY);
    record.history.drain(..surplus);

    if changes.iter().any(|change| change.what == ChangeKind::Back) {
        // Nothing could be put on it or taken off while it was away.
        decision.mark_flag_stale(flag, entry.now);
    }
    let is_there_or_not =
        changes.iter().any(|change| matches!(change.what, ChangeKind::Missing | ChangeKind::Back));
    let news = News { flag: &record, before: before.as_ref(), changes: &changes, named: &named };
    for noteable in world.store().noteables_of(flag).await? {
        decision.write(Write::MarkStale(Level::Panel(noteable.clone()), entry.now));
        if is_there_or_not {
            decision.write(Write::MarkStale(Level::Label(noteable.clone()), entry.now));
        }
        telling::gather(world, entry, &mut decision, &news, &noteable).await?;
    }
    let noticed_by = match claims {
        _ if ours => "command",
        [] => "poll",
        _ => "webhook",
    };
    world.metrics().flag_change(&flag.provider, noticed_by);
    decision.write(Write::PutFlag(Box::new(record)));
    Ok(made(decision, not_yet))
}

/// When a change happened of which nobody has said that: what the service keeps as the last moment there, if that is after the
/// flag was seen as it was before. It is only for people, so a service that does not tell it is not asked again.
async fn happened_at(
    provider: &dyn FlagProvider,
    flag: &Flag,
    change: &Change,
    seen_before: Timestamp,
    entry: Entry,
) -> Option<Timestamp> {
    let ChangeKind::Environment { before: Some(before), after } = &change.what else { return None };
    // What overrides are set to has no moment of its own.
    let is_of_it = before.on != after.on
        || !before.same_value_as(after)
        || before.rollout != after.rollout
        || before.strategies != after.strategies;
    if !is_of_it || change.noticed_at != Some(change.at) {
        return None;
    }
    match provider.changed_at(&flag.flag, &flag.internal_id, &after.environment).await {
        Ok(moment) => moment.filter(|at| *at > seen_before && *at <= entry.now),
        Err(error) => {
            tracing::debug!(flag = %flag.flag, %error, "when it changed is not known");
            None
        }
    }
}

/// What is seen is written down, also where more is claimed than that.
fn made(decision: Decision, not_yet: Option<Trouble>) -> Made {
    match not_yet {
        Some(trouble) => Made::NotYet(decision, trouble),
        None => Made::Decision(decision),
    }
}

/// It is known already that the flag is gone. Who deleted it may come to be known only now, or that there is another of its key.
async fn still_missing(
    world: &World,
    entry: Entry,
    provider: &dyn FlagProvider,
    mut decision: Decision,
    mut record: FlagRecord,
    claims: &[Claim],
) -> Result<Made, Trouble> {
    let named = name_earlier(&mut record, claims, &[]);
    let flag = record.flag.flag.clone();
    let made_again = is_made_again(world, provider, &record).await?;
    let news = made_again != record.made_again;
    if named.is_empty() && !news {
        return Ok(Made::Nothing("still_missing"));
    }
    record.made_again = made_again;
    tell_names(world, entry, &mut decision, &flag, &named, news).await?;
    decision.write(Write::PutFlag(Box::new(record)));
    Ok(Made::Decision(decision))
}

/// Whether the service has another flag of the key of one that is gone.
async fn is_made_again(
    world: &World,
    provider: &dyn FlagProvider,
    record: &FlagRecord,
) -> Result<bool, Trouble> {
    let flag = &record.flag.flag;
    let pages = world.store().noteables_of(flag).await?;
    let Some(page) = pages.first() else { return Ok(false) };
    Ok(resolve::is_made_again(provider, page.project, &record.flag).await?)
}

/// Puts people who came to be known where they are told. `all`: the panels say something else, whoever it was.
async fn tell_names(
    world: &World,
    entry: Entry,
    decision: &mut Decision,
    flag: &FlagRef,
    named: &[Named],
    all: bool,
) -> Result<(), Trouble> {
    let news: Vec<&Named> = named.iter().filter(|named| named.is_news()).collect();
    if news.is_empty() && !all {
        return Ok(());
    }
    for noteable in world.store().noteables_of(flag).await? {
        decision.write(Write::MarkStale(Level::Panel(noteable.clone()), entry.now));
        telling::name_authors(world, decision, flag, &news, &noteable).await?;
    }
    Ok(())
}

/// A change that flaglink made for somebody: it is theirs, whatever the service calls its key.
fn asked_change(what: ChangeKind, asked: AskedSwitch, entry: Entry) -> Change {
    Change {
        at: asked.at.min(entry.now),
        noticed_at: Some(entry.now),
        happened_at: None,
        by: Some(asked.by),
        others: Vec::new(),
        heard: Vec::new(),
        reason: asked.reason,
        what,
        asked_on: Some(asked.on),
    }
}
