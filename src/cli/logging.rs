//! How much is logged while a command runs.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::telemetry::{FILTER_VARIABLE, LogOptions};

use super::{Context, Trouble};

/// Checks `--log`, so that a typing error does not look like silence.
pub(super) fn filter(text: &str) -> Result<String, String> {
    for part in text.split(',').map(str::trim) {
        // A lone word would be taken for the name of a part of the program.
        let level = part.parse::<tracing_subscriber::filter::LevelFilter>().is_ok();
        if !level && !part.contains('=') {
            return Err(format!(
                "`{part}` is no level; there are off, error, warn, info, debug and trace, and for one part of flaglink \
                 `flaglink::gitlab=debug`"
            ));
        }
    }
    EnvFilter::try_new(text).map_err(|error| error.to_string())?;
    Ok(text.to_owned())
}

/// Logs to standard error from here on: as `--log` says, else as the variable says, else `unless_said`.
pub(super) fn set_up(context: &Context, unless_said: &str) -> Result<(), Trouble> {
    let mut env = context.env.clone();
    if let Some(filter) = &context.log {
        env.insert(FILTER_VARIABLE.to_owned(), filter.clone());
    } else {
        let said = env.get(FILTER_VARIABLE).is_some_and(|filter| !filter.trim().is_empty());
        if !said {
            env.insert(FILTER_VARIABLE.to_owned(), unless_said.to_owned());
        }
    }
    LogOptions::new(&env, context.json, std::io::stderr().is_terminal())
        .install()
        .map_err(|error| Trouble::Arguments(error.to_string()))
}
