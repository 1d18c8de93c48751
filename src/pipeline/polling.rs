//! Polling: the safety net behind webhooks, and enough without them.

use std::collections::HashMap;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Pipeline;
use crate::bot::Trouble;
use crate::domain::{Claim, Decision, Event, FlagPointer, FlagRef, InboxId, Write};
use crate::flags::{FlagProvider, Hint};
use crate::store::CommitError;

/// Flags that are asked for in one go.
const AT_ONCE: usize = 500;
/// Of one flag no more than so many of the newest claims are kept.
const CLAIMS: usize = 100;

/// Polls one provider until `stop` says so: at once, then every `poll_interval`.
pub async fn poll(pipeline: Arc<Pipeline>, provider: Arc<dyn FlagProvider>, stop: CancellationToken) {
    let mut every = tokio::time::interval(provider.poll_interval());
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = stop.cancelled() => return,
        }
        let one = poll_once(&pipeline, provider.as_ref());
        let result = tokio::select! {
            result = one => result,
            () = stop.cancelled() => return,
        };
        match result {
            Ok(differences) => tracing::debug!(provider = provider.name(), differences, "polled"),
            Err(trouble) => {
                tracing::warn!(provider = provider.name(), reason = %trouble, "polling failed; the next poll tries again");
            }
        }
    }
}

/// Compares every linked flag with what was last seen, asks what happened, and lets the flags' lanes look. Returns how many
/// flags differ.
///
/// What the service tells of what happened also says who it was: it is asked after the states were read, so that it tells of
/// all that they show, and its word goes first. What it does not tell is found by comparing all the same.
async fn poll_once(pipeline: &Pipeline, provider: &dyn FlagProvider) -> Result<usize, Trouble> {
    let differing = differing(pipeline, provider).await;
    if let Err(trouble) = ask_what_changed(pipeline, provider).await {
        tracing::warn!(provider = provider.name(), reason = %trouble, "cannot ask what changed");
    }
    let differing = differing?;
    for flags in differing.chunks(AT_ONCE) {
        let mut decision = Decision::new();
        for flag in flags {
            decision.write(Write::QueueEvent(InboxId(pipeline.world().store().new_id()), look_at(flag)));
        }
        pipeline.commit(decision).await.map_err(|error| match error {
            CommitError::Store(error) => Trouble::from(error),
            CommitError::Conflict => Trouble::again_in(std::time::Duration::ZERO, error.to_string()),
        })?;
    }
    Ok(differing.len())
}

/// Asks a service that can tell it what has changed since it was asked last, and lets the flags' lanes look.
async fn ask_what_changed(pipeline: &Pipeline, provider: &dyn FlagProvider) -> Result<(), Trouble> {
    if !provider.abilities().changes_since {
        return Ok(());
    }
    let world = pipeline.world();
    let name = format!("flags/{}", provider.name());
    let since =
        world.store().register().await?.value.and_then(|register| register.cursors.get(&name).cloned());
    let mut changes = provider.changes_since(since.as_deref()).await?;
    // What is told afterwards shows by now, or was overtaken: it is not waited for.
    for claim in changes.hints.iter_mut().filter_map(|hint| hint.claim.as_mut()) {
        claim.visible = false;
    }
    if since.as_ref() == Some(&changes.cursor) && changes.hints.is_empty() {
        return Ok(());
    }
    loop {
        let mut decision = Decision::new();
        let mut register = decision.rests_on(world.store().register().await?).unwrap_or_default();
        register.cursors.insert(name.clone(), changes.cursor.clone());
        decision.write(Write::PutRegister(Box::new(register)));
        for (flag, claims) in by_flag(&changes.hints) {
            let event = Event::FlagChanged { provider: provider.name().to_owned(), flag, claims };
            decision.write(Write::QueueEvent(InboxId(world.store().new_id()), event));
        }
        match pipeline.commit(decision).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// What is told of each flag together, the newest first: one look shows all that happened since the last, and is to know of
/// each part whose it is. What is about no single flag comes last, since it says nothing of anybody.
fn by_flag(hints: &[Hint]) -> Vec<(FlagPointer, Vec<Claim>)> {
    let mut flags: Vec<(FlagPointer, Vec<Claim>)> = Vec::new();
    let mut places: HashMap<&FlagPointer, usize> = HashMap::new();
    for hint in hints.iter().rev() {
        let place = *places.entry(&hint.flag).or_insert_with(|| {
            flags.push((hint.flag.clone(), Vec::new()));
            flags.len() - 1
        });
        let known = flags.get_mut(place).filter(|(_, claims)| claims.len() < CLAIMS);
        if let (Some((_, claims)), Some(claim)) = (known, &hint.claim) {
            claims.push(claim.clone());
        }
    }
    flags.sort_by_key(|(flag, _)| *flag == FlagPointer::Any);
    flags
}

/// The linked flags that are not as they were last seen.
async fn differing(pipeline: &Pipeline, provider: &dyn FlagProvider) -> Result<Vec<FlagRef>, Trouble> {
    let world = pipeline.world();
    let linked = world.store().linked_flags(provider.name()).await?;
    let mut differing = Vec::new();
    for flags in linked.chunks(AT_ONCE) {
        let mut asked = Vec::with_capacity(flags.len());
        let mut records = Vec::with_capacity(flags.len());
        for flag in flags {
            if let Some(record) = world.store().flag(flag).await?.value {
                asked.push((flag.clone(), record.flag.internal_id.clone()));
                records.push(record);
            }
        }
        if asked.is_empty() {
            continue;
        }
        let states = provider.states(&asked).await?;
        for (record, state) in records.iter().zip(states) {
            let differs = match (&record.state, &state) {
                (_, None) => record.missing_since.is_none(),
                (Some(before), Some(now)) => {
                    record.missing_since.is_some() || !before.changes_to(now).is_empty()
                }
                (None, Some(_)) => true,
            };
            if differs {
                differing.push(record.flag.flag.clone());
            }
        }
    }
    Ok(differing)
}

fn look_at(flag: &FlagRef) -> Event {
    Event::FlagChanged {
        provider: flag.provider.clone(),
        flag: FlagPointer::Key { scope: flag.scope.clone(), key: flag.key.clone() },
        claims: Vec::new(),
    }
}
