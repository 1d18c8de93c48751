//! A small town for stories: a GitLab and a Flagsmith, the real daemon between them, and the people who use both.
//!
//! Everything speaks real HTTP. A story says what people do, waits until all of it has come to rest, and says what must be seen.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use flaglink::config::Config;
use flaglink::daemon::Daemon;
use flaglink::sandbox::flagsmith::{Flagsmith, Person};
use flaglink::sandbox::gitlab::{Gitlab, HookSpec, Note, NoteableRef, Visibility, level};
use tempfile::TempDir;

/// How long anything may take before a story has failed. Far longer than anything takes.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The secret of GitLab's webhook.
pub const GITLAB_SECRET: &str = "town-gitlab-webhook-secret";
/// The secret of Flagsmith's webhook.
pub const FLAGSMITH_SECRET: &str = "town-flagsmith-webhook-secret";

/// How a town differs from the usual one.
#[derive(Default)]
pub struct Plan {
    /// Lines for the `[[projects]]` entry.
    pub rule: String,
    /// Further tables.
    pub more: String,
    /// Visibility of the project `shop/web`; private unless given.
    pub visibility: Option<Visibility>,
    /// Flagsmith is only polled.
    pub no_flag_webhook: bool,
}

/// The town.
pub struct Town {
    pub gitlab: Gitlab,
    pub flagsmith: Flagsmith,
    /// The bot's user id.
    pub bot: u64,
    /// The project `shop/web`.
    pub shop: u64,
    /// A project that no rule matches.
    pub elsewhere: u64,
    /// Id of the hook of `shop/web`.
    pub hook: u64,
    /// A developer of `shop/web`.
    pub mara: u64,
    /// A guest of `shop/web`.
    pub gus: u64,
    /// A maintainer of `shop/web`.
    pub tobias: u64,
    /// Somebody who is in no project.
    pub stranger: u64,
    /// Somebody who changes flags.
    pub ada: Person,
    config: String,
    folder: TempDir,
    daemon: Option<Daemon>,
    address: std::net::SocketAddr,
}

impl Town {
    /// The usual town, with flags `checkout_v2` (value `blue`) and `dark_mode`.
    pub async fn new() -> Self {
        Self::planned(Plan::default()).await
    }

