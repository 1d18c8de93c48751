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
        let written = match &self.write {
            Some(folder) => Some(self.write_config(&stage, folder).map_err(|error| {
                let folder = folder.display();
                Trouble::World(format!("the configuration cannot be written to {folder}: {error}"))
            })?),
            None => None,
        };
        self.tell(&stage, written.as_deref());
        tokio::signal::ctrl_c().await.map_err(|error| Trouble::World(error.to_string()))
    }

    /// What is there, and what can be done with it: each step is to be copied as it stands.
    fn tell(&self, stage: &Stage, config: Option<&Path>) {
        let (gitlab, flagsmith) = (stage.gitlab.url(), stage.flagsmith.url());
        println!("GitLab     {gitlab}   project {PROJECT} (id {})", stage.project);
        println!("Flagsmith  {flagsmith}   project {}, flags checkout_v2 and dark_mode", stage.flags);
        println!("Webhooks go to http://{}/hooks/gitlab and …/hooks/providers/flagsmith.", self.webhooks);
        println!();
        match config {
            Some(file) => {
                println!("The daemon, in another terminal:");
                println!("  flaglink run --config {}", file.display());
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
        println!("All comments that stand there:");
        println!("  curl {token} {issues}/1/notes");
        if let Some(environment) = stage.key_of("production") {
            println!("The flag is switched on in production:");
            println!("  curl -H 'Authorization: Api-Key {}' \\", stage.flagsmith.api_key());
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
