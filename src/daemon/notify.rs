//! What systemd is told.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::store::Store;

/// How much longer systemd is asked to wait each time while flaglink starts, and how often it is asked.
const LONGER: Duration = Duration::from_secs(60);
const ASK: Duration = Duration::from_secs(20);
/// A start that takes longer than that hangs.
const LONGEST_START: Duration = Duration::from_secs(30 * 60);

/// Asks systemd for patience until it is dropped: with much in the store, and much that waits there, a start takes longer than
/// a unit allows by default.
pub(super) struct Starting(JoinHandle<()>);

pub(super) fn starting() -> Starting {
    Starting(tokio::spawn(async {
        let asking = async {
            let mut ticks = tokio::time::interval(ASK);
            loop {
                ticks.tick().await;
                tell(&[NotifyState::ExtendTimeoutUsec(
                    u32::try_from(LONGER.as_micros()).unwrap_or(u32::MAX),
                )]);
            }
        };
        let _: Result<(), _> = tokio::time::timeout(LONGEST_START, asking).await;
    }))
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// Tells systemd that the configuration is read again, and, when it is dropped, that this is over.
pub(super) struct Reloading;

pub(super) fn reloading() -> Reloading {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::debug!(%error, "systemd could not be told"),
    }
    Reloading
}

impl Drop for Reloading {
    fn drop(&mut self) {
        ready();
    }
}

/// Tells systemd how it is, in a line: `systemctl status` shows it.
pub(super) fn status(line: &str) {
    // A line of its own would be another message.
    tell(&[NotifyState::Status(&line.replace(char::is_control, " "))]);
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells systemd that the daemon is alive, twice in the time that it allows, where it asked for that.
pub(super) fn watchdog(store: Arc<dyn Store>) -> JoinHandle<()> {
    tokio::spawn(async move {
        let Some(allowed) = sd_notify::watchdog_enabled() else { return };
        let every = (allowed / 2).max(Duration::from_millis(100));
        heartbeat(store.as_ref(), every, || tell(&[NotifyState::Watchdog])).await;
    })
}

/// Calls `beat` every so often, each time after the store has written something and read something.
///
/// What it answers does not count: a disk that is full mends without a restart. But where it does not answer, or the threads
/// that ask it are all held up, nothing that comes in is kept, and no beat follows.
pub async fn heartbeat(store: &dyn Store, every: Duration, beat: impl Fn()) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = store.check().await {
            tracing::debug!(%error, "alive, although the store cannot be written");
        }
        if let Err(error) = store.register().await {
            tracing::debug!(%error, "alive, although the store cannot be read");
        }
        beat();
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}
