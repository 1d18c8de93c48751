//! The stage of `flaglink demo` and `flaglink sandbox`: a GitLab in this process with some people.

use std::net::SocketAddr;

use super::error::StageError;
use crate::sandbox::gitlab::{Gitlab, Visibility, level};

/// The project that all of it happens in.
pub(in crate::cli) const PROJECT: &str = "shop/web";

/// The GitLab and everybody on it.
pub(in crate::cli) struct Stage {
    pub(in crate::cli) gitlab: Gitlab,
    /// The bot's user id.
    pub(in crate::cli) bot: u64,
    pub(super) bot_token: String,
    /// GitLab's id of [`PROJECT`].
    pub(in crate::cli) project: u64,
    /// A developer of the project.
    pub(in crate::cli) mara: u64,
    /// A guest of the project.
    pub(in crate::cli) gus: u64,
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
}
