//! `flaglink demo`: the whole loop on this machine, told as a short story that checks itself.

mod actors;
mod page;
mod story;
mod teller;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

use super::sandbox::error::StageError;
use super::sandbox::service::{Flagsmith, GitlabFlags, Service, Unleash};
use super::sandbox::stage::Stage;
use super::{Context, Trouble};
use crate::config::{Config, ConfigError};
use crate::daemon::{Daemon, StartError};

use actors::Actors;
use teller::Teller;

/// How long any step may take before it counts as not as told.
const PATIENCE: Duration = Duration::from_secs(10);

/// What can be said about the demo.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// The flag service that the story is told with
    #[arg(long, value_name = "SERVICE", value_enum, default_value_t = Provider::Flagsmith)]
    provider: Provider,
}

/// The services that it can be told with.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Provider {
    /// A small Flagsmith
    Flagsmith,
    /// A small Unleash
    Unleash,
    /// The feature flags of the GitLab itself
    Gitlab,
}

/// Why the demo came to an early end.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error("the demo's folder cannot be used: {0}")]
    Folder(#[from] std::io::Error),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("{0}")]
    NotAsTold(String),
}

impl Demo {
    /// Tells the story. An error if anything in it was not as told.
    pub(super) async fn run(self, _context: &Context) -> Result<(), Trouble> {
        let told = play(self.provider, &Teller::new()).await;
        told.map_err(|error| Trouble::World(format!("the demo did not go as told: {error}")))
    }
}

impl Provider {
    async fn set(self, stage: &Stage, address: SocketAddr) -> Result<Box<dyn Service>, StageError> {
        Ok(match self {
            Self::Flagsmith => Box::new(Flagsmith::set(address).await?),
            Self::Unleash => Box::new(Unleash::set(address).await?),
            Self::Gitlab => Box::new(GitlabFlags::set(stage)?),
        })
    }
}

async fn play(provider: Provider, teller: &Teller) -> Result<(), DemoError> {
    let began = Instant::now();
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let stage = Stage::set(anywhere).await?;
    let service = provider.set(&stage, anywhere).await?;
    let folder = tempfile::Builder::new().prefix("flaglink-demo-").tempdir()?;
    let listen = "webhooks = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nsocket = \"flaglink.sock\"";
    let file = stage.write_config(service.as_ref(), listen, folder.path())?;
    let daemon = Daemon::start(Config::load(&file, &std::collections::BTreeMap::new())?).await?;
    stage.send_webhooks_to(daemon.webhooks(), service.as_ref());

    teller.opening(&stage, service.as_ref(), daemon.webhooks());
    let actors = Actors::new(stage, service, daemon);
    let told = story::tell(teller, &actors).await;
    if told.is_err() {
        teller.as_it_stands(&actors);
    }
    actors.leave().await;
    told?;
    teller.closing(began.elapsed());
    Ok(())
}
