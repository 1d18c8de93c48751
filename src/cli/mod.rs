//! The command line: arguments in, words out; one file per subcommand.

mod client;
mod completions;
mod config;
mod credentials;
#[cfg(feature = "demo")]
mod demo;
pub mod doctor;
mod document;
mod hooks;
mod init;
mod links;
mod links_change;
mod logging;
mod progress;
mod proxy_words;
mod queue;
mod queue_item;
mod redirect;
mod reload;
mod reminders;
mod run;
#[cfg(feature = "demo")]
mod sandbox;
mod screen;
mod source;
mod table;
mod templates;
mod trouble;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{DEFAULT_PLACES, find};

use trouble::Trouble;

/// Joins feature flags to the GitLab issues and merge requests that are about them.
#[derive(Debug, Parser)]
#[command(name = "flaglink", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Arguments {
    /// The configuration [default: flaglink.toml, then /etc/flaglink/flaglink.toml]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Answer in JSON, for machines; `run` then logs in JSON
    #[arg(long, global = true)]
    json: bool,

    /// How much is logged: error, warn, info, debug, or like `info,flaglink::gitlab=debug`
    #[arg(long, global = true, value_name = "FILTER", value_parser = logging::filter)]
    log: Option<String>,

    #[command(subcommand)]
    command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon
    Run,
    /// The whole loop on this machine, no accounts: a GitLab, a flag service, and the daemon between them
    #[cfg(feature = "demo")]
    Demo(demo::Demo),
    /// Write a configuration by asking; check every answer at once, register the webhooks, say what to type where
    // Boxed: it has far more options than the rest.
    Init(Box<init::Init>),
    /// Check everything that can be checked, and say what to do about each failure
    Doctor(doctor::Doctor),
    /// The links between flags and work
    #[command(subcommand)]
    Links(links::Links),
    /// The webhooks that flaglink registers itself
    #[command(subcommand)]
    Hooks(hooks::Hooks),
    /// What waits, and what was given up
    #[command(subcommand)]
    Queue(queue::Queue),
    /// Flags that may be cleaned up, as `[[reminders]]` says
    Reminders(reminders::Reminders),
    /// Have the running daemon read its configuration again
    Reload,
    /// The configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// The sandbox servers alone
    #[cfg(feature = "demo")]
    Sandbox(sandbox::Sandbox),
    /// A completion script for a shell
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
}

/// What every subcommand is given: the options that all share, and the environment.
struct Context {
    config: Option<PathBuf>,
    json: bool,
    log: Option<String>,
    env: BTreeMap<String, String>,
}

impl Context {
    /// The configuration file.
    fn config_file(&self) -> Result<PathBuf, Trouble> {
        let places: Vec<PathBuf> = DEFAULT_PLACES.iter().map(PathBuf::from).collect();
        find(self.config.as_deref(), &places).map_err(Trouble::from)
    }
}

/// Does what the arguments of this process ask for. Exit 0: done; 1: something is wrong with the world; 2: with
/// the arguments or the configuration.
pub fn main() -> ExitCode {
    let Arguments { config, json, log, command } = Arguments::parse();
    // A variable that is no text cannot be one of ours.
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let context = Context { config, json, log, env };
    match command.perform(&context) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads our output has enough of it.
        Err(Trouble::NobodyReads) => ExitCode::SUCCESS,
        Err(trouble) => {
            trouble::tell(&trouble);
            trouble.exit_code()
        }
    }
}

impl Command {
    fn perform(self, context: &Context) -> Result<(), Trouble> {
        match self {
            Self::Run => run::run(context),
            #[cfg(feature = "demo")]
            Self::Demo(demo) => several(context, demo.run(context)),
            #[cfg(feature = "demo")]
            Self::Sandbox(sandbox) => several(context, sandbox.run(context)),
            Self::Init(init) => quiet(context, init.perform(context)),
            Self::Doctor(doctor) => quiet(context, doctor.perform(context)),
            Self::Links(links) => quiet(context, links.perform(context)),
            Self::Hooks(hooks) => quiet(context, hooks.perform(context)),
            Self::Queue(queue) => quiet(context, queue.perform(context)),
            Self::Reminders(reminders) => quiet(context, reminders.perform(context)),
            Self::Reload => quiet(context, reload::reload(context)),
            Self::Config(config) => config.perform(context),
            Self::Completions { shell } => completions::write(shell),
        }
    }
}

/// Runs a subcommand that asks something, logging only what goes wrong.
fn quiet(context: &Context, work: impl Future<Output = Result<(), Trouble>>) -> Result<(), Trouble> {
    logging::set_up(context, "warn")?;
    runtime(&mut tokio::runtime::Builder::new_current_thread())?.block_on(work)
}

fn runtime(builder: &mut tokio::runtime::Builder) -> Result<tokio::runtime::Runtime, Trouble> {
    let denied =
        |error| Trouble::World(format!("the system gives flaglink no threads to work with: {error}"));
    builder.enable_all().build().map_err(denied)
}

/// Runs a subcommand that serves, logging only what goes badly wrong.
#[cfg(feature = "demo")]
fn several(context: &Context, work: impl Future<Output = Result<(), Trouble>>) -> Result<(), Trouble> {
    logging::set_up(context, "off")?;
    runtime(&mut tokio::runtime::Builder::new_multi_thread())?.block_on(work)
}

/// A path for people.
fn show(path: &Path) -> String {
    words::plain(&path.display().to_string())
}
