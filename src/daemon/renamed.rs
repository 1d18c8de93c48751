//! Providers that were renamed in the configuration, and those that are not there any more.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::StartError;
use crate::config::{Config, ProviderTable};
use crate::domain::{Decision, FlagRef, Level, NoteableRecord, Write};
use crate::store::{CommitError, Store};

/// How many noteables are looked at in one go.
const PAGE: usize = 500;

/// Sees to it that no link is orphaned by a provider's new name: where the configuration says what it was called
/// before, links follow; where links belong to a provider that is not configured, flaglink does not start.
pub(super) async fn follow(store: &dyn Store, config: &Config) -> Result<(), StartError> {
    let configured = |name: &str| config.providers.iter().any(|table| table.name == name);
    for name in store.providers_in_use().await? {
        if configured(&name) || config.store.retired_providers.contains(&name) {
            continue;
        }
        let now_called = config.providers.iter().find(|table| table.formerly.contains(&name));
        match now_called {
            Some(table) => rename(store, &name, table).await?,
            None => return Err(StartError::OrphanedProvider { name, known: names(&config.providers) }),
        }
    }
    Ok(())
}

/// The same for a daemon that runs: links that would have to follow a new name would do so under the feet of whoever works on
/// them.
pub(super) async fn check(store: &dyn Store, config: &Config) -> Result<(), StartError> {
    for name in store.providers_in_use().await? {
        let configured = config.providers.iter().any(|table| table.name == name);
        if configured || config.store.retired_providers.contains(&name) {
            continue;
        }
        return Err(match config.providers.iter().find(|table| table.formerly.contains(&name)) {
            Some(table) => StartError::Running(format!(
                "links of `{name}` follow to its new name `{}` when flaglink starts: start it again for that",
                table.name
            )),
            None => StartError::OrphanedProvider { name, known: names(&config.providers) },
        });
    }
    Ok(())
}

fn names(tables: &[ProviderTable]) -> String {
    tables.iter().map(|table| table.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// One noteable at a time, so that it can be interrupted anywhere: what is renamed is not found again.
async fn rename(store: &dyn Store, old: &str, table: &ProviderTable) -> Result<(), StartError> {
    let mut after = None;
    let mut renamed = 0_u64;
    loop {
        let page = store.linked_noteables(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.noteable.clone());
        for record in page.iter().filter(|record| record.links.iter().any(|link| link.flag.provider == old)) {
            rename_in(store, record, old, &table.name).await?;
            renamed += 1;
        }
    }
    tracing::info!(old, new = table.name, noteables = renamed, "a provider has a new name; its links follow");
    Ok(())
}

async fn rename_in(
    store: &dyn Store,
    record: &NoteableRecord,
    old: &str,
    new: &str,
) -> Result<(), StartError> {
    let mut decision = Decision::new();
    let Some(mut record) = decision.rests_on(store.noteable(&record.noteable).await?) else { return Ok(()) };
    let mut flags: BTreeMap<FlagRef, FlagRef> = BTreeMap::new();
    let mut renamed = |flag: &mut FlagRef| {
        if flag.provider == old {
            let before = flag.clone();
            new.clone_into(&mut flag.provider);
            flags.insert(before, flag.clone());
        }
    };
    record.links.iter_mut().for_each(|link| renamed(&mut link.flag));
    record.history.iter_mut().for_each(|change| renamed(&mut change.flag));
    let untold = record.telling.iter_mut().flat_map(|telling| &mut telling.untold);
    untold.for_each(|untold| renamed(&mut untold.flag));
    for (before, now) in flags {
        // What was still to be done on it was to be done under its old name.
        decision.mark_flag_stale(&now, Timestamp::now());
        if store.flag(&now).await?.value.is_none()
            && let Some(mut flag) = store.flag(&before).await?.value
        {
            flag.flag.flag = now;
            decision.write(Write::PutFlag(Box::new(flag)));
        }
    }
    decision.write(Write::MarkStale(Level::Panel(record.noteable.clone()), Timestamp::now()));
    decision.write(Write::PutNoteable(Box::new(record)));
    match store.commit(decision).await {
        // Nothing else writes yet.
        Ok(()) | Err(CommitError::Conflict) => Ok(()),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
