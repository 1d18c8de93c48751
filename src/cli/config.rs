//! `flaglink config check`, `reference` and `templates`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use owo_colors::OwoColorize;
use serde::Serialize;

use crate::config::{Config, ConfigError, configuration_markdown};
use crate::daemon::{StartError, could_start};
use crate::flags::kinds;

use super::credentials::hinted;
use super::document;
use super::words::{count, plain};
use super::{Context, Trouble, show};

/// What can be done with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the file and everything it names; nothing is sent anywhere
    Check,
    /// Print what can be written in the file (docs/configuration.md)
    Reference,
    /// Print the default words of comments, for `[templates]` (docs/templates.md)
    Templates {
        /// Write them as files into this folder instead; files that are there stay as they are
        #[arg(long, value_name = "FOLDER")]
        write: Option<PathBuf>,
    },
}

/// What `config check --json` says.
#[derive(Serialize)]
struct Checked<'a> {
    file: &'a Path,
    good: bool,
    error: Option<String>,
    warnings: &'a [String],
}

impl ConfigCommand {
    pub(super) fn perform(self, context: &Context) -> Result<(), Trouble> {
        match self {
            Self::Check => check(context),
            Self::Reference => {
                let kinds: Vec<_> = kinds().iter().map(|kind| (kind.kind, (kind.schema)())).collect();
                io::stdout().write_all(configuration_markdown(&kinds).as_bytes())?;
                Ok(())
            }
            Self::Templates { write } => super::templates::perform(write.as_deref()),
        }
    }
}

/// The whole configuration, checked by those who use it as well.
fn load(context: &Context, file: &Path) -> Result<Config, ConfigError> {
    let config = Config::load(file, &context.env)?;
    match could_start(&config) {
        Ok(()) => Ok(config),
        Err(StartError::Config(error)) => Err(error),
        Err(error) => Err(ConfigError(error.to_string())),
    }
}

fn check(context: &Context) -> Result<(), Trouble> {
    let file = context.config_file()?;
    let (config, error) = match load(context, &file) {
        Ok(config) => (Some(config), None),
        Err(error) => (None, Some(hinted(error, &file, &context.env))),
    };
    let warnings = config.as_ref().map_or(&[][..], |config| &config.warnings);
    if context.json {
        let good = error.is_none();
        let text = error.as_ref().map(ToString::to_string);
        document::write(&Checked { file: &file, good, error: text, warnings })?;
    }
    if let Some(error) = error {
        return Err(error.into());
    }
    if let Some(config) = config.filter(|_| !context.json) {
        let mut out = anstream::stdout().lock();
        for warning in &config.warnings {
            writeln!(out, "{} {}", "⚠".yellow().bold(), plain(warning))?;
        }
        let names: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
        writeln!(
            out,
            "{} {} is good: GitLab at {}, flags from {}, {}.",
            "✔".green().bold(),
            show(&file),
            config.gitlab.url,
            names.join(", "),
            count(config.rules.rules.len(), "rule for projects", "rules for projects")
        )?;
    }
    Ok(())
}
