//! A small town for stories: a GitLab and a Flagsmith, the real daemon between them, and the people who use both.
//!
//! Everything speaks real HTTP. A story says what people do, waits until all of it has come to rest, and says what must be seen.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use flaglink::config::Config;
use flaglink::daemon::Daemon;
use flaglink::http::api_types::Reloaded;
use flaglink::sandbox::flagsmith::{Flagsmith, Person};
use flaglink::sandbox::gitlab::{Awardable, Gitlab, HookSpec, Note, NoteableRef, Visibility, level};
use jiff::SignedDuration;
use tempfile::TempDir;

#[path = "loopback.rs"]
pub(crate) mod loopback;

/// How long anything may take before a story has failed. Far longer than anything takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How long it may take until all is done. Some of it waits for its moment, and a machine may have much else to do.
const REST: Duration = Duration::from_secs(60);
/// The secret of GitLab's webhook.
pub(crate) const GITLAB_SECRET: &str = "town-gitlab-webhook-secret";
/// The secret of Flagsmith's webhook.
pub(crate) const FLAGSMITH_SECRET: &str = "town-flagsmith-webhook-secret";

/// How a town differs from the usual one.
#[derive(Default)]
pub(crate) struct Plan {
    /// Lines for the `[[projects]]` entry.
    pub(crate) rule: String,
    /// Further tables.
    pub(crate) more: String,
    /// Visibility of the project `shop/web`; private unless given.
    pub(crate) visibility: Option<Visibility>,
    /// Further lines for `[listen]`.
    pub(crate) listen: String,
    /// How often flaglink catches up besides at its start; an hour unless given.
    pub(crate) catch_up: Option<&'static str>,
    /// The bot's role in the projects; maintainer unless given.
    pub(crate) role: Option<u32>,
    /// Flagsmith is only polled.
    pub(crate) no_flag_webhook: bool,
    /// How far GitLab's clock is ahead while the daemon starts, so that the rule is in force since then. Right afterwards.
    pub(crate) since: SignedDuration,
}

/// The town.
pub(crate) struct Town {
    pub(crate) gitlab: Gitlab,
    pub(crate) flagsmith: Flagsmith,
    /// The bot's user id.
    pub(crate) bot: u64,
    /// The project `shop/web`.
    pub(crate) shop: u64,
    /// A project that no rule matches.
    pub(crate) elsewhere: u64,
    /// Id of the hook of `shop/web`.
    pub(crate) hook: u64,
    /// A developer of `shop/web`.
    pub(crate) mara: u64,
    /// A guest of `shop/web`.
    pub(crate) gus: u64,
    /// A maintainer of `shop/web`.
    pub(crate) tobias: u64,
    /// Somebody who is in no project.
    pub(crate) stranger: u64,
    /// Somebody who changes flags.
    pub(crate) ada: Person,
    /// Somebody else who does.
    pub(crate) bob: Person,
    config: String,
    folder: TempDir,
    daemon: Option<Daemon>,
    address: SocketAddr,
}

impl Town {
    /// The usual town, with flags `checkout_v2` (value `blue`) and `dark_mode`.
    pub(crate) async fn new() -> Self {
        Self::planned(Plan::default()).await
    }

