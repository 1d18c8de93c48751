//! What is to be written: the configuration and the secrets, and what of that differs from what is there.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use secrecy::SecretString;

use super::by_hand::Webhooks;
use super::flags::Flags;
use super::gitlab::Gitlab;
use super::secrets::{self, SecretToBe};
use super::{Interview, file};
use crate::cli::words::plain;
use crate::cli::{Context, Trouble, credentials, show};
use crate::config::Config;

/// Everything that is to be written.
pub(super) struct Plan {
    /// The configuration.
    pub(super) path: PathBuf,
    before: Option<String>,
    text: String,
    pub(super) secrets: Vec<SecretToBe>,
    /// Whether webhooks are made by hand in GitLab.
    pub(super) by_hand: bool,
    /// Whether GitLab's own flags are among the services.
    pub(super) own_flags: bool,
    /// Why they are, though flaglink could register them.
    pub(super) because: Option<String>,
    /// Where the secret for these is.
    pub(super) webhook_secret: Option<PathBuf>,
    /// The secret of the flag service's webhook, where it is to be one.
    pub(super) service_secret: Option<SecretString>,
    /// How flaglink is reached from outside: an address or `auto`.
    pub(super) public: Option<String>,
    /// What wants attention, one sentence each.
    pub(super) warnings: Vec<String>,
    /// Certificates that GitLab's is signed with.
    pub(super) ca_file: Option<PathBuf>,
    /// Where the marker key is, once there is one.
    pub(super) marker_key: PathBuf,
    /// The folder of the service's secrets, where the environment names it.
    pub(super) credentials: Option<PathBuf>,
}

impl Plan {
    pub(super) fn make(
        interview: &Interview<'_>,
        gitlab: &Gitlab,
        flags: &Flags,
        webhooks: &Webhooks,
        public: Option<String>,
    ) -> Result<Self, Trouble> {
        let document = &interview.document;
        let mut all = Vec::new();
        if !gitlab.by_variable {
            let name = file::text(document, "gitlab", "token_file").unwrap_or("gitlab-token");
            let path = interview.secret_at(name);
            // Several lines, or spaces around it, are as good as they are.
            let same = secrets::read(&path).is_some_and(|is| gitlab.has_token(&is));
            let token = if same {
                secrets::read(&path).unwrap_or_else(|| gitlab.token.clone())
            } else {
                gitlab.token.clone()
            };
            all.push(SecretToBe { path, secret: token, what: "the bot's access token" });
        }
        let mut webhook_secret = None;
        if let Some(name) = file::text(document, "gitlab", "webhook_secret_file") {
            let path = interview.secret_at(name);
            all.push(SecretToBe {
                secret: kept(&path)?,
                path: path.clone(),
                what: "the secret of GitLab's webhook",
            });
            webhook_secret = Some(path);
        }
        let in_table = |key: &str| document.get("providers")?.get(&flags.name)?.get(key)?.as_str();
        if let (Some(key), Some(own)) = (&flags.key, &flags.kind.setup.own)
            && let Some(name) = in_table(&own.key_file())
        {
            all.push(SecretToBe {
                path: interview.secret_at(name),
                secret: key.clone(),
                what: "the key of the flag service",
            });
        }
        let mut service_secret = None;
        if let Some(name) = in_table("webhook_secret_file") {
            let path = interview.secret_at(name);
            let secret = kept(&path)?;
            service_secret = Some(secret.clone());
            all.push(SecretToBe { secret, path, what: "the secret of the flag service's webhook" });
        }
        let marker_key = file::text(document, "store", "marker_key_file").unwrap_or("marker-key");
        Ok(Self {
            path: interview.path.clone(),
            before: interview.text.clone(),
            text: document.to_string(),
            secrets: all,
            by_hand: webhooks.by_hand(),
            own_flags: file::own_flags(document),
            because: webhooks.because().map(str::to_owned),
            webhook_secret,
            service_secret,
            public,
            warnings: Vec::new(),
            ca_file: file::text(document, "gitlab", "ca_file").map(|name| interview.beside(name)),
            marker_key: interview.found(marker_key).unwrap_or_else(|| interview.beside(marker_key)),
            credentials: credentials::folder(&interview.context.env).map(Path::to_owned),
        })
    }

    /// What differs, one sentence each; empty: nothing.
    pub(super) fn changes(&self) -> Vec<String> {
        let mut changes = Vec::new();
        match &self.before {
            None => changes.push(format!("{} is made", show(&self.path))),
            Some(before) if *before != self.text => changes.push(format!("{} is changed", show(&self.path))),
            Some(_) => {}
        }
        for secret in self.secrets.iter().filter(|secret| !secret.is_so()) {
            changes.push(secret.change());
        }
        changes
    }

    /// Writes what differs: the secrets first, since the configuration names them.
    pub(super) fn write(&self) -> Result<(), Trouble> {
        let cannot = |path: &Path, error: std::io::Error| {
            Trouble::World(format!("{} cannot be written: {error}. Is the folder yours?", show(path)))
        };
        for secret in self.secrets.iter().filter(|secret| !secret.is_so()) {
            secret.write().map_err(|error| cannot(&secret.path, error))?;
        }
        if self.before.as_deref() != Some(&self.text) {
            secrets::write(&self.path, &self.text, 0o644).map_err(|error| cannot(&self.path, error))?;
        }
        Ok(())
    }

    /// The configuration as it stands now.
    pub(super) fn load(&self, env: &BTreeMap<String, String>) -> Result<Config, Trouble> {
        Config::load(&self.path, env).map_err(|error| {
            Trouble::Arguments(format!("what was written is not a good configuration yet: {error}"))
        })
    }

    /// The address outside, where it is known before flaglink runs.
    pub(super) fn address(&self) -> Option<&str> {
        self.public.as_deref().filter(|public| *public != "auto")
    }

    /// All of it on standard output, secrets as `…`. `webhooks`: what would become of them.
    pub(super) fn show(&self, context: &Context, webhooks: &[String]) -> Result<(), Trouble> {
        if context.json {
            return crate::cli::document::write(&serde_json::json!({
                "dry_run": true,
                "file": self.path,
                "text": self.text,
                "changes": self.changes(),
                "webhooks": webhooks,
                "warnings": self.warnings,
            }));
        }
        let mut out = anstream::stdout().lock();
        let changes = self.changes();
        if changes.is_empty() {
            writeln!(
                out,
                "Nothing to change: {} and its secrets are as they would be written.",
                show(&self.path)
            )?;
        } else {
            writeln!(out, "# {}", show(&self.path))?;
            writeln!(out, "{}", self.text.trim_end())?;
            for secret in &self.secrets {
                let so = if secret.is_so() { "  (as it is)" } else { "" };
                writeln!(out, "\n# {} (mode 0600): {}{so}\n…", show(&secret.path), secret.what)?;
            }
        }
        writeln!(out)?;
        for line in webhooks.iter().chain(&self.warnings) {
            writeln!(out, "{}.", plain(line))?;
        }
        writeln!(out, "Nothing was written.")?;
        Ok(())
    }
}

/// The secret in a file, or a new one.
fn kept(path: &Path) -> Result<SecretString, Trouble> {
    match secrets::read(path) {
        Some(secret) => Ok(secret),
        None => secrets::new_secret()
            .map_err(|error| Trouble::World(format!("the system gives no random numbers: {error}"))),
    }
}
