//! The daemon keeps webhooks in step.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::report::HookProblem;
use super::{HookChoice, HookSettings, leaving, sync_hooks};
use crate::net;
use crate::pipeline::Pipeline;

/// How the daemon keeps webhooks in step.
#[derive(Debug)]
pub struct KeepingInStep {
    /// What is registered.
    pub settings: HookSettings,
    /// The time between two looks.
    pub every: Duration,
    /// How many looks have ended.
    pub runs: watch::Sender<u64>,
}

/// Keeps webhooks in step until `stop`: at once, when the public address changes, and on a timer. Where none are registered (any
/// more), until those are gone that were.
pub async fn keep_hooks_in_step(pipeline: Arc<Pipeline>, plan: KeepingInStep, stop: CancellationToken) {
    let mut address = plan.settings.address.clone();
    let mut failures = 0;
    loop {
        let looked = tokio::select! {
            looked = once(&pipeline, &plan.settings) => looked,
            () = stop.cancelled() => return,
        };
        plan.runs.send_modify(|runs| *runs += 1);
        if !pipeline.hooks().registers() && !is_anything_left(&pipeline).await {
            return;
        }
        failures = if looked { 0 } else { failures + 1 };
        let pause = if looked { plan.every } else { net::delay(failures, None).min(plan.every) };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = address.changed() => failures = 0,
            () = stop.cancelled() => return,
        }
    }
}

/// Whether webhooks are kept that have to go, where none are registered any more.
async fn is_anything_left(pipeline: &Pipeline) -> bool {
    let records = pipeline.world().store().hooks().await;
    records.map_or(true, |records| records.iter().any(leaving::is_left))
}

/// One look at all. `false`: something was in the way that passes by itself.
async fn once(pipeline: &Pipeline, settings: &HookSettings) -> bool {
    if pipeline.hooks().registers() && settings.address.now().is_none() {
        // Whoever looks for the address says why there is none.
        return true;
    }
    let all = match sync_hooks(pipeline, settings, &HookChoice::default(), false, false).await {
        Ok(all) => all,
        Err(trouble) => {
            tracing::warn!(reason = %trouble, "cannot look at the webhooks; trying again until it can be done");
            return false;
        }
    };
    for done in all.iter().filter(|done| !done.did.is_empty()) {
        tracing::info!(of = done.name, "the webhook was brought into step: {}", done.did.join("; "));
    }
    let problems: BTreeMap<String, HookProblem> =
        all.into_iter().filter_map(|done| Some((done.name, done.problem?))).collect();
    let good = !problems.values().any(|problem| problem.passes);
    pipeline.hooks().tell(problems);
    good
}
