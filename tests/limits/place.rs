//! A GitLab, a Flagsmith, and the program itself between them in a process of its own.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flaglink::sandbox::faults::{Fault, Rule, RuleId};
use flaglink::sandbox::flagsmith::Flagsmith;
use flaglink::sandbox::gitlab::{Gitlab, NoteableRef, Visibility, level};
use serde_json::{Value, json};

use crate::loopback::free_port;

/// How long anything may take before a story has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The secret of GitLab's webhook.
pub(crate) const SECRET: &str = "limits-gitlab-webhook-secret";
/// The reactions to a command that is done.
pub(crate) const DONE: [&str; 2] = ["eyes", "white_check_mark"];

/// The place. Webhooks are sent by the story itself, so that it sees each answer.
pub(crate) struct Place {
    pub(crate) gitlab: Gitlab,
    pub(crate) webhooks: SocketAddr,
    /// How long a start may take, and everything to come to rest.
    pub(crate) patience: Duration,
    admin: SocketAddr,
    shop: u64,
    mara: u64,
    bot: u64,
    issue: NoteableRef,
    folder: tempfile::TempDir,
    client: reqwest::Client,
    keys: AtomicU64,
    _flagsmith: Flagsmith,
}

/// A daemon that ends with this value, also in a panic.
pub(crate) struct Daemon(Child);

/// One webhook of GitLab's.
#[derive(Clone)]
pub(crate) struct Webhook {
    key: String,
    body: bytes::Bytes,
}

