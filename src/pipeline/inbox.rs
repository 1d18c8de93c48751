//! Entries of the inbox: understood, decided, committed.

use std::time::Duration;

use jiff::Timestamp;

use super::alike::{Alike, Known, Meaning};
use super::lanes::Run;
use super::{Pipeline, after, bodies, retry, routing};
use crate::bot::{self, Made, Trouble, Waits, World};
use crate::domain::{
    DeadLetter, DeadThing, Decision, Delivery, DeliverySource, Event, Inbound, InboxEntry, InboxId, Write,
};
use crate::flags::Hint;
use crate::store::{CommitError, StoreError};

/// Carries entries out, in order. What says the same is decided once, and what depends on nothing is written together.
pub(super) async fn run(
    pipeline: &Pipeline,
    ids: impl Iterator<Item = InboxId>,
) -> Result<Vec<Run>, CommitError> {
    let mut groups: Vec<Alike> = Vec::new();
    for id in ids {
        let next = look(pipeline, id).await?;
        let another = match groups.last_mut() {
            Some(group) => group.join(next),
            None => Some(next),
        };
        groups.extend(another);
    }
    let mut runs = Vec::new();
    let mut together = Decision::new();
    let mut over = Vec::new();
    let mut groups = groups.into_iter();
    for group in groups.by_ref() {
        let ids: Vec<InboxId> = group.entries.iter().map(|entry| entry.id).collect();
        let (decision, came) = decide(pipeline, group).await;
        let rests_on_something = !decision.reads.is_empty();
        if rests_on_something {
            write(pipeline, &mut together).await?;
            match pipeline.commit(decision).await {
                Ok(()) => {}
                // The others wait until these are decided again.
                Err(CommitError::Conflict) => {
                    runs.extend(ids.iter().map(|_| Run::Again));
                    break;
                }
                Err(error) => return Err(error),
            }
        } else {
            together.writes.extend(decision.writes);
        }
        over.extend(ids.iter().zip(&came).filter(|(_, run)| matches!(run, Run::Done)).map(|(id, _)| *id));
        runs.extend(came);
    }
    write(pipeline, &mut together).await?;
    for id in over {
        pipeline.bodies.forget(id);
    }
    runs.extend(groups.flat_map(|group| group.entries).map(|_| Run::Again));
    Ok(runs)
}

async fn write(pipeline: &Pipeline, together: &mut Decision) -> Result<(), CommitError> {
    if together.writes.is_empty() {
        return Ok(());
    }
    pipeline.commit(std::mem::take(together)).await
}

/// What is to be written about entries, and what comes of each then.
async fn decide(pipeline: &Pipeline, group: Alike) -> (Decision, Vec<Run>) {
    let world = pipeline.world();
    let Some(entry) = group.entry(Timestamp::now()) else { return (Decision::new(), Vec::new()) };
    let Alike { entries, source, meaning } = group;
    let made = match meaning {
        Meaning::Event(event) => {
            for known in entries.iter().filter(|known| known.large) {
                pipeline.bodies.remember(known.id, source.clone(), event.clone());
            }
            bot::decide(&world, entry, &event).await
        }
        Meaning::Made(made) => Ok(made),
        // Not thrown away: the version that wrote it can still carry it out.
        Meaning::Unknown => {
            let why = "another version of flaglink wrote this; this one does not know it";
            let trouble = Trouble::again_in(Duration::ZERO, why);
            let mut decision = Decision::new();
            let runs = entries.iter().map(|known| bury(known, &mut decision, &trouble)).collect();
            return (decision, runs);
        }
        Meaning::Over => return (Decision::new(), vec![Run::Done; entries.len()]),
    };
    let (mut decision, trouble) = match made {
        Ok(Made::Decision(decision)) => (decision, None),
        Ok(Made::Nothing(reason)) => {
            for known in &entries {
                world.metrics().ignored(&source, reason);
                tracing::debug!(entry = known.id.0, source, reason, "of no use");
            }
            (Decision::new(), None)
        }
        Ok(Made::NotYet(decision, trouble)) => (decision, Some(trouble)),
        Err(trouble) => (Decision::new(), Some(trouble)),
    };
    // One moment for all: then they are decided as one again.
    let again = trouble.map(|trouble| (after(&trouble, entry.attempts), trouble));
    let end = |known: &Known| match &again {
        Some((not_before, trouble)) => later(known, &mut decision, trouble, *not_before),
        None => {
            decision.write(Write::InboxDone(known.id));
            Run::Done
        }
    };
    let runs = entries.iter().map(end).collect();
    (decision, runs)
}

