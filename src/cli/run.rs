//! `flaglink run`.

use crate::config::Config;
use crate::daemon::{self, StartError};

use super::{Context, Trouble, logging, runtime};

/// Runs the daemon until SIGTERM or SIGINT.
pub(super) fn run(context: &Context) -> Result<(), Trouble> {
    logging::set_up(context, "info")?;
    let config = Config::load(&context.config_file()?, &context.env)?;
    let all_threads = &mut tokio::runtime::Builder::new_multi_thread();
    runtime(all_threads)?.block_on(daemon::run(config)).map_err(Trouble::from)
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
