//! The real program is killed, again and again, at random moments, while people go on working; in the end everything
//! that was asked for has happened once.
//!
//! What random means is said by a seed, which is printed. `FLAGLINK_SEED=N` runs that one again (as far as the machine's timing
//! lets it), `FLAGLINK_KILLS=100` goes on for longer than the dozen kills of an ordinary run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flaglink::sandbox::flagsmith::{Flagsmith, Person};
use flaglink::sandbox::gitlab::{Fate, Gitlab, HookSpec, NoteableRef, Visibility, level};
use flaglink::store::Store;
use flaglink::store::sled::{SledStore, StoreOptions};

use crate::kit::{cells, queue};
use crate::town::{FLAGSMITH_SECRET, GITLAB_SECRET, PATIENCE};

/// How long everything may take to come to rest in the end.
const REST: Duration = Duration::from_secs(90);
const ENVIRONMENTS: [&str; 2] = ["staging", "production"];
const FLAGS: [&str; 6] = ["f0", "f1", "f2", "f3", "f4", "f5"];

/// SplitMix64: enough to choose with, and the same on every machine.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n).unwrap()).unwrap()
    }

    fn of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())]
    }
}

/// A daemon in a process of its own, which ends with this value, also in a panic.
struct Daemon(Child);

impl Daemon {
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Ends it as systemd does, and waits for it.
    fn end(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(told.success());
        let ended = self.0.wait().unwrap();
        assert!(ended.success(), "it ended with {ended}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a comment has to come to.
struct Written {
    note: u64,
    on: NoteableRef,
    author: u64,
    text: String,
    reactions: &'static [&'static str],
    replies: usize,
    edited: bool,
}

const DONE: &[&str] = &["eyes", "white_check_mark"];
const NOT_DONE: &[&str] = &["eyes", "x"];
const PARTLY: &[&str] = &["eyes", "warning"];

/// The plain model: who linked what where, as it must be when all is done.
#[derive(Default)]
struct Model {
    written: Vec<Written>,
    pages: Vec<NoteableRef>,
    links: BTreeMap<NoteableRef, BTreeSet<&'static str>>,
    changes: BTreeMap<NoteableRef, usize>,
    /// The comment that last said something about a flag on a page; nothing more is said about it before that is done, since
    /// deliveries that are sent again may overtake each other. `None`: nothing more at all.
    last: BTreeMap<(NoteableRef, &'static str), Option<u64>>,
}

struct Place {
    gitlab: Gitlab,
    flagsmith: Flagsmith,
    chance: Chance,
    model: Model,
    ada: Person,
    shop: u64,
    bot: u64,
    people: Vec<u64>,
    reporter: u64,
    maintainer: u64,
    admin: SocketAddr,
    folder: tempfile::TempDir,
}

fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Place {
    async fn new(seed: u64) -> Self {
        let gitlab = Gitlab::start().await.unwrap();
        let flagsmith = Flagsmith::start().await.unwrap();
        flagsmith.take_private_addresses(true);
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

        let project = flagsmith.new_project("Web shop");
        let ada = flagsmith.person("ada@example.com", project);
        for environment in ENVIRONMENTS {
            ada.new_environment(environment).unwrap();
        }
        for flag in FLAGS {
            ada.new_flag(flag, false, "blue").unwrap();
        }

        let folder = tempfile::tempdir().unwrap();
        let (webhooks, admin) = (free_port(), free_port());
        let secrets = [
            ("gitlab-token", token),
            ("webhook-secret", GITLAB_SECRET.to_owned()),
            ("flagsmith-key", flagsmith.api_key()),
            ("flagsmith-webhook", FLAGSMITH_SECRET.to_owned()),
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
            url = "{}"
            token_file = "gitlab-token"
            webhook_secret_file = "webhook-secret"
            request_ceiling = "2s"
            [providers.flagsmith]
            kind = "flagsmith"
            url = "{}"
            api_key_file = "flagsmith-key"
            webhook_secret_file = "flagsmith-webhook"
            project = {project}
            poll = "1h"
            [[projects]]
            match = "shop/**"
            tell = ["production"]
            "#,
            gitlab.url(),
            flagsmith.url(),
        );
        std::fs::write(folder.path().join("flaglink.toml"), config).unwrap();
        gitlab.hook(shop, HookSpec::everything(&format!("http://{webhooks}/hooks/gitlab"), GITLAB_SECRET));
        let hook = format!("http://{webhooks}/hooks/providers/flagsmith");
        flagsmith.organisation_webhook(&hook, FLAGSMITH_SECRET);
        let (chance, model) = (Chance(seed), Model::default());
        Self { gitlab, flagsmith, chance, model, ada, shop, bot, people, reporter, maintainer, admin, folder }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    fn start(&self) -> Daemon {
        let log: File = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_flaglink"))
            .arg("run")
            .arg("--config")
            .arg(self.folder.path().join("flaglink.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Daemon(child)
    }

    /// Waits until it takes webhooks.
    async fn until_up(&self, daemon: &mut Daemon) {
        let up = async {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            loop {
                tick.tick().await;
                if let Some(ended) = daemon.0.try_wait().unwrap() {
                    panic!("it does not start: {ended}\n{}", self.end_of_log());
                }
                if queue(self.admin).await.is_some() {
                    return;
                }
            }
        };
        assert!(tokio::time::timeout(PATIENCE, up).await.is_ok(), "{}", self.end_of_log());
    }

    fn end_of_log(&self) -> String {
        let log = std::fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Somebody does something.
    async fn act(&mut self) {
        if self.model.pages.len() < 3 || self.chance.below(25) == 0 {
            self.new_page();
        }
        let on = self.chance.of(&self.model.pages);
        let author = self.chance.of(&self.people);
        let flag = self.chance.of(&FLAGS);
        let linked = self.model.links[&on].contains(flag);
        match self.chance.below(100) {
            0..35 if !linked && self.may_say(on, flag) => {
                let note = self.writes(on, author, &format!("/flag link {flag}"), DONE, 0);
                self.changes_link(on, flag, Some(note));
            }
            0..60 if linked && self.may_say(on, flag) => {
                let note = self.writes(on, author, &format!("Enough.\n\n/flag unlink {flag}"), DONE, 0);
                self.changes_link(on, flag, Some(note));
            }
            0..40 => {
                let asks = self.chance.of(&["/flag status f1", "/flag list", "/flag search f", "/flag help"]);
                self.writes(on, author, asks, DONE, 1);
            }
            40..46 => {
                self.writes(on, author, "/flag lnik f1", NOT_DONE, 1);
            }
            46..50 => {
                self.writes(on, author, "/flag link no_such_flag", NOT_DONE, 1);
            }
            50..54 => {
                self.writes(on, self.reporter, "/flag link f2", NOT_DONE, 1);
            }
            54..60 if !linked && self.may_say(on, flag) => {
                let text = format!("/flag link {flag}\n\n/flag unlink --nonsense\n\n/flag help");
                let note = self.writes(on, author, &text, PARTLY, 2);
                self.changes_link(on, flag, Some(note));
            }
            54..66 => self.edits(flag),
            66..90 => self.changes_flag(flag),
            _ => self.sends_again().await,
        }
    }

    fn new_page(&mut self) {
        let author = self.chance.of(&self.people);
        let page = match self.chance.below(2) {
            0 => self.gitlab.issue(author, self.shop, "Checkout is slow", "").unwrap(),
            _ => self.gitlab.merge_request(author, self.shop, "A faster checkout", "").unwrap(),
        };
        self.model.pages.push(page);
        self.model.links.insert(page, BTreeSet::new());
    }

    fn may_say(&self, on: NoteableRef, flag: &'static str) -> bool {
        match self.model.last.get(&(on, flag)) {
            None => true,
            Some(None) => false,
            Some(Some(note)) => self.gitlab.read(|model| model.reactions(*note, self.bot).len() > 1),
        }
    }

    fn changes_link(&mut self, on: NoteableRef, flag: &'static str, by: Option<u64>) {
        let links = self.model.links.get_mut(&on).unwrap();
        if !links.remove(flag) {
            links.insert(flag);
        }
        *self.model.changes.entry(on).or_default() += 1;
        self.model.last.insert((on, flag), by);
    }

    fn writes(
        &mut self,
        on: NoteableRef,
        author: u64,
        text: &str,
        reactions: &'static [&'static str],
        replies: usize,
    ) -> u64 {
        let note = self.gitlab.comment(author, on, text).unwrap();
        let text = text.to_owned();
        self.model.written.push(Written { note, on, author, text, reactions, replies, edited: false });
        note
    }

    /// Somebody adds a command to a comment of theirs.
    fn edits(&mut self, flag: &'static str) {
        if self.model.written.is_empty() {
            return;
        }
        let which = self.chance.below(self.model.written.len());
        let written = &self.model.written[which];
        if written.edited || written.reactions != DONE {
            return;
        }
        let (note, author, on) = (written.note, written.author, written.on);
        let free = !self.model.last.contains_key(&(on, flag)) && !self.model.links[&on].contains(flag);
        let line = if free { format!("/flag link {flag}") } else { "/flag status f5".to_owned() };
        let text = format!("{}\n\nand\n\n{line}", written.text);
        self.gitlab.edit_note(author, note, &text).unwrap();
        let written = &mut self.model.written[which];
        written.edited = true;
        if free {
            self.changes_link(on, flag, None);
        } else {
            written.replies += 1;
        }
    }

    fn changes_flag(&mut self, flag: &str) {
        let environment = self.chance.of(&ENVIRONMENTS);
        let value = self.chance.of(&["red", "green", "blue"]);
        let on = self.chance.below(2) == 0;
        self.ada.set(flag, environment, on, value).unwrap();
    }

    /// Somebody presses "Resend" on any delivery, or GitLab sends the next ones twice.
    async fn sends_again(&mut self) {
        let copies = self.chance.of(&[0, 0, 1, 2]);
        self.gitlab.duplicate_deliveries(copies);
        let all: Vec<u64> = self.gitlab.read(|model| model.deliveries.keys().copied().collect());
        if !all.is_empty() {
            let delivery = self.chance.of(&all);
            let _ = self.gitlab.resend(self.maintainer, delivery).await;
        }
    }

    /// People send again what failed.
    async fn sends_what_failed_again(&self) {
        let failed: BTreeMap<String, u64> = self.gitlab.read(|model| {
            let mut failed = BTreeMap::new();
            for delivery in model.deliveries.values().filter(|delivery| delivery.fate.is_final()) {
                failed.entry(delivery.key.clone()).or_insert(delivery.id);
            }
            for delivery in model.deliveries.values() {
                if delivery.fate.is_success() || !delivery.fate.is_final() {
                    failed.remove(&delivery.key);
                }
            }
            failed
        });
        for delivery in failed.into_values() {
            let _: Result<Fate, _> = self.gitlab.resend(self.maintainer, delivery).await;
        }
    }

    /// Waits until everything is delivered and the daemon has nothing left to do.
    async fn rest(&self) {
        let resting = async {
            let mut tick = tokio::time::interval(Duration::from_millis(30));
            let mut quiet = 0;
            while quiet < 3 {
                tick.tick().await;
                self.sends_what_failed_again().await;
                let delivered = self.gitlab.read(|model| model.all_delivered());
                self.flagsmith.settled(PATIENCE).await.unwrap();
                let waits = queue(self.admin).await.map(|queue| {
                    ["inbox", "edges", "levels"]
                        .map(|kind| queue["counts"][kind].as_u64().unwrap())
                        .iter()
                        .sum::<u64>()
                });
                quiet = if delivered && waits == Some(0) { quiet + 1 } else { 0 };
            }
        };
        if tokio::time::timeout(REST, resting).await.is_err() {
            panic!("not at rest: {:#?}\n{}", queue(self.admin).await, self.end_of_log());
        }
    }

    /// Holds everything against the model. Returns what is wrong.
    fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for written in &self.model.written {
            let reactions: BTreeSet<String> = self.gitlab.read(|model| {
                model.reactions(written.note, self.bot).iter().map(|name| (*name).to_owned()).collect()
            });
            let wanted: BTreeSet<String> = written.reactions.iter().map(|name| (*name).to_owned()).collect();
            if reactions != wanted {
                wrong.push(format!("note {}: {reactions:?}, not {wanted:?}: {}", written.note, written.text));
            }
            let link = format!("#note_{})", written.note);
            let notes = self.bot_notes(written.on);
            let replies = notes.iter().filter(|body| body.contains(&link)).count();
            if replies != written.replies {
                wrong.push(format!(
                    "note {}: {replies} replies, not {}: {}",
                    written.note, written.replies, written.text
                ));
            }
        }
        for (page, links) in &self.model.links {
            for problem in self.wrong_on(*page, links) {
                wrong.push(format!("{page:?}: {problem}"));
            }
        }
        for flag in FLAGS {
            let linked = self.model.links.iter().filter(|(_, links)| links.contains(flag));
            let wanted: BTreeSet<String> =
                linked.map(|(page, _)| self.gitlab.read(|model| model.page_of(*page))).collect();
            let stand: BTreeSet<String> = self.ada.links(flag).unwrap().into_iter().collect();
            if stand != wanted {
                wrong.push(format!("{flag}: links {stand:?}, not {wanted:?}"));
            }
        }
        wrong
    }

    fn bot_notes(&self, on: NoteableRef) -> Vec<String> {
        self.gitlab
            .read(|model| model.notes_by(on, self.bot).into_iter().map(|note| note.body.clone()).collect())
    }

    fn wrong_on(&self, page: NoteableRef, links: &BTreeSet<&'static str>) -> Vec<String> {
        let mut wrong = Vec::new();
        let notes = self.bot_notes(page);
        let markers: Vec<&str> = notes
            .iter()
            .filter_map(|body| body.lines().rev().find(|line| line.starts_with("<!-- flaglink:")))
            .collect();
        let different: BTreeSet<&str> = markers.iter().copied().collect();
        if markers.len() != notes.len() || different.len() != markers.len() {
            wrong.push("a comment without a marker, or two with the same".to_owned());
        }
        let panels: Vec<&String> = notes.iter().filter(|body| body.contains("🚩 Feature flags")).collect();
        let ever = self.model.changes.contains_key(&page);
        if panels.len() != usize::from(ever) {
            wrong.push(format!("{} panels", panels.len()));
        }
        if let [panel] = panels.as_slice() {
            if links.is_empty() && !panel.contains("The last flag was unlinked") {
                wrong.push(format!("the panel has something:\n{panel}"));
            }
            for flag in FLAGS {
                let row = panel.lines().any(|line| line.starts_with(&format!("| [`{flag}`]")));
                if row != links.contains(flag) {
                    wrong.push(format!("{flag} is in the panel: {row}"));
                }
                if row && links.contains(flag) {
                    let wanted = ENVIRONMENTS.map(|environment| self.state(flag, environment));
                    if cells(panel, &format!("`{flag}`")) != wanted {
                        wrong.push(format!("{flag} is {wanted:?}, not\n{panel}"));
                    }
                }
            }
        }
        let labels = self.gitlab.read(|model| model.noteables[&page].labels.clone());
        if labels.contains(&"Feature flag".to_owned()) == links.is_empty() {
            wrong.push(format!("labels {labels:?} with {links:?}"));
        }
        wrong
    }

    fn state(&self, flag: &str, environment: &str) -> String {
        let (on, value) = self.ada.state(flag, environment).unwrap();
        let value = match value {
            flaglink::sandbox::flagsmith::Value::Text(text) => text,
            other => panic!("{other:?}"),
        };
        format!("{} `{value}`", if on { "🟢 on" } else { "⚪ off" })
    }

    /// What the store says when nobody has it open: it opens, and has counted everything once.
    async fn look_into_the_store(&self) -> Vec<String> {
        let store = SledStore::open(&self.folder.path().join("store"), StoreOptions::default()).unwrap();
        let mut wrong = Vec::new();
        let backlog = store.backlog().await.unwrap();
        if (backlog.inbox, backlog.edges, backlog.stale, backlog.dead) != (0, 0, 0, 0) {
            wrong.push(format!("left over: {backlog:?}"));
        }
        let mut linked = store.linked_noteables(None, 10_000).await.unwrap();
        linked.retain(|record| !record.links.is_empty());
        let wanted = self.model.links.values().filter(|links| !links.is_empty()).count();
        if linked.len() != wanted {
            wrong.push(format!("{} pages with links in the store, not {wanted}", linked.len()));
        }
        for record in linked {
            let page = self.model.pages.iter().find(|page| {
                page.iid == record.noteable.iid
                    && record.view.web_url == self.gitlab.read(|model| model.page_of(**page))
            });
            let changes = page.and_then(|page| self.model.changes.get(page)).copied().unwrap_or_default();
            // The history is capped.
            if record.history.len() != changes.min(20) {
                wrong.push(format!(
                    "{}: {} changes of links, not {changes}",
                    record.noteable,
                    record.history.len()
                ));
            }
        }
        wrong
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_and_everything_happens_once() {
    let seed = number("FLAGLINK_SEED").unwrap_or_else(|| u64::from(std::process::id()) ^ jiff_seed());
    let kills = number("FLAGLINK_KILLS").unwrap_or(12);
    println!("FLAGLINK_SEED={seed} FLAGLINK_KILLS={kills}");
    let mut place = Place::new(seed).await;
    // The first comments come after its first start: what is older than a rule is none of its business.
    let mut first = place.start();
    place.until_up(&mut first).await;
    first.kill();

    for _ in 0..kills {
        for _ in 0..place.chance.below(3) {
            place.act().await;
        }
        let mut daemon = place.start();
        if place.chance.below(4) == 0 {
            // While it starts. A moment is what this is about, so it is waited for by the clock.
            let moment = Duration::from_millis(place.chance.next() % 250);
            tokio::time::sleep(moment).await;
            daemon.kill();
            continue;
        }
        place.until_up(&mut daemon).await;
        place.sends_what_failed_again().await;
        for _ in 0..=place.chance.below(8) {
            place.act().await;
            if place.chance.below(3) == 0 {
                // Until some requests have gone through, so that the kill meets every stage of the work.
                let seen = place.gitlab.faults().log().len();
                let more = seen + place.chance.below(12);
                let _ =
                    place.gitlab.faults().until(Duration::from_millis(400), |log| log.len() >= more).await;
            }
        }
        let moment = Duration::from_micros(place.chance.next() % 60_000);
        tokio::time::sleep(moment).await;
        daemon.kill();
    }

    let mut daemon = place.start();
    place.until_up(&mut daemon).await;
    place.rest().await;
    daemon.end();
    let mut wrong = place.wrong();
    wrong.extend(place.look_into_the_store().await);
    let pages: Vec<String> = place.model.pages.iter().map(|page| place.gitlab.transcript(*page)).collect();
    assert!(
        wrong.is_empty(),
        "FLAGLINK_SEED={seed}\n{}\n{}\n{}",
        wrong.join("\n"),
        pages.join("\n"),
        place.end_of_log()
    );
    let (written, pages) = (place.model.written.len(), place.model.pages.len());
    println!("{written} comments on {pages} pages, all true");
}

fn jiff_seed() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos()
        .try_into()
        .unwrap_or(7)
}
