//! A GitLab, a Flagsmith, and a flaglink between them that registers its webhooks itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use flaglink::config::Config;
use flaglink::daemon::Daemon;
use flaglink::sandbox::flagsmith::{Flagsmith, Person};
use flaglink::sandbox::gitlab::{Gitlab, Hook, NoteableRef, Visibility, level};
use serde_json::Value;
use tempfile::TempDir;

#[path = "../support/loopback.rs"]
pub(crate) mod loopback;

/// How long anything may take before a story has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
const FLAGSMITH_SECRET: &str = "the-secret-of-flagsmiths-webhook";

/// The servers and the people.
pub(crate) struct Place {
    pub(crate) gitlab: Gitlab,
    pub(crate) flagsmith: Flagsmith,
    pub(crate) bot: u64,
    /// The project `shop/web`.
    pub(crate) shop: u64,
    /// A developer.
    pub(crate) mara: u64,
    pub(crate) ada: Person,
    token: String,
    flags: u64,
}

impl Place {
    pub(crate) async fn new() -> Self {
        Self::with_role(level::MAINTAINER).await
    }

    pub(crate) async fn with_role(role: u32) -> Self {
        Self::around(Gitlab::start().await.unwrap(), role).await
    }

    pub(crate) async fn around(gitlab: Gitlab, role: u32) -> Self {
        let flagsmith = Flagsmith::start().await.unwrap();
        flagsmith.take_private_addresses(true);
        let bot = gitlab.bot("flag-bot");
        let token = gitlab.token(bot, &["api"]);
        let mara = gitlab.user("mara");
        let flags = flagsmith.new_project("Web shop");
        let ada = flagsmith.person("ada@example.com", flags);
        ada.new_environment("production").unwrap();
        ada.new_flag("dark_mode", false, flaglink::sandbox::flagsmith::Value::Nothing).unwrap();
        let shop = gitlab.project("shop/web", Visibility::Private);
        gitlab.member(shop, bot, role);
        gitlab.member(shop, mara, level::DEVELOPER);
        Self { gitlab, flagsmith, bot, shop, mara, ada, token, flags }
    }

    pub(crate) fn issue(&self, project: u64) -> NoteableRef {
        self.gitlab.issue(self.mara, project, "Checkout is slow", "").unwrap()
    }

    /// The bot's token.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A second project that the bot is a member of.
    pub(crate) fn project(&self, path: &str) -> u64 {
        let project = self.gitlab.project(path, Visibility::Private);
        self.gitlab.member(project, self.bot, level::MAINTAINER);
        self.gitlab.member(project, self.mara, level::DEVELOPER);
        project
    }

    pub(crate) fn hooks_of(&self, project: u64) -> Vec<Hook> {
        self.gitlab.read(|model| {
            model
                .hooks
                .values()
                .filter(|hook| hook.project == project && hook.group.is_none())
                .cloned()
                .collect()
        })
    }

    /// The one webhook of a project.
    pub(crate) fn hook_of(&self, project: u64) -> Hook {
        let mut hooks = self.hooks_of(project);
        assert_eq!(hooks.len(), 1, "{hooks:?}\n{}", self.gitlab.faults().describe());
        hooks.remove(0)
    }

    /// How often webhooks were written in GitLab.
    pub(crate) fn writes(&self) -> usize {
        let faults = self.gitlab.faults();
        ["POST", "PUT", "DELETE"].iter().map(|method| faults.count(method, "/hooks(/[0-9]+)?$")).sum()
    }

    /// Changes a webhook as a person does in GitLab's pages.
    pub(crate) fn change_hook(&self, hook: u64, change: impl FnOnce(&mut Hook)) {
        self.gitlab.change(|model| change(model.hooks.get_mut(&hook).unwrap()));
    }
}

/// One installation of flaglink.
pub(crate) struct Flaglink {
    pub(crate) folder: TempDir,
    /// Where it listens, and what its public address is unless a story says otherwise.
    pub(crate) ip: IpAddr,
    pub(crate) public: String,
    /// Where it listens, if not at its usual place.
    pub(crate) listener: Option<SocketAddr>,
    /// Further lines for `[listen]`.
    pub(crate) listen: String,
    /// Lines for `[gitlab]`.
    pub(crate) gitlab: String,
    /// Lines for the rule.
    pub(crate) rule: String,
    /// Further tables.
    pub(crate) more: String,
    /// Whether Flagsmith's webhook has a secret.
    pub(crate) flagsmith_secret: bool,
    /// How often it looks.
    pub(crate) every: &'static str,
    daemon: Option<Daemon>,
}

/// The port of every webhook listener: the addresses differ.
const PORT: u16 = 18_080;

