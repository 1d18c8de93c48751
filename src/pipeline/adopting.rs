//! Links that people put on flags in their own service, or take off there, are looked at with each poll.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::Pipeline;
use crate::bot::{Trouble, adopt};
use crate::domain::{Flag, FlagRef};
use crate::flags::FlagProvider;
use crate::store::CommitError;

/// A service that had to be waited for is asked no faster from then on: others want to ask it, too.
const SPACE: Duration = Duration::from_millis(250);

/// Looks at every flag that has or had links. Nothing is decided before all of them were read: what is gone on many at once
/// is doubted.
pub(super) async fn adopt_links(pipeline: &Pipeline, provider: &dyn FlagProvider) -> Result<(), Trouble> {
    let world = pipeline.world();
    if !adopt::is_wanted(&world, provider) {
        return Ok(());
    }
    let mut flags: BTreeMap<FlagRef, Flag> = BTreeMap::new();
    for flag in provider.flags_with_links().await? {
        flags.insert(flag.flag.clone(), flag);
    }
    for flag in world.store().linked_flags(provider.name()).await? {
        let record = world.store().flag(&flag).await?.value;
        if let Some(record) = record.filter(|record| !record.mirrors.is_empty()) {
            flags.entry(flag).or_insert(record.flag);
        }
    }
    let mut looked = Vec::with_capacity(flags.len());
    let had_to_wait = AtomicBool::new(false);
    let waits = |_: &Trouble, _: Duration| had_to_wait.store(true, Ordering::Relaxed);
    for flag in flags.into_values() {
        if had_to_wait.load(Ordering::Relaxed) {
            tokio::time::sleep(SPACE).await;
        }
        match adopt::look(&world, provider, flag, &waits).await {
            Ok(seen) => looked.extend(seen),
            // Deleted meanwhile: that is seen elsewhere.
            Err(trouble) if trouble.failure.as_ref().is_some_and(|failure| failure.is_not_found()) => {}
            Err(trouble) => return Err(trouble),
        }
    }
    let missing = looked.iter().map(adopt::Looked::missing).sum();
    let kept = looked.iter().map(adopt::Looked::kept).sum();
    let now = Timestamp::now();
    let too_many = world.adoptions().weigh(world.metrics(), provider.name(), missing, kept, now);
    let doubted = too_many || world.doubts().of(provider.name()).is_some();
    for one in looked {
        let adopted = match adopt::decide(&world, provider, one, doubted, now).await {
            Ok(Some(adopted)) => adopted,
            Ok(None) => continue,
            Err(trouble) => {
                tracing::warn!(reason = %trouble, "links on a flag could not be looked at; the next poll tries again");
                continue;
            }
        };
        match pipeline.commit(adopted.decision).await {
            Ok(()) => world.adoptions().note_taken_off(provider.name(), adopted.taken_off, now),
            // Something of it changed meanwhile: the next poll looks again.
            Err(CommitError::Conflict) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
    Ok(())
}
