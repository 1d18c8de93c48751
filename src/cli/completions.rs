//! `flaglink completions SHELL`.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Arguments, Trouble};

/// Writes the script to standard output.
pub(super) fn write(shell: Shell) -> Result<(), Trouble> {
    // The generator panics where its writer fails, so it does not get the real one.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "flaglink", &mut script);
    io::stdout().write_all(&script)?;
    Ok(())
}
