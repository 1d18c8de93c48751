//! What can go wrong, and how that is told: what, where, and what to do about it.

use std::io::{self, Write};
use std::process::ExitCode;

use owo_colors::OwoColorize;

use super::screen::{error_width, fold};
use crate::config::ConfigError;

/// Why a command could not be carried out; for people.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Something is wrong with the world.
    World(String),
    /// Something is wrong with the arguments or the configuration.
    Arguments(String),
    /// Something is wrong with the world, and the answer has said what.
    Told,
    /// Whoever read our output has gone (`| head`): nothing is wrong at all.
    NobodyReads,
}

impl Trouble {
    pub(super) fn exit_code(&self) -> ExitCode {
        match self {
            Self::World(_) | Self::Told => ExitCode::from(1),
            Self::Arguments(_) => ExitCode::from(2),
            Self::NobodyReads => ExitCode::SUCCESS,
        }
    }
}

impl From<ConfigError> for Trouble {
    fn from(error: ConfigError) -> Self {
        Self::Arguments(error.to_string())
    }
}

impl From<io::Error> for Trouble {
    /// Of writing to standard output.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::NobodyReads,
            _ => Self::World(format!("the answer cannot be written: {error}")),
        }
    }
}

/// Tells it on standard error.
pub(super) fn tell(trouble: &Trouble) {
    let (Trouble::World(text) | Trouble::Arguments(text)) = trouble else { return };
    let wide = error_width();
    let folded: Vec<String> = text
        .lines()
        .enumerate()
        // What begins with spaces is a sample, to be copied as it stands.
        .map(|(nth, line)| match line.starts_with(' ') {
            true => line.to_owned(),
            false => fold(line, wide, if nth == 0 { 2 } else { 0 }, 2),
        })
        .collect();
    let text = folded.join("\n");
    // Where even this cannot be written, the exit code still says it.
    let _ = writeln!(anstream::stderr(), "{} {text}", "✘".red().bold());
}

/// A remark beside the answer, on standard error.
pub(super) fn remark(text: &str) {
    let _ = writeln!(anstream::stderr(), "{}", fold(text, error_width(), 0, 2).dimmed());
}
