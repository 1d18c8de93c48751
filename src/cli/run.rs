//! `flaglink run`.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::daemon::{self, StartError};

use super::proxy_words::{WRITE_IT, unusable};
use super::{Context, Trouble, logging, runtime};

/// Longer than the drain this process does not last after it was told to stop, whatever hangs. The unit for systemd allows
/// some seconds more.
const AT_MOST: Duration = Duration::from_secs(10);

/// How long threads that wait for the system (for a name to be looked up, for example) are waited for when all is done.
const THREADS: Duration = Duration::from_secs(1);

/// `SIGXFSZ`: a file may not grow any more (`RLIMIT_FSIZE`). The same on every machine that flaglink is built for.
const FILE_TOO_LARGE: i32 = 25;

/// Runs the daemon until SIGTERM or SIGINT.
pub(super) fn run(context: &Context) -> Result<(), Trouble> {
    logging::set_up(context, "info")?;
    let config = Config::load(&context.config_file()?, &context.env)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    for why in unusable(&context.env) {
        tracing::warn!("{why}; {WRITE_IT}");
    }
    let all_threads = &mut tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime(all_threads)?;
    let ended = runtime.block_on(async {
        full_disks_are_answered()?;
        let stop = stop_on_signals(config.limits.drain.duration())?;
        let again = read_again_on_signal(&stop)?;
        let env = context.env.clone();
        let path = config.path.clone();
        let reader = Box::new(move || Config::load(&path, &env));
        daemon::run(config, reader, &again, stop).await.map_err(Trouble::from)
    });
    runtime.shutdown_timeout(THREADS);
    ended
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

/// A file that may not grow is an error of the write, to be answered as a full disk is. Without a handler the signal that
/// comes with it ends the process.
fn full_disks_are_answered() -> Result<(), Trouble> {
    signal(SignalKind::from_raw(FILE_TOO_LARGE)).map(drop).map_err(|error| {
        Trouble::World(format!("flaglink cannot be kept from ending when a file is full: {error}"))
    })
}

/// Told by each SIGHUP: the configuration is to be read again. While flaglink starts or stops one is kept, or does nothing; it
/// never ends the process.
fn read_again_on_signal(stop: &CancellationToken) -> Result<Arc<Notify>, Trouble> {
    let deaf =
        |error| Trouble::World(format!("flaglink cannot be told to read its configuration again: {error}"));
    let mut hangup = signal(SignalKind::hangup()).map_err(deaf)?;
    let (again, stop) = (Arc::new(Notify::new()), stop.clone());
    let told = Arc::clone(&again);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            if stop.is_cancelled() {
                continue;
            }
            tracing::info!("told to read the configuration again (SIGHUP)");
            told.notify_one();
        }
    });
    Ok(again)
}

/// Cancelled by the first SIGTERM or SIGINT. A second one ends the process at once, for those who cannot wait: what was
/// answered is on disk, so nothing is lost by that.
fn stop_on_signals(drain: Duration) -> Result<CancellationToken, Trouble> {
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
        // On a thread of its own: it is for the case that nothing else moves.
        std::thread::spawn(move || {
            std::thread::sleep(drain + AT_MOST);
            tracing::error!("the time to stop in is long over and something hangs; stopping without it");
            std::process::exit(1);
        });
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::warn!("told to stop again; stopping at once");
        std::process::exit(1);
    });
    Ok(stop)
}