async fn look(pipeline: &Pipeline, id: InboxId) -> Result<Alike, StoreError> {
    let seen = match pipeline.bodies.recall(id) {
        Some((source, event)) => {
            let entry = pipeline.world().store().inbox_entry_without_body(id).await?;
            entry.map(|entry| Alike::one(&entry, true, source, Meaning::Event(event)))
        }
        None => pipeline.look_at(id, understood).await?,
    };
    Ok(seen.unwrap_or_else(|| Alike::over(id)))
}

fn understood(world: &World, entry: InboxEntry) -> Alike {
    let meaning = match &entry.what {
        Inbound::Event(event) => Meaning::Event(event.clone()),
        Inbound::Unknown(_) => Meaning::Unknown,
        Inbound::Delivery(delivery) => match &delivery.source {
            DeliverySource::Gitlab { .. } => match routing::event_of(world, delivery) {
                Some(event) => Meaning::Event(event),
                None => Meaning::Made(flags_in_gitlab(world, delivery)),
            },
            DeliverySource::Provider { name } => Meaning::Made(hints(world, name, delivery)),
        },
    };
    Alike::one(&entry, bodies::is_large(&entry), source_of(&entry), meaning)
}

fn later(known: &Known, decision: &mut Decision, trouble: &Trouble, not_before: Timestamp) -> Run {
    if known.attempts >= retry::GIVE_UP {
        return bury(known, decision, trouble);
    }
    if matches!(trouble.waits, Waits::Moment(_)) {
        tracing::debug!(entry = known.id.0, attempts = known.attempts, reason = %trouble, "waits for its moment");
    } else {
        tracing::warn!(entry = known.id.0, attempts = known.attempts, reason = %trouble, "to be tried again");
    }
    decision.write(Write::InboxLater { id: known.id, not_before, reason: trouble.to_string() });
    Run::Later(not_before)
}

/// It has been tried for a day and more. What it asked for is too old to be done by now; that it was not is not to be lost.
fn bury(known: &Known, decision: &mut Decision, trouble: &Trouble) -> Run {
    tracing::error!(entry = known.id.0, attempts = known.attempts, reason = %trouble, "given up; see the queue");
    decision.write(Write::InboxDead(DeadLetter {
        id: known.id.0,
        at: Timestamp::now(),
        begun: known.since,
        reason: trouble.to_string(),
        attempts: known.attempts,
        what: DeadThing::Inbox(known.id),
    }));
    Run::Done
}

/// A webhook of a flag service says at which flags to look: one event each, for their own lanes.
fn hints(world: &World, name: &str, delivery: &Delivery) -> Made {
    let Some(provider) = world.flags().get(name) else { return Made::Nothing("no_such_provider") };
    let mut decision = Decision::new();
    queue_looks(world, &mut decision, name, provider.read_webhook(&delivery.body));
    if decision.writes.is_empty() { Made::Nothing("no_flag_in_it") } else { Made::Decision(decision) }
}

/// What GitLab sent is about no work; it may be about a flag of a service that hears GitLab.
fn flags_in_gitlab(world: &World, delivery: &Delivery) -> Made {
    let mut decision = Decision::new();
    for provider in world.flags().hearing_gitlab() {
        queue_looks(world, &mut decision, provider.name(), provider.read_webhook(&delivery.body));
    }
    if decision.writes.is_empty() { Made::Nothing("no_event") } else { Made::Decision(decision) }
}

/// One event for each flag that is to be looked at, each for the flag's own lane.
fn queue_looks(world: &World, decision: &mut Decision, provider: &str, hints: Vec<Hint>) {
    for hint in hints {
        let claims = hint.claim.into_iter().collect();
        let event = Event::FlagChanged { provider: provider.to_owned(), flag: hint.flag, claims };
        decision.write(Write::QueueEvent(InboxId(world.store().new_id()), event));
    }
}

fn source_of(entry: &InboxEntry) -> String {
    match &entry.what {
        Inbound::Delivery(Delivery { source: DeliverySource::Provider { name }, .. })
        | Inbound::Event(Event::FlagChanged { provider: name, .. }) => name.clone(),
        Inbound::Delivery(_) | Inbound::Event(_) | Inbound::Unknown(_) => "gitlab".to_owned(),
    }
}
