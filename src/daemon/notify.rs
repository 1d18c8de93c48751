//! What systemd is told.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::task::JoinHandle;

pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Tells systemd that the daemon is alive, twice in the time that it allows, where it asked for that.
pub(super) fn watchdog() -> JoinHandle<()> {
    tokio::spawn(async move {
        let Some(allowed) = sd_notify::watchdog_enabled() else { return };
        let mut every = tokio::time::interval((allowed / 2).max(Duration::from_millis(100)));
        loop {
            every.tick().await;
            tell(&[NotifyState::Watchdog]);
        }
    })
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd could not be told");
    }
}
