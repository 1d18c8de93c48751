//! Polling: the safety net behind webhooks, and enough without them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Pipeline;
use crate::bot::Trouble;
use crate::domain::{Decision, Event, FlagPointer, FlagRef, InboxId, Write};
use crate::flags::FlagProvider;
use crate::store::CommitError;

use super::inbox::queue_looks;

/// Flags that are asked for in one go.
const AT_ONCE: usize = 500;

/// Polls one provider until `stop` says so: at once, then every `poll_interval`.
pub async fn poll(pipeline: Arc<Pipeline>, provider: Arc<dyn FlagProvider>, stop: CancellationToken) {
    let mut every = tokio::time::interval(provider.poll_interval());
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = stop.cancelled() => return,
        }
        let one = async {
            // What the service tells of its own accord also says who it was. What it does not tell is found by comparing, so
            // that one does not wait for the other.
            if let Err(trouble) = ask_what_changed(&pipeline, provider.as_ref()).await {
                tracing::warn!(provider = provider.name(), reason = %trouble, "cannot ask what changed");
            }
            poll_once(&pipeline, provider.as_ref()).await
        };
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
        queue_looks(&world, &mut decision, provider.name(), changes.hints.clone());
        match pipeline.commit(decision).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// Compares every linked flag with what was last seen; where they differ the flag's own lane looks. Returns how
/// many differ.
async fn poll_once(pipeline: &Pipeline, provider: &dyn FlagProvider) -> Result<usize, Trouble> {
    let world = pipeline.world();
    let linked = world.store().linked_flags(provider.name()).await?;
    let mut differences = 0;
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
        let mut decision = Decision::new();
        for (record, state) in records.iter().zip(states) {
            let differs = match (&record.state, &state) {
                (_, None) => record.missing_since.is_none(),
                (Some(before), Some(now)) => {
                    record.missing_since.is_some() || !before.changes_to(now).is_empty()
                }
                (None, Some(_)) => true,
            };
            if differs {
                differences += 1;
                decision
                    .write(Write::QueueEvent(InboxId(world.store().new_id()), look_at(&record.flag.flag)));
            }
        }
        if !decision.writes.is_empty() {
            pipeline.commit(decision).await.map_err(|error| match error {
                CommitError::Store(error) => Trouble::from(error),
                CommitError::Conflict => Trouble::again_in(std::time::Duration::ZERO, error.to_string()),
            })?;
        }
    }
    Ok(differences)
}

fn look_at(flag: &FlagRef) -> Event {
    Event::FlagChanged {
        provider: flag.provider.clone(),
        flag: FlagPointer::Key { scope: flag.scope.clone(), key: flag.key.clone() },
        claim: None,
    }
}
