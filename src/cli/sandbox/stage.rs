//! The stage of `flaglink demo` and `flaglink sandbox`: a GitLab and a Flagsmith in this process, with some people.

use std::io;
use std::net::SocketAddr;

use crate::sandbox::flagsmith::{Flagsmith, NotThere, Person, Value, World};
use crate::sandbox::gitlab::{Gitlab, HookSpec, Visibility, level};

/// The project that all of it happens in.
pub(in crate::cli) const PROJECT: &str = "shop/web";

/// Both servers and everybody on them.
pub(in crate::cli) struct Stage {
    pub(in crate::cli) gitlab: Gitlab,
    pub(in crate::cli) flagsmith: Flagsmith,
    /// The bot's user id, and its access token.
    pub(in crate::cli) bot: u64,
    pub(in crate::cli) bot_token: String,
    /// GitLab's id of [`PROJECT`].
    pub(in crate::cli) project: u64,
    /// Flagsmith's id of the project with the flags.
    pub(in crate::cli) flags: u64,
    /// A developer of the project.
    pub(in crate::cli) mara: u64,
    /// A guest of the project.
    pub(in crate::cli) gus: u64,
    /// Who changes flags.
    pub(in crate::cli) tobias: Person,
}

/// What can go wrong while the stage is set up.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum StageError {
    /// A port cannot be had.
    #[error("a sandbox server cannot listen: {0}")]
    Listen(#[from] io::Error),
    /// The stage contradicts itself.
    #[error("{0}")]
    NotThere(#[from] NotThere),
}

impl Stage {
    /// Starts both on these addresses; port 0 takes a free one.
    pub(in crate::cli) async fn set(gitlab: SocketAddr, flagsmith: SocketAddr) -> Result<Self, StageError> {
        let gitlab = Gitlab::start_at(gitlab).await?;
        let flagsmith = Flagsmith::start_at(flagsmith).await?;
        flagsmith.take_private_addresses(true);

        let bot = gitlab.bot("flag-bot");
        let bot_token = gitlab.token(bot, &["api"]);
        let project = gitlab.project(PROJECT, Visibility::Private);
        let mara = gitlab.user("mara");
        let gus = gitlab.user("gus");
        // As README.md asks for it.
        gitlab.member(project, bot, level::DEVELOPER);
        gitlab.member(project, mara, level::DEVELOPER);
        gitlab.member(project, gus, level::GUEST);

        let flags = flagsmith.new_project("Web shop");
        let tobias = flagsmith.person("tobias@example.com", flags);
        for environment in ["development", "staging", "production"] {
            tobias.new_environment(environment)?;
        }
        tobias.new_flag("checkout_v2", false, "blue")?;
        tobias.new_flag("dark_mode", false, Value::Nothing)?;
        tobias.switch("checkout_v2", "development", true)?;
        Ok(Self { gitlab, flagsmith, bot, bot_token, project, flags, mara, gus, tobias })
    }

    /// The key of an environment in Flagsmith's addresses.
    pub(in crate::cli) fn key_of(&self, environment: &str) -> Option<String> {
        let key = |world: &World| Some(world.environment_named(self.flags, environment)?.api_key.clone());
        self.flagsmith.read(key)
    }

    /// Lets both servers send their webhooks to a daemon.
    pub(in crate::cli) fn send_webhooks_to(
        &self,
        address: SocketAddr,
        gitlab_secret: &str,
        flagsmith_secret: &str,
    ) {
        let hook = HookSpec::everything(&format!("http://{address}/hooks/gitlab"), gitlab_secret);
        self.gitlab.hook(self.project, hook);
        let path = format!("http://{address}/hooks/providers/flagsmith");
        self.flagsmith.organisation_webhook(&path, flagsmith_secret);
    }

    /// A configuration for a daemon between the two, with the secrets in files beside it.
    pub(in crate::cli) fn config(&self, listen: &str) -> String {
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

[providers.flagsmith]
kind = "flagsmith"
url = "{flagsmith}"
api_key_file = "flagsmith-key"
webhook_secret_file = "flagsmith-webhook"
project = {flags}

[[projects]]
match = "shop/**"
tell = ["production"]
"#,
            gitlab = self.gitlab.url(),
            flagsmith = self.flagsmith.url(),
            flags = self.flags,
        )
    }
}