impl Flaglink {
    pub(crate) fn new() -> Self {
        let ip = loopback::ip_of_its_own();
        Self {
            folder: tempfile::tempdir().unwrap(),
            ip,
            public: format!("http://{ip}:{PORT}"),
            listener: None,
            listen: String::new(),
            gitlab: String::new(),
            rule: String::new(),
            more: String::new(),
            flagsmith_secret: false,
            every: "1h",
            daemon: None,
        }
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let only_mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, only_mine).unwrap();
    }

    /// Another address, as a tunnel that was started anew has. The listener moves there, too.
    pub(crate) fn moves(&mut self) {
        self.ip = loopback::ip_of_its_own();
        self.public = format!("http://{}:{PORT}", self.ip);
    }

    pub(crate) fn config(&self, place: &Place) -> String {
        let secret = if self.flagsmith_secret { "webhook_secret_file = \"flagsmith-webhook\"" } else { "" };
        format!(
            r#"
            [listen]
            webhooks = "{listener}"
            admin = "127.0.0.1:0"
            socket = "flaglink.sock"
            public_url = "{public}"
            {listen}

            [store]
            path = "store"
            marker_key_file = "marker-key"

            [gitlab]
            url = "{gitlab}"
            token_file = "gitlab-token"
            request_ceiling = "2s"
            catch_up = "{every}"
            {of_gitlab}

            [providers.flagsmith]
            kind = "flagsmith"
            url = "{flagsmith}"
            api_key_file = "flagsmith-key"
            project = {flags}
            poll = "1h"
            {secret}

            [[projects]]
            match = "shop/**"
            {rule}

            {more}
            "#,
            listener = self.listener.unwrap_or(SocketAddr::new(self.ip, PORT)),
            public = self.public,
            listen = self.listen,
            gitlab = place.gitlab.url(),
            every = self.every,
            of_gitlab = self.gitlab,
            flagsmith = place.flagsmith.url(),
            flags = place.flags,
            rule = self.rule,
            more = self.more,
        )
    }

    pub(crate) fn write_config(&self, place: &Place) {
        self.write("gitlab-token", &place.token);
        self.write("flagsmith-key", &place.flagsmith.api_key());
        self.write("flagsmith-webhook", FLAGSMITH_SECRET);
        self.write("flaglink.toml", &self.config(place));
    }

    /// Starts it, and waits until it has looked at the webhooks and has caught up.
    pub(crate) async fn start(&mut self, place: &Place) {
        self.write_config(place);
        let path = self.folder.path().join("flaglink.toml");
        let config = Config::load(&path, &BTreeMap::new()).unwrap();
        let registers = config.gitlab.register_hooks;
        let reader = Box::new(move || Config::load(&path, &BTreeMap::new()));
        let daemon = Daemon::start_with(config, reader).await.unwrap();
        let looked = async {
            if registers {
                daemon.hooks_looked_at(1).await;
            }
            daemon.caught_up(1).await;
        };
        let looked = tokio::time::timeout(PATIENCE, looked).await;
        assert!(looked.is_ok(), "it does not look:\n{}", place.gitlab.faults().describe());
        self.daemon = Some(daemon);
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop().await;
        }
    }

    pub(crate) async fn restart(&mut self, place: &Place) {
        self.stop().await;
        self.start(place).await;
    }

    /// Reads its configuration again, and waits until it has looked at the webhooks.
    pub(crate) async fn reload(&self, place: &Place) {
        self.write_config(place);
        let looks = self.daemon().times_hooks_looked_at();
        self.daemon().reload().await.unwrap();
        let looked = self.daemon().hooks_looked_at(looks + 1);
        tokio::time::timeout(PATIENCE, looked).await.unwrap();
    }

    pub(crate) fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    /// Waits until it has looked at the webhooks `times` more.
    pub(crate) async fn looks(&self, place: &Place, times: u64) {
        let wanted = self.daemon().times_hooks_looked_at() + times;
        let looked = tokio::time::timeout(PATIENCE, self.daemon().hooks_looked_at(wanted)).await;
        assert!(looked.is_ok(), "it does not look:\n{}", place.gitlab.faults().describe());
    }

    /// Mara comments, and everything comes to rest.
    pub(crate) async fn hears(&self, place: &Place, on: NoteableRef, text: &str) -> u64 {
        let note = place.gitlab.comment(place.mara, on, text).unwrap();
        place.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
        tokio::time::timeout(PATIENCE, self.daemon().settled()).await.unwrap();
        note
    }

    /// A comment works through the registered webhook alone.
    pub(crate) async fn works(&self, place: &Place, on: NoteableRef) {
        let note = self.hears(place, on, "/flag list").await;
        let said: Vec<String> = place
            .gitlab
            .read(|model| model.reactions(note, place.bot).into_iter().map(str::to_owned).collect());
        let deliveries = place.gitlab.read(|model| {
            let all = model.deliveries.values().map(|one| format!("{} {} {:?}", one.hook, one.url, one.fate));
            all.collect::<Vec<_>>().join("\n")
        });
        assert_eq!(said, ["eyes", "white_check_mark"], "{}\n{deliveries}", place.gitlab.transcript(on));
    }

    /// A page of the admin listener.
    pub(crate) async fn admin(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.daemon().admin());
        let answer = client().get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// What a metric counts; 0 where it was not counted yet.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.admin("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |count| count.parse().unwrap())
    }

    /// Sends a body to a path of the listener, with a secret token; returns the status of the answer.
    pub(crate) async fn post(&self, path: &str, secret: &str, body: &Value) -> u16 {
        self.send(path, Some(secret), body).await
    }

    /// The same; without the header where there is no secret.
    pub(crate) async fn send(&self, path: &str, secret: Option<&str>, body: &Value) -> u16 {
        let url = format!("http://{}{path}", SocketAddr::new(self.ip, PORT));
        let request = secret
            .into_iter()
            .fold(client().post(url), |request, secret| request.header("X-Gitlab-Token", secret));
        let request = request.header("Content-Type", "application/json").body(body.to_string());
        request.send().await.unwrap().status().as_u16()
    }
}

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// The path in a webhook's address.
pub(crate) fn path_of(hook: &Hook) -> String {
    url::Url::parse(&hook.url).unwrap().path().to_owned()
}
