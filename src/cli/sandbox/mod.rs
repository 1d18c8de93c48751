//! `flaglink sandbox`: both sandbox servers alone, for trying things by hand.

mod between;
pub(super) mod error;
pub(super) mod service;
pub(super) mod stage;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anstream::println;
use clap::Args;

use super::{Context, Trouble};
use error::StageError;
use service::Flagsmith;
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

    /// With nothing set up yet, for trying `flaglink init`: no webhooks, a bot that may register them, and with --write only a
    /// token and a key
    #[arg(long)]
    bare: bool,

    /// Write a configuration for that daemon into this folder, with its secrets
    #[arg(long, value_name = "FOLDER")]
    write: Option<PathBuf>,
}

impl Sandbox {
    /// Serves until Ctrl-C.
    pub(super) async fn run(self, _context: &Context) -> Result<(), Trouble> {
        let not_set = |error: StageError| Trouble::World(error.to_string());
        let stage = Stage::set(self.gitlab).await.map_err(not_set)?;
        let flagsmith = Flagsmith::set(self.flagsmith).await.map_err(not_set)?;
        if self.bare {
            stage.let_the_bot_register_webhooks();
        } else {
            stage.send_webhooks_to(self.webhooks, &flagsmith);
        }
        let written = match &self.write {
            Some(folder) => Some(self.write_config(&stage, &flagsmith, folder).map_err(|error| {
                let folder = folder.display();
                Trouble::World(format!("the configuration cannot be written to {folder}: {error}"))
            })?),
            None => None,
        };
        self.tell(&stage, &flagsmith, written.as_deref());
        tokio::signal::ctrl_c().await.map_err(|error| Trouble::World(error.to_string()))
    }

    /// What is there, and what can be done with it: each step is to be copied as it stands.
    fn tell(&self, stage: &Stage, flags: &Flagsmith, config: Option<&Path>) {
        let (gitlab, flagsmith) = (stage.gitlab.url(), flags.address());
        println!("GitLab     {gitlab}   project {PROJECT} (id {})", stage.project);
        println!("Flagsmith  {flagsmith}   project {}, flags checkout_v2 and dark_mode", flags.project);
        if self.bare {
            println!("No webhook is set up yet: `flaglink init` does that.");
        } else {
            println!("Webhooks go to http://{}/hooks/gitlab and …/hooks/providers/flagsmith.", self.webhooks);
        }
        println!();
        match config {
            Some(folder) if self.bare => {
                println!(
                    "The bot's token is in {0}/gitlab-token, the key in {0}/flagsmith-key.",
                    folder.display()
                );
            }
            Some(file) => {
                println!("The daemon, in another terminal:");
                println!("  flaglink run --config {}", file.display());
            }
            None if self.bare => {
                println!("`--write FOLDER` also writes the bot's token and the key of Flagsmith there.");
            }
            None => println!("`--write FOLDER` also writes a configuration for the daemon between them."),
        }
        let token = format!("-H 'PRIVATE-TOKEN: {}'", stage.gitlab.token(stage.mara, &["api"]));
        let issues = format!("{gitlab}/api/v4/projects/{}/issues", stage.project);
        println!("Mara, a developer, opens an issue, and links a flag in a comment on it:");
        println!("  curl {token} --data-urlencode 'title=Try a flag' \\");
        println!("       {issues}");
        println!("  curl {token} --data-urlencode 'body=/flag link checkout_v2' \\");
        println!("       {issues}/1/notes");
        println!("She switches it on in staging, in another comment:");
        println!("  curl {token} --data-urlencode 'body=/flag on checkout_v2 --env staging' \\");
        println!("       {issues}/1/notes");
        println!("All comments that stand there:");
        println!("  curl {token} {issues}/1/notes");
        if let Some(environment) = flags.key_of("production") {
            println!("The flag is switched on in production:");
            println!("  curl -H 'Authorization: Api-Key {}' \\", flags.api_key());
            println!("       -H 'Content-Type: application/json' -d \\");
            println!(
                r#"       '{{"feature":{{"name":"checkout_v2"}},"enabled":true,"value":{{"type":"string","value":"blue"}}}}' \"#
            );
            println!("       {flagsmith}/api/experiments/environments/{environment}/update-flag-v1/");
        }
        println!("To be Gus, a guest, instead:");
        println!("  -H 'PRIVATE-TOKEN: {}'", stage.gitlab.token(stage.gus, &["api"]));
        println!();
        println!("Ctrl-C ends it; nothing is kept.");
    }

    fn write_config(&self, stage: &Stage, flagsmith: &Flagsmith, folder: &Path) -> io::Result<PathBuf> {
        std::fs::create_dir_all(folder)?;
        if self.bare {
            stage.write_keys(flagsmith, folder)?;
            return Ok(folder.to_owned());
        }
        let listen = format!("webhooks = \"{}\"\nsocket = \"flaglink.sock\"", self.webhooks);
        stage.write_config(flagsmith, &listen, folder)
    }
}
