//! Answers for machines.

use std::io::{self, Write};

use serde::Serialize;

use super::Trouble;

/// Writes one JSON document to standard output.
pub(super) fn write(value: &impl Serialize) -> Result<(), Trouble> {
    let mut text = serde_json::to_string_pretty(value)
        .map_err(|error| Trouble::World(format!("the answer cannot be written as JSON: {error}")))?;
    text.push('\n');
    io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
