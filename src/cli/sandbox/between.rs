//! What a daemon needs that stands between the stage's GitLab and a flag service: webhooks that lead to it, its configuration, its
//! secrets.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::service::Service;
use super::stage::Stage;
use crate::sandbox::gitlab::HookSpec;

const WEBHOOK_SECRET: &str = "sandbox-webhook-secret-of-gitlab";

impl Stage {
    /// Writes the bot's token and the service's key into a folder, and nothing else.
    pub(in crate::cli) fn write_keys(&self, service: &dyn Service, folder: &Path) -> io::Result<()> {
        write_secret(&folder.join("gitlab-token"), &self.bot_token)?;
        for (name, secret) in service.secrets().into_iter().filter(|(name, _)| name.ends_with("-key")) {
            write_secret(&folder.join(name), &secret)?;
        }
        Ok(())
    }

    /// Lets GitLab and the flag service send their webhooks to a daemon.
    pub(in crate::cli) fn send_webhooks_to(&self, address: SocketAddr, service: &dyn Service) {
        let mut hook = HookSpec::everything(&format!("http://{address}/hooks/gitlab"), WEBHOOK_SECRET);
        // Of use only where the flags are GitLab's own; of others it knows none.
        hook.events.push("feature_flag_events");
        self.gitlab.hook(self.project, hook);
        service.send_webhooks_to(address);
    }

    /// Writes a configuration for a daemon between the two into a folder, with its secrets beside it. Returns the
    /// file. `listen` is what stands in the table of that name.
    pub(in crate::cli) fn write_config(
        &self,
        service: &dyn Service,
        listen: &str,
        folder: &Path,
    ) -> io::Result<PathBuf> {
        let mut secrets =
            vec![("gitlab-token", self.bot_token.clone()), ("webhook-secret", WEBHOOK_SECRET.to_owned())];
        secrets.extend(service.secrets());
        for (name, secret) in secrets {
            write_secret(&folder.join(name), &secret)?;
        }
        let file = folder.join("flaglink.toml");
        std::fs::write(&file, self.config(service, listen))?;
        Ok(file)
    }

    fn config(&self, service: &dyn Service, listen: &str) -> String {
        format!(
            r#"[listen]
{listen}

[store]
path = "store"
marker_key_file = "marker-key"

[gitlab]
url = "{gitlab}"
token_file = "gitlab-token"
webhook_secret_file = "webhook-secret"

{table}

[[projects]]
match = "shop/**"
tell = ["production"]
tell_after = "0s"
permissions = {{ toggle = "developer" }}
"#,
            gitlab = self.gitlab.url(),
            table = service.table(),
        )
    }
}

/// Writes a secret that only its owner can read.
fn write_secret(path: &Path, secret: &str) -> io::Result<()> {
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    writeln!(file, "{secret}")
}
