//! The stage of `flaglink demo` and `flaglink sandbox`: a GitLab in this process with some people, and beside it a
//! flag service.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::service::Service;
use crate::sandbox::gitlab::{Gitlab, HookSpec, Refusal, Visibility, level};
use crate::sandbox::{flagsmith, unleash};

/// The project that all of it happens in.
pub(in crate::cli) const PROJECT: &str = "shop/web";

const WEBHOOK_SECRET: &str = "sandbox-webhook-secret-of-gitlab";

/// The GitLab and everybody on it.
pub(in crate::cli) struct Stage {
    pub(in crate::cli) gitlab: Gitlab,
    /// The bot's user id.
    pub(in crate::cli) bot: u64,
    bot_token: String,
    /// GitLab's id of [`PROJECT`].
    pub(in crate::cli) project: u64,
    /// A developer of the project.
    pub(in crate::cli) mara: u64,
    /// A guest of the project.
    pub(in crate::cli) gus: u64,
}

/// What can go wrong on the stage.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum StageError {
    /// A port cannot be had.
    #[error("a sandbox server cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// The stage contradicts itself.
    #[error("{0}")]
    NotInFlagsmith(#[from] flagsmith::NotThere),
    /// The stage contradicts itself.
    #[error("{0}")]
    NotInUnleash(#[from] unleash::NotThere),
    /// Somebody may not do what they do there.
    #[error("the sandbox GitLab refused what somebody did: {0}")]
    Refused(#[from] Refusal),
    /// A service's webhooks do not come to their end.
    #[error("{0}'s webhooks are not delivered")]
    Undelivered(&'static str),
}

impl Stage {
    /// Starts the GitLab on this address; port 0 takes a free one.
    pub(in crate::cli) async fn set(address: SocketAddr) -> Result<Self, StageError> {
        let gitlab = Gitlab::start_at(address).await?;
        let bot = gitlab.bot("flag-bot");
        let bot_token = gitlab.token(bot, &["api"]);
        let project = gitlab.project(PROJECT, Visibility::Private);
        let mara = gitlab.user("mara");
        let gus = gitlab.user("gus");
        // As README.md asks for it.
        gitlab.member(project, bot, level::DEVELOPER);
        gitlab.member(project, mara, level::DEVELOPER);
        gitlab.member(project, gus, level::GUEST);
        Ok(Self { gitlab, bot, bot_token, project, mara, gus })
    }

    /// Makes the bot a maintainer, and lets webhooks lead to this machine, as an admin of GitLab would.
    pub(in crate::cli) fn let_the_bot_register_webhooks(&self) {
        self.gitlab.member(self.project, self.bot, level::MAINTAINER);
        self.gitlab.change(|model| model.settings.local_hooks = true);
    }

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
