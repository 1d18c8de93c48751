//! `flaglink run`.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::daemon::{self, StartError};

use super::{Context, Trouble, logging, runtime};

/// Runs the daemon until SIGTERM or SIGINT.
pub(super) fn run(context: &Context) -> Result<(), Trouble> {
    logging::set_up(context, "info")?;
    let config = Config::load(&context.config_file()?, &context.env)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let all_threads = &mut tokio::runtime::Builder::new_multi_thread();
    runtime(all_threads)?.block_on(async {
        let stop = stop_on_signals()?;
        daemon::run(config, stop).await.map_err(Trouble::from)
    })
}

impl From<StartError> for Trouble {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(_)
            | StartError::OtherInstance { .. }
            | StartError::OrphanedProvider { .. } => Self::Arguments(error.to_string()),
            _ => Self::World(error.to_string()),
        }
    }
}

/// Cancelled by the first SIGTERM or SIGINT. A second one ends the process at once, for those who cannot wait: what was
/// answered is on disk, so nothing is lost by that.
fn stop_on_signals() -> Result<CancellationToken, Trouble> {
    let deaf = |error| Trouble::World(format!("flaglink cannot be told to stop: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(deaf)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(deaf)?;
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("told to stop (SIGTERM); what runs is finished first"),
            _ = interrupt.recv() => tracing::info!("told to stop (SIGINT); what runs is finished first"),
        }
        told.cancel();
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("told to stop again; stopping at once");
        std::process::exit(1);
    });
    Ok(stop)
}
