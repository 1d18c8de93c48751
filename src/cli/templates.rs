//! `flaglink config templates`.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;

use owo_colors::OwoColorize;

use super::{Trouble, show};
use crate::markdown::DEFAULTS;

/// Prints the default templates, or writes those that are not there yet into a folder.
pub(super) fn perform(folder: Option<&Path>) -> Result<(), Trouble> {
    let Some(folder) = folder else {
        let mut out = io::stdout().lock();
        for (name, text) in DEFAULTS {
            writeln!(out, "{{# {name} #}}\n\n{text}")?;
        }
        return Ok(());
    };
    std::fs::create_dir_all(folder)?;
    let mut out = anstream::stdout().lock();
    for (name, text) in DEFAULTS {
        let path = folder.join(name);
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(text.as_bytes())?;
                writeln!(out, "{} {}", "✔".green().bold(), show(&path))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                writeln!(out, "{} {} is there already and stays as it is", "•".dimmed(), show(&path))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