    /// A town with another rule, or other tables.
    pub(crate) async fn planned(plan: Plan) -> Self {
        let gitlab = Gitlab::start().await.unwrap();
        let flagsmith = Flagsmith::start().await.unwrap();
        flagsmith.take_private_addresses(true);
        gitlab.change(|model| model.settings.clock_ahead = plan.since);

        let bot = gitlab.bot("flag-bot");
        let token = gitlab.token(bot, &["api"]);
        let shop = gitlab.project("shop/web", plan.visibility.unwrap_or(Visibility::Private));
        let elsewhere = gitlab.project("other/thing", Visibility::Private);
        let people = ["mara", "gus", "tobias", "stranger"].map(|name| gitlab.user(name));
        let [mara, gus, tobias, stranger] = people;
        for project in [shop, elsewhere] {
            gitlab.member(project, bot, plan.role.unwrap_or(level::MAINTAINER));
            gitlab.member(project, mara, level::DEVELOPER);
            gitlab.member(project, gus, level::GUEST);
            gitlab.member(project, tobias, level::MAINTAINER);
        }

        let flags = flagsmith.new_project("Web shop");
        let ada = flagsmith.person("ada@example.com", flags);
        let bob = flagsmith.person("bob@example.com", flags);
        for environment in ["development", "staging", "production"] {
            ada.new_environment(environment).unwrap();
        }
        ada.new_flag("checkout_v2", false, "blue").unwrap();
        ada.new_flag("dark_mode", false, flaglink::sandbox::flagsmith::Value::Nothing).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| write_secret(&folder, name, text);
        file("gitlab-token", &token);
        file("webhook-secret", GITLAB_SECRET);
        file("flagsmith-key", &flagsmith.api_key());
        file("flagsmith-webhook", FLAGSMITH_SECRET);
        let webhook = if plan.no_flag_webhook { "" } else { "webhook_secret_file = \"flagsmith-webhook\"" };
        let poll = if plan.no_flag_webhook { "5s" } else { "1h" };
        let config = format!(
            r#"
            [listen]
            webhooks = "{webhooks}"
            admin = "127.0.0.1:0"
            socket = "flaglink.sock"
            {listen}

            [store]
            path = "store"
            marker_key_file = "marker-key"

            [gitlab]
            url = "{gitlab}"
            token_file = "gitlab-token"
            webhook_secret_file = "webhook-secret"
            request_ceiling = "2s"
            catch_up = "{catch_up}"

            [providers.flagsmith]
            kind = "flagsmith"
            url = "{flagsmith}"
            api_key_file = "flagsmith-key"
            project = {flags}
            poll = "{poll}"
            {webhook}

            [[projects]]
            match = "shop/**"
            {at_once}
            {rule}

            {more}
            "#,
            webhooks = SocketAddr::new(loopback::ip_of_its_own(), 0),
            gitlab = gitlab.url(),
            flagsmith = flagsmith.url(),
            listen = plan.listen,
            catch_up = plan.catch_up.unwrap_or("1h"),
            // Unless the story is about that, what is told is told at once.
            at_once = if plan.rule.contains("tell_after") { "" } else { "tell_after = \"0s\"" },
            rule = plan.rule,
            more = plan.more,
        );
        // For whoever runs the program on it.
        file("flaglink.toml", &config);
        let daemon = start(&config, &folder).await;
        // From the daemon's first question on the rule is in force, by the clock of GitLab's answer.
        gitlab
            .faults()
            .until(PATIENCE, |requests| {
                requests.iter().any(|request| request.path == "/api/v4/user" && request.status.is_some())
            })
            .await
            .unwrap();
        gitlab.change(|model| model.settings.clock_ahead = SignedDuration::ZERO);
        // A story in which a webhook is lost must not be told while the first look is under way.
        let looked = tokio::time::timeout(PATIENCE, daemon.caught_up(1)).await;
        assert!(looked.is_ok(), "it does not catch up:\n{}", gitlab.faults().describe());
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
            bob,
            config,
            folder,
            daemon: Some(daemon),
            address,
        }
    }

    /// The daemon, which has to be running.
    pub(crate) fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("the daemon runs")
    }

    /// Where webhooks come in.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of the configuration.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Ends the daemon as SIGTERM does.
    pub(crate) async fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop().await;
        }
    }

    /// Starts it again on the same store, with the same address.
    pub(crate) async fn start(&mut self) {
        let unbound = SocketAddr::new(self.address.ip(), 0).to_string();
        let config = self.config.replacen(&unbound, &self.address.to_string(), 1);
        self.daemon = Some(start(&config, &self.folder).await);
    }

    /// Starts it again with something else in its configuration.
    pub(crate) async fn start_rewritten(&mut self, from: &str, to: &str) {
        self.stop().await;
        assert!(self.config.contains(from), "{}", self.config);
        self.config = self.config.replace(from, to);
        self.start().await;
    }

    /// Writes a file beside the configuration.
    pub(crate) fn write(&self, name: &str, text: &str) {
        write_secret(&self.folder, name, text);
    }

    /// Has the running daemon read its configuration with something else in it.
    pub(crate) async fn reload(&mut self, from: &str, to: &str) -> Result<Reloaded, String> {
        assert!(self.config.contains(from), "{}", self.config);
        let changed = self.config.replace(from, to);
        self.write("flaglink.toml", &changed);
        let reloaded = self.daemon().reload().await;
        if reloaded.is_ok() {
            self.config = changed;
        }
        reloaded
    }

    /// What was given up, as the queue shows it.
    pub(crate) async fn dead(&self) -> Vec<serde_json::Value> {
        self.queue().await["dead"].as_array().unwrap().clone()
    }

    /// Returns when so many replies wait to be sent.
    pub(crate) async fn until_replies_wait(&self, many: usize) {
        let waits = async {
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            loop {
                let queue = self.queue().await;
                let edges = queue["edges"].as_array().unwrap();
                if edges.iter().filter(|edge| edge["what"] == "reply").count() >= many {
                    return;
                }
                tick.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, waits).await.expect("the replies are not there");
    }

    /// How much of what came in waits on disk.
    pub(crate) async fn waiting(&self) -> usize {
        self.queue().await["inbox"].as_array().unwrap().len()
    }

    /// Returns when something that came in was tried and has to wait.
    pub(crate) async fn until_tried(&self) {
        self.until_queue(|inbox| inbox.iter().any(|entry| !entry["reason"].is_null())).await;
    }

    /// Returns when of all that the flag service has told it is known which flag it is about, and that waits in the flag's lane.
    pub(crate) async fn until_told_apart(&self) {
        self.flagsmith.settled(PATIENCE).await.unwrap();
        self.until_all_wait_for_flags().await;
        // What is in the store by now is in its lane when something that is told after it has come through.
        self.ada.new_flag("nobody_links_this", false, flaglink::sandbox::flagsmith::Value::Nothing).unwrap();
        self.flagsmith.settled(PATIENCE).await.unwrap();
        self.until_all_wait_for_flags().await;
    }

    async fn until_all_wait_for_flags(&self) {
        let of_some_flag = |entry: &serde_json::Value| {
            let about = entry["about"].as_str().unwrap_or_default();
            entry["what"] == "changed flag" && !about.contains(", id ")
        };
        self.until_queue(|inbox| inbox.iter().all(of_some_flag)).await;
    }

    async fn until_queue(&self, done: impl Fn(&[serde_json::Value]) -> bool) {
        let seen = async {
            let mut tick = tokio::time::interval(Duration::from_millis(20));
            while !done(self.queue().await["inbox"].as_array().unwrap()) {
                tick.tick().await;
            }
        };
        if tokio::time::timeout(PATIENCE, seen).await.is_err() {
            panic!("not seen in the queue: {}", self.queue().await);
        }
    }

    async fn queue(&self) -> serde_json::Value {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let queue = format!("http://{}/api/v1/queue", self.daemon().admin());
        let answer = client.get(queue).send().await.unwrap().bytes().await.unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    /// Starts it again with further tables in its configuration, and with the files that they name.
    pub(crate) async fn start_with(&mut self, tables: &str, files: &[(&str, &str)]) {
        self.stop().await;
        for (name, text) in files {
            write_secret(&self.folder, name, text);
        }
        self.config.push_str(tables);
        self.start().await;
    }

    /// Webhooks of another project come here, too.
    pub(crate) fn hooked(&self, project: u64) {
        self.gitlab.hook(project, HookSpec::everything(&hook_url(self.address), GITLAB_SECRET));
    }

    /// An issue of mara's in `shop/web`.
    pub(crate) fn issue(&self) -> NoteableRef {
        self.gitlab.issue(self.mara, self.shop, "Checkout is slow", "").unwrap()
    }

    /// A merge request of mara's in `shop/web`.
    pub(crate) fn merge_request(&self) -> NoteableRef {
        self.gitlab.merge_request(self.mara, self.shop, "A faster checkout", "").unwrap()
    }

    /// A second goes by on GitLab's clock: nobody edits within the millisecond in which somebody writes.
    pub(crate) fn a_second_later(&self) {
        self.gitlab.change(|model| model.settings.clock_ahead += SignedDuration::from_secs(1));
    }

    /// Mara comments, and everything comes to rest.
    pub(crate) async fn says(&self, on: NoteableRef, text: &str) -> u64 {
        self.says_as(self.mara, on, text).await
    }

    /// Somebody comments, and everything comes to rest.
    pub(crate) async fn says_as(&self, who: u64, on: NoteableRef, text: &str) -> u64 {
        let note = self.gitlab.comment(who, on, text).unwrap();
        self.rest().await;
        note
    }

    /// Returns when every webhook is delivered and everything that follows from it is done.
    pub(crate) async fn rest(&self) {
        loop {
            self.gitlab.until(REST, |model| model.all_delivered()).await.unwrap();
            self.flagsmith.settled(REST).await.unwrap();
            let settled = tokio::time::timeout(REST, self.daemon().settled()).await;
            assert!(settled.is_ok(), "not at rest:\n{}", self.gitlab.read(|model| model.describe()));
            // What the daemon did may have sent further webhooks.
            if self.gitlab.read(|model| model.all_delivered()) && self.daemon().in_lanes() == 0 {
                return;
            }
        }
    }

    /// The bot's comments on a page, oldest first.
    pub(crate) fn bot_notes(&self, on: NoteableRef) -> Vec<Note> {
        self.gitlab.read(|model| model.notes_by(on, self.bot).into_iter().cloned().collect())
    }

    /// The panel on a page: the bot's one comment with the heading.
    pub(crate) fn panel(&self, on: NoteableRef) -> Option<Note> {
        let mut panels: Vec<Note> =
            self.bot_notes(on).into_iter().filter(|note| note.body.contains("🚩 Feature flags")).collect();
        assert!(panels.len() <= 1, "more than one panel:\n{}", self.gitlab.transcript(on));
        panels.pop()
    }

    /// The bot's comments on a page that are not its panel.
    pub(crate) fn replies(&self, on: NoteableRef) -> Vec<Note> {
        self.bot_notes(on).into_iter().filter(|note| !note.body.contains("🚩 Feature flags")).collect()
    }

    /// The one reply to a note: exactly one, or the story fails.
    pub(crate) fn reply_to(&self, on: NoteableRef, note: u64) -> String {
        let link = format!("#note_{note})");
        let replies: Vec<Note> =
            self.replies(on).into_iter().filter(|reply| reply.body.contains(&link)).collect();
        assert_eq!(replies.len(), 1, "replies to note {note}:\n{}", self.gitlab.transcript(on));
        replies[0].body.clone()
    }

    /// The bot's reactions on a note, in the order in which they came.
    pub(crate) fn reactions(&self, note: u64) -> Vec<String> {
        self.gitlab.read(|model| model.reactions(note, self.bot).into_iter().map(str::to_owned).collect())
    }

    /// What the one reply to a note says, as it is read: without the link that it begins with, and without its marker.
    pub(crate) fn answer(&self, on: NoteableRef, note: u64) -> String {
        let whole = self.reply_to(on, note);
        let opening = format!("[Your command](#note_{note}): ");
        let said = whole.strip_prefix(&opening).unwrap_or_else(|| panic!("begins otherwise: {whole}"));
        as_read(&without_marker(said))
    }

    /// The bot's reactions on an issue or merge request itself.
    pub(crate) fn reactions_on_page(&self, on: NoteableRef) -> Vec<String> {
        self.gitlab.read(|model| {
            let awards = model.awards_on(Awardable::Noteable(on)).filter(|award| award.user == self.bot);
            awards.map(|award| award.name.clone()).collect()
        })
    }

    /// What the panel's table says about a flag: one cell per environment. `None` where it is not in the panel.
    pub(crate) fn row(&self, on: NoteableRef, flag: &str) -> Option<Vec<String>> {
        let panel = self.panel(on)?;
        let name = format!("`{flag}`");
        let row = panel.body.lines().find(|line| {
            let first = line.strip_prefix("| ").and_then(|line| line.split(" | ").next());
            first.is_some_and(|first| as_read(first).contains(&name))
        })?;
        let cells = row.trim_end_matches('|').split(" | ").skip(1);
        Some(cells.map(|cell| as_read(cell.trim())).collect())
    }

    /// The pages that stand on a flag in Flagsmith.
    pub(crate) fn links(&self, flag: &str) -> Vec<String> {
        self.ada.links(flag).unwrap()
    }

    /// The address of a page.
    pub(crate) fn page(&self, on: NoteableRef) -> String {
        self.gitlab.read(|model| model.page_of(on))
    }

    /// Nothing of the bot's is to be seen on a page: no comment, no label, and no reaction.
    pub(crate) fn assert_silence(&self, on: NoteableRef) {
        let transcript = self.gitlab.transcript(on);
        assert!(self.bot_notes(on).is_empty(), "{transcript}");
        assert!(self.labels(on).is_empty() && self.reactions_on_page(on).is_empty(), "{transcript}");
        let notes: Vec<u64> = self.gitlab.read(|model| model.notes_on(on).map(|note| note.id).collect());
        assert!(notes.into_iter().all(|note| self.reactions(note).is_empty()), "{transcript}");
    }

    /// Sends a webhook as GitLab would, whoever sends it; returns the status of the answer.
    pub(crate) async fn post(&self, secret: &str, body: &serde_json::Value) -> u16 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(hook_url(self.address)).header("X-Gitlab-Token", secret);
        let request = request.header("Content-Type", "application/json").body(body.to_string());
        request.send().await.unwrap().status().as_u16()
    }

    /// The labels on a page.
    pub(crate) fn labels(&self, on: NoteableRef) -> Vec<String> {
        self.gitlab.read(|model| model.noteables[&on].labels.iter().map(|label| label.to_string()).collect())
    }

    /// The end of a story: nothing is left over, and nothing happened that must never happen.
    pub(crate) async fn end(mut self) {
        self.rest().await;
        let (actions, mentions) = self.gitlab.read(|model| {
            let ours = model.notes.values().filter(|note| note.author == self.bot);
            let actions: Vec<String> =
                ours.clone().flat_map(|note| &note.quick_actions).map(|a| format!("{a:?}")).collect();
            let request = regex::Regex::new(r"(GET|POST|PUT|PATCH|DELETE) [0-9a-z.]+:[0-9]+/").unwrap();
            for note in ours.clone() {
                assert!(
                    !request.is_match(&note.body),
                    "where a service is is nobody's business: {}",
                    note.body
                );
            }
            let mentions: Vec<String> = ours.flat_map(|note| note.mentions.clone()).collect();
            (actions, mentions)
        });
        assert!(actions.is_empty(), "the bot ran quick actions: {actions:?}");
        assert!(mentions.is_empty(), "the bot mentioned people: {mentions:?}");
        self.stop().await;
    }
}

