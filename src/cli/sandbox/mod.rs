//! `flaglink sandbox`: both sandbox servers alone, for trying things by hand.

pub(super) mod stage;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anstream::println;
use clap::Args;

use super::{Context, Trouble};
use stage::{PROJECT, Stage};

/// What can be said about the sandbox.
#[derive(Debug, Args)]
pub(super) struct Sandbox {
    /// Where the GitLab listens (loopback only)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    gitlab: SocketAddr,

    /// Where the Flagsmith listens (loopback only)
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8091")]
    flagsmith: SocketAddr,

    /// Where the daemon that is to be tried takes webhooks
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    webhooks: SocketAddr,

    /// Write a configuration for that daemon into this folder, with its secrets
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

const GITLAB_SECRET: &str = "sandbox-webhook-secret-of-gitlab";
const FLAGSMITH_SECRET: &str = "sandbox-webhook-secret-of-flagsmith";

impl Sandbox {
    /// Serves until Ctrl-C.
    pub(super) async fn run(self, _context: &Context) -> Result<(), Trouble> {
        let stage = Stage::set(self.gitlab, self.flagsmith)
            .await
            .map_err(|error| Trouble::World(error.to_string()))?;
        stage.send_webhooks_to(self.webhooks, GITLAB_SECRET, FLAGSMITH_SECRET);
        let mara = stage.gitlab.token(stage.mara, &["api"]);
        let gus = stage.gitlab.token(stage.gus, &["api"]);
        println!("GitLab     {}   project {PROJECT} (id {})", stage.gitlab.url(), stage.project);
        println!("Flagsmith  {}   project {}", stage.flagsmith.url(), stage.flags);
        println!();
        println!("Webhooks go to http://{}/hooks/gitlab and …/hooks/providers/flagsmith.", self.webhooks);
        println!();
        println!("To speak as a person, send their token as PRIVATE-TOKEN, for example:");
        println!("  mara (Developer)  {mara}");
        println!("  gus (Guest)       {gus}");
        println!("  curl -H 'PRIVATE-TOKEN: {mara}' --data-urlencode 'title=Try a flag' \\");
        println!("       {}/api/v4/projects/{}/issues", stage.gitlab.url(), stage.project);
        println!("  curl -H 'PRIVATE-TOKEN: {mara}' --data-urlencode 'body=/flag link checkout_v2' \\");
        println!("       {}/api/v4/projects/{}/issues/1/notes", stage.gitlab.url(), stage.project);
        println!("Flagsmith takes `Authorization: Api-Key {}`.", stage.flagsmith.api_key());
        if let Some(folder) = &self.write {
            let file = self.write_config(&stage, folder).map_err(|error| {
                Trouble::World(format!(
                    "the configuration cannot be written to {}: {error}",
                    folder.display()
                ))
            })?;
            println!();
            println!("In another terminal: flaglink run --config {}", file.display());
        }
        println!();
        println!("Ctrl-C ends it; nothing is kept.");
        tokio::signal::ctrl_c().await.map_err(|error| Trouble::World(error.to_string()))
    }

    fn write_config(&self, stage: &Stage, folder: &Path) -> io::Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        for (name, secret) in [
            ("gitlab-token", stage.bot_token.as_str()),
            ("webhook-secret", GITLAB_SECRET),
            ("flagsmith-key", stage.flagsmith.api_key().as_str()),
            ("flagsmith-webhook", FLAGSMITH_SECRET),
        ] {
            write_secret(&folder.join(name), secret)?;
        }
        let listen = format!("webhooks = \"{}\"\nsocket = \"flaglink.sock\"", self.webhooks);
        let file = folder.join("flaglink.toml");
        std::fs::write(&file, stage.config(&listen))?;
        Ok(file)
    }
}

/// Writes a secret that only its owner can read.
pub(super) fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{secret}")
}
