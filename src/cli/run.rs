//! `flaglink run`.

use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::flags::Registry;
use crate::telemetry::Metrics;

use super::{Context, Trouble, config, logging};

/// Runs the daemon until SIGTERM or SIGINT.
pub(super) fn run(context: &Context) -> Result<(), Trouble> {
    // First, so that a mistake in the configuration is not the only thing that is not logged.
    logging::set_up(context, "info")?;
    let file = context.config_file()?;
    let metrics = Arc::new(Metrics::default());
    let (config, providers) = config::load(context, &file, &metrics)?;
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
            serve(config, providers, metrics, stop).await
        })
}

/// Hands everything over to the daemon.
async fn serve(
    config: Config,
    providers: Registry,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) -> Result<(), Trouble> {
    // The one missing line, once there is a daemon:
    //     crate::daemon::run(config, Options { providers, metrics, stop }).await.map_err(|error| Trouble::World(error.to_string()))
    drop((config, providers, metrics, stop));
    Err(Trouble::World("this build of flaglink has no daemon".to_owned()))
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
