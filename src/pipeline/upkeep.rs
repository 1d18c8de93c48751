//! Timed work that keeps the house in order: the export, what is remembered against repeats, the gauges.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Pipeline;
use crate::bot::limits::REMEMBERED;
use crate::store::DeadTally;

/// How often the gauges are set.
const GAUGES: Duration = Duration::from_secs(5);
/// How often old memories are swept out, and how often the links are exported.
const EXPORT: Duration = Duration::from_secs(10 * 60);

/// Work that is under way; how many links were written, or why that failed.
type Exporting = std::pin::Pin<Box<dyn Future<Output = Result<u64, String>> + Send>>;

/// What is done on a timer besides.
pub struct Upkeep {
    /// Writes the export.
    pub export: Box<dyn Fn() -> Exporting + Send + Sync>,
}

/// Runs until `stop` says so; exports once more before it returns.
pub async fn keep_up(pipeline: Arc<Pipeline>, upkeep: Upkeep, stop: CancellationToken) {
    let mut gauges = tokio::time::interval(GAUGES);
    let mut store_was_well = true;
    let mut export = tokio::time::interval(EXPORT);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = gauges.tick() => {
                set_gauges(&pipeline).await;
                store_was_well = look_after_store(&pipeline, store_was_well).await;
            }
            _ = export.tick() => {
                tokio::select! {
                    () = sweep(&pipeline) => {}
                    // It goes on where there is something to sweep at the next start.
                    () = stop.cancelled() => break,
                }
                write_export(&upkeep).await;
            }
        }
    }
    write_export(&upkeep).await;
}

async fn set_gauges(pipeline: &Pipeline) {
    let world = pipeline.world();
    match world.store().backlog().await {
        Ok(waits) => world.metrics().backlog(waits.inbox, waits.edges, waits.stale),
        Err(error) => tracing::warn!(%error, "cannot count what waits"),
    }
    match world.store().dead_tally().await {
        Ok(tally) => {
            let many = |kind| (kind, tally.kinds.get(kind).copied().unwrap_or_default());
            let age = tally.oldest.map(|oldest| Timestamp::now().duration_since(oldest));
            let age = age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default();
            world.metrics().dead_letters(DeadTally::KINDS.map(many), age);
        }
        Err(error) => tracing::warn!(%error, "cannot count what was given up"),
    }
}

/// What the store refused may have reached the disk all the same: once it is well again, everything that waits is taken
/// up anew. It may have failed and got well between two looks, so the pipeline remembers. Returns whether it is well.
async fn look_after_store(pipeline: &Pipeline, was_well: bool) -> bool {
    if let Err(error) = pipeline.world().store().check().await {
        if was_well {
            tracing::error!(%error, "the store cannot be written; webhooks are answered 503 until it can");
        }
        pipeline.note_refusal();
        return false;
    }
    if !pipeline.store_refused.swap(false, Ordering::Relaxed) {
        return true;
    }
    tracing::info!("the store can be written again; what waits is taken up");
    match pipeline.load().await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "what waits cannot be read");
            pipeline.note_refusal();
            false
        }
    }
}

async fn sweep(pipeline: &Pipeline) {
    let before = Timestamp::now().checked_sub(REMEMBERED).unwrap_or(Timestamp::MIN);
    match pipeline.world().store().sweep(before).await {
        Ok(0) => {}
        Ok(deleted) => tracing::info!(deleted, "deleted what is over and was remembered for long enough"),
        Err(error) => tracing::warn!(%error, "cannot delete old memories"),
    }
}

async fn write_export(upkeep: &Upkeep) {
    if let Err(error) = (upkeep.export)().await {
        tracing::error!(error, "the export of the links could not be written");
    }
}
