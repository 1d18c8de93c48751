//! The timed work of one reading of the configuration: when it is read again this ends, and another begins.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::health::{self, Health};
use super::public::Finding;
use crate::config::Config;
use crate::pipeline::{
    CatchingUp, HookSettings, HooksOff, KeepingInStep, OwnAddress, Pipeline, catch_up, keep_hooks_in_step,
    poll, remind, rules_changed,
};

/// How long the end of a shift is waited for. What is being asked for at that moment is let go of then: whatever it was for is
/// found again by whoever comes next.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long after a failure the rules are shown again.
const SHOWN_AGAIN: Duration = Duration::from_secs(30);

/// What looks for the public address. It goes on over a new reading that says nothing else about it: a tunnel that flaglink opens
/// itself must not close for a change of a rule.
pub(super) struct Search {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Search {
    /// Begins, where the address is not written.
    pub(super) fn begin(gear: &Gear, config: &Config) -> Option<Self> {
        let stop = gear.stop.child_token();
        let task = tokio::spawn(gear.finding.as_ref()?.run(config, stop.clone()));
        Some(Self { stop, task })
    }

    /// Ends it.
    pub(super) async fn end(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(PATIENCE, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

/// What every shift is given.
pub(super) struct Gear {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) health: Arc<Health>,
    pub(super) hooks_off: Arc<HooksOff>,
    pub(super) address: OwnAddress,
    /// How often catching up has looked since the start.
    pub(super) runs: watch::Sender<u64>,
    /// How often the registered webhooks have been looked at since the start.
    pub(super) hook_runs: watch::Sender<u64>,
    /// Where the public address is not written but found.
    pub(super) finding: Option<Finding>,
    /// The end of the daemon.
    pub(super) stop: CancellationToken,
}

/// What runs now.
pub(super) struct Shift {
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Shift {
    /// Begins to poll, catch up, remind and ask for everybody's health, as that configuration says. The pipeline has its world
    /// already.
    pub(super) fn begin(gear: &Gear, config: &Config) -> Self {
        let stop = gear.stop.child_token();
        let mut tasks = JoinSet::new();
        for provider in gear.pipeline.world().flags().iter() {
            tasks.spawn(poll(Arc::clone(&gear.pipeline), Arc::clone(provider), stop.clone()));
        }
        let plan = CatchingUp {
            every: config.gitlab.catch_up.duration(),
            address: gear.address.clone(),
            hooks_off: Arc::clone(&gear.hooks_off),
            runs: gear.runs.clone(),
        };
        tasks.spawn(catch_up(Arc::clone(&gear.pipeline), plan, stop.clone()));
        let plan = KeepingInStep {
            settings: HookSettings {
                address: gear.address.public.clone(),
                apart: config.gitlab.catch_up.duration(),
            },
            every: config.gitlab.catch_up.duration(),
            runs: gear.hook_runs.clone(),
        };
        tasks.spawn(keep_hooks_in_step(Arc::clone(&gear.pipeline), plan, stop.clone()));
        tasks.spawn(remind(Arc::clone(&gear.pipeline), config.reminders.clone(), stop.clone()));
        gear.health.configure(config);
        tasks.spawn(health::watch(Arc::clone(&gear.pipeline), Arc::clone(&gear.health), stop.clone()));
        Self { stop, tasks }
    }

    /// What the rules show has changed and could not be looked at: it is tried until it can.
    pub(super) fn show_rules(&mut self, gear: &Gear) {
        let (pipeline, stop) = (Arc::clone(&gear.pipeline), self.stop.clone());
        self.tasks.spawn(async move {
            let again = async {
                loop {
                    tokio::time::sleep(SHOWN_AGAIN).await;
                    match rules_changed(&pipeline).await {
                        Ok(()) => return,
                        Err(trouble) => {
                            tracing::debug!(reason = %trouble, "what the new rules show differently is not looked at yet");
                        }
                    }
                }
            };
            tokio::select! {
                () = again => {}
                () = stop.cancelled() => {}
            }
        });
    }

    /// Ends it.
    pub(super) async fn end(mut self) {
        self.stop.cancel();
        self.ended(PATIENCE).await;
    }

    /// Waits until all of it has ended, for so long at most.
    pub(super) async fn ended(&mut self, patience: Duration) {
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(patience, all).await.is_err() {
            self.tasks.shutdown().await;
        }
    }
}
