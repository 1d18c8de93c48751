//! `flaglink demo`: the whole loop on this machine, told as a short story that checks itself.

mod actors;
mod page;
mod story;
mod teller;

use std::time::{Duration, Instant};

use super::sandbox::stage::{Stage, StageError};
use super::{Context, Trouble};
use crate::config::{Config, ConfigError};
use crate::daemon::{Daemon, StartError};

use actors::Actors;
use teller::Teller;

/// How long any step may take before it counts as not as told.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// Tells the story. An error if anything in it was not as told.
pub(super) async fn run(_context: &Context) -> Result<(), Trouble> {
    let teller = Teller::new();
    match play(&teller).await {
        Ok(()) => Ok(()),
        Err(error) => Err(Trouble::World(format!("the demo did not go as told: {error}"))),
    }
}

async fn play(teller: &Teller) -> Result<(), DemoError> {
    let began = Instant::now();
    let anywhere = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let stage = Stage::set(anywhere, anywhere).await?;
    let folder = tempfile::Builder::new().prefix("flaglink-demo-").tempdir()?;
    let gitlab_secret = "the-webhook-secret-of-the-demo";
    let flagsmith_secret = "another-webhook-secret-of-the-demo";
    for (name, secret) in [
        ("gitlab-token", stage.bot_token.as_str()),
        ("webhook-secret", gitlab_secret),
        ("flagsmith-key", stage.flagsmith.api_key().as_str()),
        ("flagsmith-webhook", flagsmith_secret),
    ] {
        super::sandbox::write_secret(&folder.path().join(name), secret)?;
    }
    let listen = "webhooks = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nsocket = \"flaglink.sock\"";
    let no_environment = std::collections::BTreeMap::new();
    let config = Config::parse(&stage.config(listen), &folder.path().join("flaglink.toml"), &no_environment)?;
    let daemon = Daemon::start(config).await?;
    stage.send_webhooks_to(daemon.webhooks(), gitlab_secret, flagsmith_secret);

    teller.opening(&stage, daemon.webhooks());
    let actors = Actors::new(stage, daemon);
    let told = story::tell(teller, &actors).await;
    if told.is_err() {
        teller.as_it_stands(&actors);
    }
    actors.leave().await;
    told?;
    teller.closing(began.elapsed());
    Ok(())
}
