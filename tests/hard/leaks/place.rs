//! GitLab, Flagsmith and Unleash, the real program between them, and everything that it lets out.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flaglink::sandbox::faults::Faults;
use flaglink::sandbox::flagsmith::{Flagsmith, Person};
use flaglink::sandbox::gitlab::{Gitlab, HookSpec, Visibility, level};
use flaglink::sandbox::unleash::Unleash;

use super::needles::Needles;
use crate::town::as_read;
use crate::town::loopback::free_port;

/// How long anything may take, retries included.
const PATIENCE: Duration = Duration::from_secs(120);

/// A daemon in a process of its own, which ends with this value, also in a panic.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) struct Place {
    pub(super) gitlab: Gitlab,
    pub(super) flagsmith: Flagsmith,
    pub(super) unleash: Unleash,
    pub(super) ada: Person,
    pub(super) mara: u64,
    pub(super) shop: u64,
    /// A project with a token of its own, whose webhooks are signed.
    pub(super) own: u64,
    pub(super) needles: Needles,
    bots: [u64; 2],
    webhooks: SocketAddr,
    admin: SocketAddr,
    folder: tempfile::TempDir,
    daemon: Option<Daemon>,
    runs: usize,
    seen: BTreeMap<String, Vec<u8>>,
}

const SIGNING: &str = "whsec_c2lnbmluZytTZWNyZXQvb2YtZ2l0bGFiLWhvb2tzPTE=";

impl Place {
    pub(super) async fn new() -> Self {
        let gitlab = Gitlab::start().await.unwrap();
        let flagsmith = Flagsmith::start().await.unwrap();
        let unleash = Unleash::start().await.unwrap();
        flagsmith.take_private_addresses(true);
        unleash.take_private_addresses(true);
        let bot = gitlab.bot("flag-bot");
        let shop = gitlab.project("shop/web", Visibility::Private);
        let own = gitlab.project("own/app", Visibility::Private);
        let of_own = gitlab.project_token(own, level::MAINTAINER, &["api"]);
        gitlab.member(shop, bot, level::MAINTAINER);
        let mara = gitlab.user("mara");
        for project in [shop, own] {
            gitlab.member(project, mara, level::MAINTAINER);
        }
        let project = flagsmith.new_project("Web shop");
        let ada = flagsmith.person("ada@example.com", project);
        let bob = unleash.person("bob");
        for environment in ["staging", "production"] {
            ada.new_environment(environment).unwrap();
        }
        ada.new_flag("checkout_v2", false, "blue").unwrap();
        bob.new_flag("dark_mode", "").unwrap();

        let secrets = [
            ("gitlab-token", gitlab.token(bot, &["api"])),
            ("own-token", of_own.secret.clone()),
            ("webhook-secret", "hook+Secret/of-gitlab=new\nhook+Secret/of-gitlab=old\n".to_owned()),
            ("signing-token", SIGNING.to_owned()),
            ("flagsmith-key", flagsmith.api_key()),
            ("flagsmith-webhook", "hook+Secret/of-flagsmith=1\nhook+Secret/of-flagsmith=2\n".to_owned()),
            ("unleash-token", unleash.token()),
            ("unleash-webhook", "Bearer hook+Secret/of-unleash=1".to_owned()),
            ("marker-key", "marker+Key/of-all-comments=0123456789".to_owned()),
            ("admin-token", "admin+Token/for-everything=1".to_owned()),
        ];
        let folder = tempfile::tempdir().unwrap();
        let mut needles = Needles::default();
        for (name, secret) in &secrets {
            let path = folder.path().join(name);
            std::fs::write(&path, secret).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
            needles.add(name, secret);
        }
        for of_others in [LOGIN, QUERY, HEADER, COOKIE, GUESS] {
            needles.add("a secret of somebody else", of_others);
        }
        let (webhooks, admin) = (free_port(), free_port());
        let config = CONFIG
            .replace("WEBHOOKS", &webhooks.to_string())
            .replace("ADMIN", &admin.to_string())
            .replace("GITLAB", &gitlab.url())
            .replace("FLAGSMITH", &flagsmith.url())
            .replace("UNLEASH", &unleash.url())
            .replace("PROJECT", &project.to_string());
        std::fs::write(folder.path().join("flaglink.toml"), config).unwrap();
        let hook = format!("http://{webhooks}/hooks/gitlab?token={}", QUERY.replace('+', "%2B"));
        gitlab.hook(shop, HookSpec::everything(&hook, "hook+Secret/of-gitlab=old"));
        let signed = HookSpec { signing_token: Some(SIGNING.to_owned()), ..HookSpec::everything(&hook, "") };
        gitlab.hook(own, signed);
        let hook = format!("http://{webhooks}/hooks/providers");
        flagsmith.organisation_webhook(&format!("{hook}/flagsmith"), "hook+Secret/of-flagsmith=2");
        unleash.webhook(&format!("{hook}/unleash"), "Bearer hook+Secret/of-unleash=1");
        Self {
            bots: [bot, of_own.user],
            gitlab,
            flagsmith,
            unleash,
            ada,
            mara,
            shop,
            own,
            needles,
            webhooks,
            admin,
            folder,
            daemon: None,
            runs: 0,
            seen: BTreeMap::new(),
        }
    }