/// A comment of the bot without the hidden line at its end.
pub(crate) fn without_marker(body: &str) -> String {
    let (text, marker) = body.rsplit_once("\n\n").expect("a marker");
    assert!(marker.starts_with("<!-- flaglink:"), "{body}");
    text.to_owned()
}

/// A text as it is read: code that had to be written as HTML in backticks, the addresses of links left out.
pub(crate) fn as_read(text: &str) -> String {
    let code = regex::Regex::new("<code>([^<]*)</code>").unwrap();
    let entity = regex::Regex::new("&#([0-9]+);").unwrap();
    let address = regex::Regex::new(r"\]\(http://[^)]+\)").unwrap();
    let text = code.replace_all(text, "`$1`");
    let text = entity.replace_all(&text, |found: &regex::Captures<'_>| {
        found[1].parse().ok().and_then(char::from_u32).unwrap().to_string()
    });
    address.replace_all(&text, "]").replace("&lt;", "<").replace("&amp;", "&")
}

async fn start(config: &str, folder: &TempDir) -> Daemon {
    let config = Config::parse(config, &folder.path().join("flaglink.toml"), &BTreeMap::new()).unwrap();
    Daemon::start(config).await.unwrap()
}

fn write_secret(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let only_mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, only_mine).unwrap();
}

fn hook_url(address: SocketAddr) -> String {
    format!("http://{address}/hooks/gitlab")
}
