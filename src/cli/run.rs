//! `flaglink run`.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::daemon::{self, StartError};
use crate::telemetry::Metrics;

use super::{Context, Trouble, config, logging};

/// Runs the daemon until SIGTERM or SIGINT.
pub(super) fn run(context: &Context) -> Result<(), Trouble> {
    // First, so that a mistake in the configuration is not the only thing that is not logged.
    logging::set_up(context, "info")?;
    let file = context.config_file()?;
    let (config, _) = config::load(context, &file, &Arc::new(Metrics::default()))?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Trouble::World(format!("this machine gives flaglink nothing to work with: {error}"))
        })?
        .block_on(async {
            let stop = stop_on_signals()?;
            daemon::run(config, stop).await.map_err(|error| match error {
                StartError::Config(error) => Trouble::from(error),
                other => Trouble::World(other.to_string()),
            })
        })
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