    /// What a secret is.
    pub(super) fn secret(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// What goes wrong at a server.
    pub(super) fn faults(&self, server: &str) -> Faults {
        match server {
            "gitlab" => self.gitlab.faults().clone(),
            "flagsmith" => self.flagsmith.faults().clone(),
            _ => self.unleash.faults().clone(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flaglink"));
        command.args(arguments).arg("--config").arg(self.folder.path().join("flaglink.toml"));
        command.env_clear().stdin(Stdio::null());
        command
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join(format!("log-{}", self.runs))
    }

    pub(super) fn end_of_log(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let told: Vec<&str> = log
            .lines()
            .filter(|line| ["WARN", "ERROR", "switch"].iter().any(|word| line.contains(word)))
            .collect();
        told[told.len().saturating_sub(40)..].join("\n")
    }

    /// Starts the program and waits until it takes webhooks.
    pub(super) async fn start(&mut self, arguments: &[&str]) {
        self.runs += 1;
        let log: File = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let child = self.command(&[&["run"], arguments].concat());
        let child = { child }.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        self.daemon = Some(Daemon(child));
        self.until("it starts", |_| true).await;
    }

    /// Ends it as systemd does.
    pub(super) fn stop(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        let told = Command::new("kill").args(["-TERM", &daemon.0.id().to_string()]).status().unwrap();
        assert!(told.success());
        let ended = daemon.0.wait().unwrap();
        assert!(ended.success(), "it ended with {ended}:\n{}", self.end_of_log());
        let log = std::fs::read(self.log()).unwrap();
        self.seen.insert(format!("log {}", self.runs), log);
    }

    async fn get(&self, path: &str, token: &str) -> Option<String> {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.get(format!("http://{}{path}", self.admin)).bearer_auth(token);
        request.send().await.ok()?.text().await.ok()
    }

    async fn queue(&self) -> Option<serde_json::Value> {
        serde_json::from_str(&self.get("/api/v1/queue", &self.secret("admin-token")).await?).ok()
    }

    async fn until(&self, what: &str, mut wanted: impl FnMut(&serde_json::Value) -> bool) {
        let waiting = async {
            let mut tick = tokio::time::interval(Duration::from_millis(30));
            loop {
                tick.tick().await;
                if self.queue().await.is_some_and(|queue| wanted(&queue)) {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, waiting).await.is_err() {
            panic!("not yet: {what}: {:#?}\n{}", self.queue().await, self.end_of_log());
        }
    }

    /// Waits until everything is delivered and nothing waits.
    pub(super) async fn rest(&self) {
        let mut quiet = 0;
        self.flagsmith.settled(PATIENCE).await.unwrap();
        self.unleash.settled(PATIENCE).await.unwrap();
        self.until("rest", |queue| {
            let waits: u64 = ["inbox", "edges", "levels"].iter().map(|kind| count(queue, kind)).sum();
            let delivered = self.gitlab.read(|model| model.all_delivered());
            quiet = if waits == 0 && delivered { quiet + 1 } else { 0 };
            quiet > 4
        })
        .await;
    }

    /// Waits until it has asked GitLab who it is.
    pub(super) async fn until_ready(&self) {
        let mut tick = tokio::time::interval(Duration::from_millis(30));
        let ready = async {
            loop {
                tick.tick().await;
                let token = self.secret("admin-token");
                if self.get("/readyz", &token).await.is_some_and(|said| said.starts_with("ready")) {
                    return;
                }
            }
        };
        assert!(tokio::time::timeout(PATIENCE, ready).await.is_ok(), "{}", self.end_of_log());
    }

    /// Waits until something is kept that cannot be done, with its reason.
    pub(super) async fn until_it_waits(&self) {
        self.until("a reason", |queue| {
            let waiting = queue["inbox"].as_array().unwrap();
            waiting.iter().any(|one| one["reason"].as_str().is_some_and(|reason| reason.contains("[secret]")))
        })
        .await;
    }

    pub(super) async fn links(&self) -> String {
        self.get("/api/v1/links", &self.secret("admin-token")).await.unwrap()
    }

    /// Webhooks with secrets in every place: good ones, forged ones, and some that are none.
    pub(super) async fn forge(&mut self) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let note = serde_json::json!({
            "object_kind": "note", "project": { "id": self.shop, "path_with_namespace": "shop/web" },
            "object_attributes": { "id": 1, "note": "/flag list", "noteable_type": "Issue" }, "issue": { "iid": 1 },
        });
        let hooks = [
            ("gitlab", "x-gitlab-token", "hook+Secret/of-gitlab=old", note.to_string()),
            ("gitlab", "x-gitlab-token", GUESS, note.to_string()),
            ("gitlab", "webhook-signature", GUESS, note.to_string()),
            ("gitlab", "x-gitlab-token", "hook+Secret/of-gitlab=new", format!("no JSON {GUESS}")),
            ("providers/unleash", "authorization", GUESS, "{}".to_owned()),
            ("providers/unleash", "authorization", "Bearer hook+Secret/of-unleash=1", "{]".to_owned()),
            ("providers/flagsmith", "x-flagsmith-signature", GUESS, "{}".to_owned()),
            ("providers/nobody", "authorization", GUESS, "{}".to_owned()),
            (GUESS, "authorization", GUESS, "{}".to_owned()),
        ];
        let mut said = String::new();
        for (path, header, secret, body) in hooks {
            let path = path.replace(GUESS, "gitlab/none");
            let url =
                format!("http://{}/hooks/{path}?private_token={}", self.webhooks, QUERY.replace('+', "%2B"));
            let mut request = client.post(url).header("content-type", "application/json");
            if header != "authorization" {
                request = request.header("authorization", format!("Bearer {HEADER}"));
            }
            let request = request.header(header, secret).header("cookie", format!("session={COOKIE}"));
            let answer =
                request.header("idempotency-key", secret.len().to_string()).body(body).send().await.unwrap();
            said.push_str(&format!("{answer:?}"));
            said.push_str(&answer.text().await.unwrap());
        }
        self.seen.entry("answers to webhooks".to_owned()).or_default().extend(said.into_bytes());
    }

    /// Everything that can be asked while it runs.
    pub(super) async fn look(&mut self, when: &str) {
        for path in ["/healthz", "/readyz", "/metrics", "/api/v1/status", "/api/v1/queue", "/api/v1/links"]
            .into_iter()
            .chain(["/api/v1/links/export", "/api/v1/openapi.json", "/none"])
        {
            for token in [&self.secret("admin-token"), GUESS] {
                let said =
                    self.get(&format!("{path}?token={}", QUERY.replace('+', "%2B")), token).await.unwrap();
                self.seen.entry(format!("{path} in {when}")).or_default().extend(said.into_bytes());
            }
        }
        self.ask_by_command_line().await;
    }

    async fn ask_by_command_line(&mut self) {
        for line in LINES {
            self.ask(line).await;
        }
        let queue = self.ask("queue list --json").await;
        let queue: serde_json::Value = serde_json::from_slice(&queue).unwrap();
        let things = ["inbox", "edges", "dead"].iter().flat_map(|kind| queue[*kind].as_array().unwrap());
        let ids: Vec<u64> = things.filter_map(|thing| thing["id"].as_u64()).collect();
        assert!(!ids.is_empty(), "nothing waits, and nothing was given up");
        for id in ids {
            self.ask(&format!("queue show {id}")).await;
            self.ask(&format!("queue show {id} --json")).await;
        }
    }

    /// Asks by the command line, and gives what it answers.
    async fn ask(&mut self, line: &str) -> Vec<u8> {
        let arguments: Vec<&str> = line.split(' ').chain(["--log", "trace"]).collect();
        let mut command = self.command(&arguments);
        let said = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let of_kind = line.trim_matches(|c: char| c.is_ascii_digit());
        let seen = self.seen.entry(of_kind.to_owned()).or_default();
        seen.extend_from_slice(&said.stdout);
        seen.extend_from_slice(&said.stderr);
        said.stdout
    }

    /// Everything that is left when it has ended: what the command line says of the store, the store itself, and what
    /// the servers were told.
    pub(super) async fn look_without_daemon(&mut self) {
        self.ask_by_command_line().await;
        let store = self.folder.path().join("store");
        let mut files = Vec::new();
        walk(&store, &mut files);
        assert!(files.iter().any(|file| file.ends_with("links.jsonl")), "{files:?}");
        for file in &files {
            self.seen.insert(file.display().to_string(), std::fs::read(file).unwrap());
        }
        let database = files.iter().find(|file| file.ends_with("db")).unwrap().parent().unwrap().to_owned();
        self.seen.insert("values in the store".to_owned(), values(&database));
        let comments = self.gitlab.read(|model| {
            let ours = model.notes.values().filter(|note| self.bots.contains(&note.author));
            let labels = model.noteables.values().map(|one| format!("{:?}", one.labels));
            ours.map(|note| note.body.clone()).chain(labels).collect::<Vec<_>>().join("\n")
        });
        // In comments every sign of a text from outside is written as a number.
        let comments = format!("{comments}\n{}", as_read(&comments));
        self.seen.insert("comments".to_owned(), comments.into_bytes());
        let of_flagsmith = self.flagsmith.read(|world| {
            world.resources.values().map(|link| format!("{} {}", link.url, link.metadata)).collect::<String>()
        });
        self.seen.insert("links in Flagsmith".to_owned(), of_flagsmith.into_bytes());
        let bob = self.unleash.person("bob");
        let of_unleash =
            format!("{:?} {:?}", bob.links("dark_mode").unwrap(), bob.tags("dark_mode").unwrap());
        self.seen.insert("links in Unleash".to_owned(), of_unleash.into_bytes());
        let whole = String::from_utf8_lossy(&self.seen["values in the store"]);
        assert!(whole.contains("[secret]") && whole.contains("x-gitlab-event"), "the store was not read");
    }

    /// Everything that was let out, by where.
    pub(super) fn everything(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.seen
    }
}

fn count(queue: &serde_json::Value, kind: &str) -> u64 {
    queue["counts"][kind].as_u64().unwrap()
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, into) } else { into.push(path) }
    }
}

/// Every key and every value of the database, unpacked: format, flags, version, length when unpacked, number of pieces; the
/// pieces lie under keys of their own.
fn values(database: &Path) -> Vec<u8> {
    let tree = sled::Config::new().path(database).open().unwrap();
    let mut all = Vec::new();
    let mut unpacked = 0;
    for entry in tree.iter() {
        let (key, value) = entry.unwrap();
        all.extend_from_slice(&key);
        all.extend_from_slice(&value);
        let [1, 1, _, _, _, _, _, _, _, _, r0, r1, r2, r3, p0, p1, p2, p3, first @ ..] = &*value else {
            continue;
        };
        let mut packed = first.to_vec();
        for place in 0..u32::from_be_bytes([*p0, *p1, *p2, *p3]) {
            let piece = [&b"x"[..], &key, &place.to_be_bytes()].concat();
            packed.extend_from_slice(&tree.get(piece).unwrap().unwrap());
        }
        let length = u32::from_be_bytes([*r0, *r1, *r2, *r3]) as usize;
        all.extend(lz4_flex::block::decompress(&packed, length).unwrap());
        unpacked += 1;
    }
    assert!(unpacked > 5, "nothing in the store was compressed");
    all
}

const LINES: [&str; 5] = ["queue list", "links list", "links export", "config check --json", "config check"];
const LOGIN: &str = "login+Secret/of+a+proxy";
const QUERY: &str = "query+Secret/of+a+proxy";
const HEADER: &str = "header+Secret/of-a-delivery";
const COOKIE: &str = "cookie+Secret/of-a-delivery";
const GUESS: &str = "guess+At/a-secret=1";

const CONFIG: &str = r#"
[listen]
webhooks = "WEBHOOKS"
admin = "ADMIN"
admin_token_file = "admin-token"
socket = "flaglink.sock"

[store]
path = "store"
marker_key_file = "marker-key"

[gitlab]
url = "GITLAB"
token_file = "gitlab-token"
webhook_secret_file = "webhook-secret"
signing_token_file = "signing-token"
request_ceiling = "2s"

[providers.flagsmith]
kind = "flagsmith"
url = "FLAGSMITH"
api_key_file = "flagsmith-key"
webhook_secret_file = "flagsmith-webhook"
project = PROJECT
poll = "1h"

[providers.unleash]
kind = "unleash"
url = "UNLEASH"
api_token_file = "unleash-token"
webhook_secret_file = "unleash-webhook"
poll = "1h"

[[projects]]
match = "shop/**"
tell = ["*"]
tell_after = "0s"
permissions = { toggle = "maintainer" }

[[projects]]
match = "own/**"
token_file = "own-token"
providers = ["flagsmith"]
"#;
