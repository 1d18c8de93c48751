//! The town: a GitLab, three flag services, people, and the real program between them.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use flaglink::sandbox::gitlab::{Gitlab, HookSpec, Visibility, level};

use super::chance::Chance;
use super::flags::Services;
use super::people::Model;
use crate::town::loopback::free_port;
use crate::town::{FLAGSMITH_SECRET, GITLAB_SECRET};

const UNLEASH_SECRET: &str = "Bearer town-unleash-webhook-secret";
/// How much of the log's end is shown where something is wrong.
const LOG_LINES: usize = 120;

pub(super) struct Place {
    pub(super) seed: u64,
    pub(super) gitlab: Gitlab,
    pub(super) services: Services,
    pub(super) chance: Chance,
    pub(super) model: Model,
    pub(super) shop: u64,
    pub(super) bot: u64,
    /// Developers.
    pub(super) people: Vec<u64>,
    pub(super) reporter: u64,
    pub(super) maintainer: u64,
    pub(super) admin: SocketAddr,
    pub(super) folder: tempfile::TempDir,
    /// How often the program was killed.
    pub(super) killed: usize,
    /// What was done to it, for whoever has to find out what went wrong.
    pub(super) diary: Vec<String>,
}

impl Place {
    pub(super) async fn new(seed: u64) -> Self {
        let gitlab = Gitlab::start().await.unwrap();
        let bot = gitlab.bot("flag-bot");
        let token = gitlab.token(bot, &["api"]);
        let shop = gitlab.project("shop/web", Visibility::Private);
        gitlab.member(shop, bot, level::MAINTAINER);
        let people: Vec<u64> = ["mara", "jo", "kim"].map(|name| gitlab.user(name)).to_vec();
        for person in &people {
            gitlab.member(shop, *person, level::DEVELOPER);
        }
        let (reporter, maintainer) = (gitlab.user("rea"), gitlab.user("tobias"));
        gitlab.member(shop, reporter, level::REPORTER);
        gitlab.member(shop, maintainer, level::MAINTAINER);
        let services = Services::new(gitlab.clone(), shop, maintainer, bot).await;

        let folder = tempfile::tempdir().unwrap();
        let (webhooks, admin) = (free_port(), free_port());
        let secrets = [
            ("gitlab-token", token),
            ("webhook-secret", GITLAB_SECRET.to_owned()),
            ("flagsmith-key", services.flagsmith.api_key()),
            ("flagsmith-webhook", FLAGSMITH_SECRET.to_owned()),
            ("unleash-token", services.unleash.token()),
            ("unleash-webhook", UNLEASH_SECRET.to_owned()),
        ];
        for (name, text) in secrets {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let config = format!(
            r#"
            [listen]
            webhooks = "{webhooks}"
            admin = "{admin}"
            socket = "flaglink.sock"
            [store]
            path = "store"
            marker_key_file = "marker-key"
            [gitlab]
            url = "{gitlab}"
            token_file = "gitlab-token"
            webhook_secret_file = "webhook-secret"
            request_ceiling = "2s"
            catch_up = "2s"
            [providers.flagsmith]
            kind = "flagsmith"
            url = "{flagsmith}"
            api_key_file = "flagsmith-key"
            webhook_secret_file = "flagsmith-webhook"
            project = {project}
            poll = "1h"
            [providers.unleash]
            kind = "unleash"
            url = "{unleash}"
            api_token_file = "unleash-token"
            webhook_secret_file = "unleash-webhook"
            poll = "1h"
            # GitLab sends a webhook for some changes of its flags only.
            [providers.gitlab]
            kind = "gitlab"
            poll = "5s"
            [[projects]]
            match = "shop/**"
            providers = ["flagsmith", "unleash", "gitlab"]
            tell = ["production"]
            tell_after = "1s"
            permissions = {{ toggle = "developer" }}
            toggle_in = {{ production = "maintainer" }}
            "#,
            gitlab = gitlab.url(),
            flagsmith = services.flagsmith.url(),
            project = services.project,
            unleash = services.unleash.url(),
        );
        std::fs::write(folder.path().join("flaglink.toml"), config).unwrap();
        let url = format!("http://{webhooks}/hooks/gitlab");
        gitlab.hook(shop, HookSpec::everything(&url, GITLAB_SECRET));
        let events = vec!["feature_flag_events"];
        gitlab.hook(shop, HookSpec { events, ..HookSpec::everything(&url, GITLAB_SECRET) });
        let hook = |name: &str| format!("http://{webhooks}/hooks/providers/{name}");
        services.flagsmith.organisation_webhook(&hook("flagsmith"), FLAGSMITH_SECRET);
        services.unleash.webhook(&hook("unleash"), UNLEASH_SECRET);
        Self {
            seed,
            gitlab,
            services,
            chance: Chance::new(seed),
            model: Model::default(),
            shop,
            bot,
            people,
            reporter,
            maintainer,
            admin,
            folder,
            killed: 0,
            diary: Vec::new(),
        }
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// All that helps to find out what went wrong.
    pub(super) fn failed(&self, why: &str) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
        let pages: Vec<String> = self.model.pages.iter().map(|page| self.gitlab.transcript(*page)).collect();
        format!(
            "FLAGLINK_SEED={} after {} kills\n{why}\n\n{}\n\n{}\n\n{end}\n\nFLAGLINK_SEED={}: {why}",
            self.seed,
            self.killed,
            self.diary.join("\n"),
            pages.join("\n"),
            self.seed
        )
    }
}
