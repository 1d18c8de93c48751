//! Entries of the inbox: understood, decided, committed.

use std::time::Duration;

use jiff::Timestamp;

use super::lanes::Run;
use super::{Pipeline, after, bodies, retry, routing};
use crate::bot::{self, Entry, Made, Trouble, Waits, World};
use crate::domain::{
    DeadLetter, DeadThing, Decision, Delivery, DeliverySource, Event, Inbound, InboxEntry, InboxId, Write,
};
use crate::flags::Hint;
use crate::store::{CommitError, StoreError};

/// An entry without its body, which may be large: what it means is all that is needed of it from here on.
struct Understood {
    large: bool,
    entry: Entry,
    since: Option<Timestamp>,
    source: String,
    meaning: Meaning,
}

enum Meaning {
    /// An event that is to be decided.
    Event(Event),
    /// Decided already: it takes nothing but a look at it.
    Made(Made),
    /// Another version wrote it.
    Unknown,
}

/// Carries entries out, in order. What depends on nothing is written together.
pub(super) async fn run(
    pipeline: &Pipeline,
    ids: impl Iterator<Item = InboxId>,
) -> Result<Vec<Run>, CommitError> {
    let mut runs = Vec::new();
    let mut together = Decision::new();
    let mut over = Vec::new();
    let mut ids = ids;
    for id in ids.by_ref() {
        let (decision, run) = one(pipeline, id).await?;
        let rests_on_something = !decision.reads.is_empty();
        if rests_on_something {
            write(pipeline, &mut together).await?;
            match pipeline.commit(decision).await {
                Ok(()) => {}
                // The others wait until this one is decided again.
                Err(CommitError::Conflict) => {
                    runs.push(Run::Again);
                    break;
                }
                Err(error) => return Err(error),
            }
        } else {
            together.writes.extend(decision.writes);
        }
        if matches!(run, Run::Done) {
            over.push(id);
        }
        runs.push(run);
    }
    write(pipeline, &mut together).await?;
    for id in over {
        pipeline.bodies.forget(id);
    }
    runs.extend(ids.map(|_| Run::Again));
    Ok(runs)
}

async fn write(pipeline: &Pipeline, together: &mut Decision) -> Result<(), CommitError> {
    if together.writes.is_empty() {
        return Ok(());
    }
    pipeline.commit(std::mem::take(together)).await
}

/// What is to be written about an entry, and what comes of it then.
async fn one(pipeline: &Pipeline, id: InboxId) -> Result<(Decision, Run), CommitError> {
    let Some(understood) = look(pipeline, id).await? else { return Ok((Decision::new(), Run::Done)) };
    let world = pipeline.world();
    let Understood { large, entry, since, source, meaning } = understood;
    if large && let Meaning::Event(event) = &meaning {
        pipeline.bodies.remember(id, source.clone(), event.clone());
    }
    let made = match meaning {
        Meaning::Event(event) => bot::decide(&world, entry, &event).await,
        Meaning::Made(made) => Ok(made),
        // Not thrown away: the version that wrote it can still carry it out.
        Meaning::Unknown => {
            let why = "another version of flaglink wrote this; this one does not know it";
            let trouble = Trouble::again_in(Duration::ZERO, why);
            return Ok(bury(entry, since, Decision::new(), &trouble));
        }
    };
    Ok(match made {
        Ok(Made::Decision(mut decision)) => {
            decision.write(Write::InboxDone(id));
            (decision, Run::Done)
        }
        Ok(Made::Nothing(reason)) => {
            world.metrics().ignored(&source, reason);
            tracing::debug!(entry = id.0, source, reason, "of no use");
            let mut decision = Decision::new();
            decision.write(Write::InboxDone(id));
            (decision, Run::Done)
        }
        Ok(Made::NotYet(decision, trouble)) => later(entry, since, decision, &trouble),
        Err(trouble) => later(entry, since, Decision::new(), &trouble),
    })
}

async fn look(pipeline: &Pipeline, id: InboxId) -> Result<Option<Understood>, StoreError> {
    let Some((source, event)) = pipeline.bodies.recall(id) else {
        return pipeline.look_at(id, understood).await;
    };
    let entry = pipeline.world().store().inbox_entry_without_body(id).await?;
    Ok(entry.map(|entry| of(&entry, source, Meaning::Event(event))))
}

fn understood(world: &World, entry: InboxEntry) -> Understood {
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
    of(&entry, source_of(&entry), meaning)
}

fn of(inbox_entry: &InboxEntry, source: String, meaning: Meaning) -> Understood {
    let InboxEntry { id, attempts, not_before, revived, since, .. } = *inbox_entry;
    let entry = Entry { id, attempts, not_before, revived, now: Timestamp::now() };
    Understood { large: bodies::is_large(inbox_entry), entry, since, source, meaning }
}

fn later(
    entry: Entry,
    since: Option<Timestamp>,
    mut decision: Decision,
    trouble: &Trouble,
) -> (Decision, Run) {
    if entry.attempts >= retry::GIVE_UP {
        return bury(entry, since, decision, trouble);
    }
    let not_before = after(trouble, entry.attempts);
    if matches!(trouble.waits, Waits::Moment(_)) {
        tracing::debug!(entry = entry.id.0, attempts = entry.attempts, reason = %trouble, "waits for its moment");
    } else {
        tracing::warn!(entry = entry.id.0, attempts = entry.attempts, reason = %trouble, "to be tried again");
    }
    decision.write(Write::InboxLater { id: entry.id, not_before, reason: trouble.to_string() });
    (decision, Run::Later(not_before))
}

/// It has been tried for a day and more. What it asked for is too old to be done by now; that it was not is not to be lost.
fn bury(
    entry: Entry,
    since: Option<Timestamp>,
    mut decision: Decision,
    trouble: &Trouble,
) -> (Decision, Run) {
    tracing::error!(entry = entry.id.0, attempts = entry.attempts, reason = %trouble, "given up; see the queue");
    decision.write(Write::InboxDead(DeadLetter {
        id: entry.id.0,
        at: Timestamp::now(),
        begun: since,
        reason: trouble.to_string(),
        attempts: entry.attempts,
        what: DeadThing::Inbox(entry.id),
    }));
    (decision, Run::Done)
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