impl Place {
    /// A place with these lines under `[limits]`.
    pub(crate) async fn new(limits: &str) -> Self {
        let gitlab = Gitlab::start().await.unwrap();
        let flagsmith = Flagsmith::start().await.unwrap();
        let bot = gitlab.bot("flag-bot");
        let token = gitlab.token(bot, &["api"]);
        let shop = gitlab.project("shop/web", Visibility::Private);
        let mara = gitlab.user("mara");
        gitlab.member(shop, bot, level::MAINTAINER);
        gitlab.member(shop, mara, level::DEVELOPER);
        let flags = flagsmith.new_project("Web shop");
        let ada = flagsmith.person("ada@example.com", flags);
        ada.new_environment("production").unwrap();
        ada.new_flag("checkout_v2", false, "blue").unwrap();

        let folder = tempfile::tempdir().unwrap();
        let (webhooks, admin) = (free_port(), free_port());
        let secrets =
            [("gitlab-token", token), ("secret", SECRET.to_owned()), ("flagsmith-key", flagsmith.api_key())];
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
            [limits]
            {limits}
            [gitlab]
            url = "{}"
            token_file = "gitlab-token"
            webhook_secret_file = "secret"
            request_ceiling = "2s"
            [providers.flagsmith]
            kind = "flagsmith"
            url = "{}"
            api_key_file = "flagsmith-key"
            project = {flags}
            poll = "1h"
            [[projects]]
            match = "shop/**"
            "#,
            gitlab.url(),
            flagsmith.url(),
        );
        std::fs::write(folder.path().join("flaglink.toml"), config).unwrap();
        let issue = gitlab.issue(mara, shop, "Checkout is slow", "").unwrap();
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let keys = AtomicU64::new(0);
        Self {
            gitlab,
            webhooks,
            patience: PATIENCE,
            admin,
            shop,
            mara,
            bot,
            issue,
            folder,
            client,
            keys,
            _flagsmith: flagsmith,
        }
    }

    /// A path beside the configuration.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program, to be run as the daemon.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flaglink"));
        command.arg("run").arg("--config").arg(self.path("flaglink.toml"));
        // In the surroundings that the unit for systemd gives it.
        let unit = include_str!("../../systemd/flaglink.service");
        for line in unit.lines().filter_map(|line| line.strip_prefix("Environment=")) {
            command.envs(line.split(' ').filter_map(|one| one.split_once('=')));
        }
        command
    }

    /// Starts the daemon and waits until it is up.
    pub(crate) async fn start(&self) -> Daemon {
        let mut daemon = self.spawn(self.command());
        self.until_up(&mut daemon).await;
        daemon
    }

    /// Starts a command in place of the daemon. Its log is a file on the same disk as the store, as many have it.
    pub(crate) fn spawn(&self, mut command: Command) -> Daemon {
        let log: File = OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        Daemon(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// Waits until everything is well. From then on commands are the daemon's business: what was written before a rule was
    /// first in force is not.
    pub(crate) async fn until_up(&self, daemon: &mut Daemon) {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        let up = async {
            while self.readyz().await.is_none() {
                if let Some(ended) = daemon.0.try_wait().unwrap() {
                    panic!("it does not start: {ended}\n{}", self.log());
                }
                tick.tick().await;
            }
        };
        assert!(tokio::time::timeout(self.patience, up).await.is_ok(), "{}", self.log());
    }

    /// What was logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// What the admin listener answers; `None` where nobody does.
    pub(crate) async fn ask(&self, path: &str) -> Option<(u16, String)> {
        let answer = self.client.get(format!("http://{}{path}", self.admin)).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    }

    /// Whether it is ready, and what it says about that.
    pub(crate) async fn readyz(&self) -> Option<(u16, String)> {
        self.ask("/readyz").await
    }

    /// Waits until readiness is as wanted; returns what it says.
    pub(crate) async fn until_ready(&self, wanted: u16) -> String {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let mut last = None;
        let waiting = async {
            loop {
                last = self.readyz().await;
                if let Some((status, said)) = last.clone()
                    && status == wanted
                {
                    return said;
                }
                tick.tick().await;
            }
        };
        let said = tokio::time::timeout(PATIENCE, waiting).await;
        said.unwrap_or_else(|_| panic!("readiness is not {wanted} but {last:?}\n{}", self.log()))
    }

    /// Mara writes a comment; the webhook that GitLab would send of it, with more in it that flaglink does not read.
    pub(crate) fn comment(&self, text: &str, more: &str) -> (u64, Webhook) {
        self.comment_on(self.issue, text, more)
    }

    /// The project's number.
    pub(crate) fn shop(&self) -> u64 {
        self.shop
    }

    /// Another issue of mara's.
    pub(crate) fn issue(&self) -> NoteableRef {
        self.gitlab.issue(self.mara, self.shop, "Checkout is slow, too", "").unwrap()
    }

    /// The same on that issue.
    pub(crate) fn comment_on(&self, on: NoteableRef, text: &str, more: &str) -> (u64, Webhook) {
        let note = self.gitlab.comment(self.mara, on, text).unwrap();
        let body = json!({
            "object_kind": "note",
            "project": { "id": self.shop, "path_with_namespace": "shop/web" },
            "object_attributes": { "id": note, "noteable_type": "Issue", "note": text },
            "issue": { "iid": on.iid },
            "more": more,
        });
        let key = format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed));
        (note, Webhook { key, body: body.to_string().into() })
    }

    /// Sends a webhook; the status of the answer, and whether it says when to come again.
    pub(crate) async fn sends(&self, webhook: &Webhook) -> (u16, bool) {
        let request = self
            .client
            .post(format!("http://{}/hooks/gitlab", self.webhooks))
            .header("X-Gitlab-Token", SECRET)
            .header("Idempotency-Key", &webhook.key)
            .body(webhook.body.clone());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.headers().contains_key("retry-after"))
    }

    /// Mara writes a comment, and its webhook is taken.
    pub(crate) async fn says(&self, text: &str) -> u64 {
        let (note, webhook) = self.comment(text, "");
        assert_eq!(self.sends(&webhook).await, (200, false), "{}", self.log());
        note
    }

    /// Waits until all of these are done, and nothing waits any more; each is done once.
    pub(crate) async fn until_done(&self, notes: &[u64]) {
        let done = self.gitlab.until(self.patience, |model| {
            notes.iter().all(|note| model.reactions(*note, self.bot).len() == DONE.len())
        });
        if done.await.is_err() {
            panic!("{}\n{}", self.gitlab.transcript(self.issue), self.log());
        }
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        let at_rest = async {
            while self.waits().await != (0, 0) {
                tick.tick().await;
            }
        };
        assert!(tokio::time::timeout(self.patience, at_rest).await.is_ok(), "{}", self.log());
        for note in notes {
            let reactions = self.gitlab.read(|model| {
                model.reactions(*note, self.bot).into_iter().map(str::to_owned).collect::<Vec<_>>()
            });
            assert_eq!(reactions, DONE, "note {note}: {}", self.gitlab.transcript(self.issue));
        }
    }

    /// How many comments of the bot's answer that note.
    pub(crate) fn replies_to(&self, note: u64) -> usize {
        let link = format!("#note_{note})");
        self.gitlab.read(|model| {
            model.notes_by(self.issue, self.bot).iter().filter(|reply| reply.body.contains(&link)).count()
        })
    }

    /// As [`until_done`](Self::until_done) of commands that are answered: each once.
    pub(crate) async fn until_answered(&self, notes: &[u64]) {
        self.until_done(notes).await;
        for note in notes {
            assert_eq!(self.replies_to(*note), 1, "note {note}: {}", self.gitlab.transcript(self.issue));
        }
    }

    /// How much waits, and how much was given up.
    pub(crate) async fn waits(&self) -> (u64, u64) {
        let (_, queue) = self.ask("/api/v1/queue").await.unwrap();
        let queue: Value = serde_json::from_str(&queue).unwrap();
        let count = |name: &str| queue["counts"][name].as_u64().unwrap();
        (count("inbox") + count("edges") + count("levels"), count("dead"))
    }

    /// From here on GitLab answers nothing, until that is released.
    pub(crate) fn gitlab_hangs(&self) -> RuleId {
        self.gitlab.faults().add(Rule::everything(Fault::Hold))
    }

    /// GitLab is back, and does what it was asked meanwhile.
    pub(crate) fn gitlab_is_back(&self, hangs: RuleId) {
        self.gitlab.faults().release(hangs);
    }
}

impl Daemon {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Sends it a signal.
    pub(crate) fn tell(&self, signal: &str) {
        let told =
            Command::new("kill").args([&format!("-{signal}"), &self.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// Waits for its end.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let mut tick = tokio::time::interval(Duration::from_millis(10));
        let ended = async {
            loop {
                if let Some(status) = self.0.try_wait().unwrap() {
                    return status;
                }
                tick.tick().await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("it does not end")
    }

    /// Tells it to stop, and waits until it has.
    pub(crate) async fn stop(self) {
        self.tell("TERM");
        let ended = self.ended().await;
        assert_eq!(ended.code(), Some(0), "{ended}");
    }

    /// How many bytes it has read so far, from the disk and from others.
    pub(crate) fn has_read(&self) -> u64 {
        let io = std::fs::read_to_string(format!("/proc/{}/io", self.id())).unwrap();
        io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
    }

    /// A line of `/proc/PID/status`, in KiB: `VmHWM` is the most memory that it ever held, `VmRSS` what it holds now.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Letters and digits that do not compress; the same ones for the same seed.
pub(crate) fn letters(len: usize, seed: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = String::with_capacity(len + 10);
    while text.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend((0..10).map(|n| char::from(LETTERS[usize::try_from(state >> (6 * n) & 63).unwrap()])));
    }
    text.truncate(len);
    text
}
