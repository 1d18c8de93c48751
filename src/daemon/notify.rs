//! Signals in, and what systemd is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The signals that end the daemon.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The name of the one that came.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells systemd that the daemon is alive, twice in the time that it allows, where it asked for that.
pub(super) fn watchdog(stop: CancellationToken) -> JoinHandle<()> {
    tokio::spawn(async move {
        let Some(allowed) = sd_notify::watchdog_enabled() else { return };
        let mut every = tokio::time::interval((allowed / 2).max(Duration::from_millis(100)));
        loop {
            every.tick().await;
            tell(&[NotifyState::Watchdog]);
            if stop.is_cancelled() {
                tracing::trace!("draining");
            }
        }
    })
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}