    /// A town with another rule, or other tables.
    pub async fn planned(plan: Plan) -> Self {
        let gitlab = Gitlab::start().await.unwrap();
        let flagsmith = Flagsmith::start().await.unwrap();
        flagsmith.take_private_addresses(true);

        let bot = gitlab.bot("flag-bot");
        let token = gitlab.token(bot, &["api"]);
        let shop = gitlab.project("shop/web", plan.visibility.unwrap_or(Visibility::Private));
        let elsewhere = gitlab.project("other/thing", Visibility::Private);
        let people = ["mara", "gus", "tobias", "stranger"].map(|name| gitlab.user(name));
        let [mara, gus, tobias, stranger] = people;
        for project in [shop, elsewhere] {
            gitlab.member(project, bot, level::MAINTAINER);
            gitlab.member(project, mara, level::DEVELOPER);
            gitlab.member(project, gus, level::GUEST);
            gitlab.member(project, tobias, level::MAINTAINER);
        }

        let flags = flagsmith.new_project("Web shop");
        let ada = flagsmith.person("ada@example.com", flags);
        for environment in ["development", "staging", "production"] {
            ada.new_environment(environment).unwrap();
        }
        ada.new_flag("checkout_v2", false, "blue").unwrap();
        ada.new_flag("dark_mode", false, flaglink::sandbox::flagsmith::Value::Nothing).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let only_mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(path, only_mine).unwrap();
        };
        file("gitlab-token", &token);
        file("webhook-secret", GITLAB_SECRET);
        file("flagsmith-key", &flagsmith.api_key());
        file("flagsmith-webhook", FLAGSMITH_SECRET);
        let webhook = if plan.no_flag_webhook { "" } else { "webhook_secret_file = \"flagsmith-webhook\"" };
        let poll = if plan.no_flag_webhook { "5s" } else { "1h" };
        let config = format!(
            r#"
            [listen]
            webhooks = "127.0.0.1:0"
            admin = "127.0.0.1:0"
            socket = "flaglink.sock"

            [store]
            path = "store"
            marker_key_file = "marker-key"

            [gitlab]
            url = "{gitlab}"
            token_file = "gitlab-token"
            webhook_secret_file = "webhook-secret"
            request_ceiling = "2s"

            [providers.flagsmith]
            kind = "flagsmith"
            url = "{flagsmith}"
            api_key_file = "flagsmith-key"
            project = {flags}
            poll = "{poll}"
            {webhook}

            [[projects]]
            match = "shop/**"
            {rule}

            {more}
            "#,
            gitlab = gitlab.url(),
            flagsmith = flagsmith.url(),
            rule = plan.rule,
            more = plan.more,
        );
        let daemon = start(&config, &folder).await;
        let address = daemon.webhooks();
        let hook = gitlab.hook(shop, HookSpec::everything(&hook_url(address), GITLAB_SECRET));
        gitlab.hook(elsewhere, HookSpec::everything(&hook_url(address), GITLAB_SECRET));
        if !plan.no_flag_webhook {
            flagsmith.organisation_webhook(
                &format!("http://{address}/hooks/providers/flagsmith"),
                FLAGSMITH_SECRET,
            );
        }
        Self {
            gitlab,
            flagsmith,
            bot,
            shop,
            elsewhere,
            hook,
            mara,
            gus,
            tobias,
            stranger,
            ada,
            config,
            folder,
            daemon: Some(daemon),
            address,
        }
    }

    /// The daemon, which has to be running.
    pub fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("the daemon runs")
    }

    /// Where webhooks come in.
    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// The folder of the configuration.
    pub fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Ends the daemon as SIGTERM does.
    pub async fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop().await;
        }
    }

    /// Starts it again on the same store, with the same address.
    pub async fn start(&mut self) {
        let config = self.config.replacen("127.0.0.1:0", &self.address.to_string(), 1);
        self.daemon = Some(start(&config, &self.folder).await);
    }

    /// An issue of mara's in `shop/web`.
    pub fn issue(&self) -> NoteableRef {
        self.gitlab.issue(self.mara, self.shop, "Checkout is slow", "").unwrap()
    }

    /// A merge request of mara's in `shop/web`.
    pub fn merge_request(&self) -> NoteableRef {
        self.gitlab.merge_request(self.mara, self.shop, "A faster checkout", "").unwrap()
    }

    /// Mara comments, and everything comes to rest.
    pub async fn says(&self, on: NoteableRef, text: &str) -> u64 {
        let note = self.gitlab.comment(self.mara, on, text).unwrap();
        self.rest().await;
        note
    }

    /// Returns when every webhook is delivered and everything that follows from it is done.
    pub async fn rest(&self) {
        loop {
            self.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
            self.flagsmith.settled(PATIENCE).await.unwrap();
            let settled = tokio::time::timeout(PATIENCE, self.daemon().settled()).await;
            assert!(settled.is_ok(), "not at rest:\n{}", self.gitlab.read(|model| model.describe()));
            // What the daemon did may have sent further webhooks.
            if self.gitlab.read(|model| model.all_delivered()) && self.daemon().in_lanes() == 0 {
                return;
            }
        }
    }

    /// The bot's comments on a page, oldest first.
    pub fn bot_notes(&self, on: NoteableRef) -> Vec<Note> {
        self.gitlab.read(|model| model.notes_by(on, self.bot).into_iter().cloned().collect())
    }

    /// The panel on a page: the bot's one comment with the heading.
    pub fn panel(&self, on: NoteableRef) -> Option<Note> {
        let mut panels: Vec<Note> =
            self.bot_notes(on).into_iter().filter(|note| note.body.contains("🚩 Feature flags")).collect();
        assert!(panels.len() <= 1, "more than one panel:\n{}", self.gitlab.transcript(on));
        panels.pop()
    }

    /// The bot's comments on a page that are not its panel.
    pub fn replies(&self, on: NoteableRef) -> Vec<Note> {
        self.bot_notes(on).into_iter().filter(|note| !note.body.contains("🚩 Feature flags")).collect()
    }

    /// The one reply to a note: exactly one, or the story fails.
    pub fn reply_to(&self, on: NoteableRef, note: u64) -> String {
        let link = format!("#note_{note})");
        let replies: Vec<Note> =
            self.replies(on).into_iter().filter(|reply| reply.body.contains(&link)).collect();
        assert_eq!(replies.len(), 1, "replies to note {note}:\n{}", self.gitlab.transcript(on));
        replies[0].body.clone()
    }

    /// The bot's reactions on a note, in the order in which they came.
    pub fn reactions(&self, note: u64) -> Vec<String> {
        self.gitlab.read(|model| model.reactions(note, self.bot).into_iter().map(str::to_owned).collect())
    }

    /// The labels on a page.
    pub fn labels(&self, on: NoteableRef) -> Vec<String> {
        self.gitlab.read(|model| model.noteables[&on].labels.iter().map(|label| label.to_string()).collect())
    }

    /// The end of a story: nothing is left over, and nothing happened that must never happen.
    pub async fn end(mut self) {
        self.rest().await;
        let (actions, mentions) = self.gitlab.read(|model| {
            let ours = model.notes.values().filter(|note| note.author == self.bot);
            let actions: Vec<String> =
                ours.clone().flat_map(|note| &note.quick_actions).map(|a| format!("{a:?}")).collect();
            let mentions: Vec<String> = ours.flat_map(|note| note.mentions.clone()).collect();
            (actions, mentions)
        });
        assert!(actions.is_empty(), "the bot ran quick actions: {actions:?}");
        assert!(mentions.is_empty(), "the bot mentioned people: {mentions:?}");
        self.stop().await;
    }
}

async fn start(config: &str, folder: &TempDir) -> Daemon {
    let config = Config::parse(config, &folder.path().join("flaglink.toml"), &BTreeMap::new()).unwrap();
    Daemon::start(config).await.unwrap()
}

fn hook_url(address: std::net::SocketAddr) -> String {
    format!("http://{address}/hooks/gitlab")
}
