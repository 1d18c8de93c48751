//! The running flaglink: whether it runs, how it is, and what waits in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files;
use super::finding::{Finding, Group, Id, Standing};
use super::within;
use crate::cli::client::Client;
use crate::cli::source::open_store;
use crate::cli::words::{length, moment};
use crate::cli::{Trouble, show};
use crate::config::{Config, Places};
use crate::domain::HookRecord;
use crate::http::api_hooks::HookReports;
use crate::http::api_types::{Queue, Status, Waiting};
use crate::http::view;
use crate::net::is_for_the_server;
use crate::pipeline::HookReport;
use crate::store::Store as _;

const TITLE: &str = "Daemon";

/// What has waited for longer than this does not move, in seconds.
const STUCK: u64 = 15 * 60;

/// What is known of the running one, or of the store where none runs.
#[derive(Default)]
pub(super) struct Known {
    /// Whether none runs: nothing answers on its socket.
    pub(super) is_down: bool,
    /// How it is; `None` where none runs or it does not say.
    pub(super) status: Option<Status>,
    /// What the store keeps of registered webhooks, where none runs.
    pub(super) records: Vec<HookRecord>,
    /// What was found.
    pub(super) groups: Vec<Group>,
}

/// How the running one says that its webhooks stand.
pub(super) enum Reported {
    /// It registers none, or none runs.
    Nothing,
    /// One by one.
    All(Vec<HookReport>),
    /// It did not say in time.
    Late(Duration),
}

/// Asks over the socket; where none runs, looks into the store if it may.
pub(super) async fn look(places: &Places, limit: Duration) -> Known {
    let connected = within(limit, Client::connect(&places.socket)).await;
    let mut client = match connected {
        Some(Ok(Some(client))) => client,
        Some(Ok(None)) => {
            let down = Finding::wrong(
                Id::DaemonRunning,
                format!("flaglink is not running: nothing answers on {}", show(&places.socket)),
                "start it: `flaglink run`, or `systemctl start flaglink`",
            );
            let mut groups = vec![Group::new(TITLE, vec![down])];
            let (queue, records) = of_store(places).await;
            groups.extend(queue);
            return Known { is_down: true, records, groups, ..Known::default() };
        }
        Some(Err(trouble)) => return silent(&trouble),
        None => return silent(&slow(limit)),
    };
    let status = match within(limit, client.read::<Status>("/api/v1/status")).await {
        Some(Ok(status)) => status,
        Some(Err(trouble)) => return silent(&trouble),
        None => return silent(&slow(limit)),
    };
    let mut findings = vec![running(&status)];
    findings.extend(match within(limit, client.text("/readyz")).await {
        Some(Ok((text, good))) => ready(&text, good),
        Some(Err(trouble)) => vec![not_told(&trouble)],
        None => vec![not_told(&slow(limit))],
    });
    let mut groups = vec![Group::new(TITLE, findings)];
    match within(limit, client.read::<Queue>("/api/v1/queue?limit=100")).await {
        Some(Ok(queue)) => groups.push(queues(&queue, true)),
        Some(Err(trouble)) => groups.push(Group::new("Queue", vec![not_told(&trouble)])),
        None => groups.push(Group::new("Queue", vec![not_told(&slow(limit))])),
    }
    Known { status: Some(status), groups, ..Known::default() }
}

/// How the running one says that its webhooks stand. It asks GitLab about each, several times one after the other.
pub(super) async fn reports(socket: &Path, limit: Duration) -> Reported {
    let limit = limit * 4;
    let asked = async {
        let client = Client::connect(socket).await.ok()??;
        // Of two clocks that end together, this one would take what is late for nothing.
        client.patient(limit.saturating_mul(2)).read::<HookReports>("/api/v1/hooks").await.ok()
    };
    match within(limit, asked).await {
        Some(Some(reports)) => Reported::All(reports.hooks),
        Some(None) => Reported::Nothing,
        None => Reported::Late(limit),
    }
}

/// Takes out what those parts say already: of one thing one line is enough.
pub(super) fn leave_out(groups: &mut [Group], others: &[&Group]) {
    let said: Vec<&str> =
        others.iter().flat_map(|group| &group.findings).map(|finding| finding.says.as_str()).collect();
    let is_said = |finding: &Finding| {
        let says = &finding.says;
        says.starts_with("the webhook of ") && others.iter().any(|group| names_same(group, says))
            || said
                .iter()
                .any(|other| !other.is_empty() && says.starts_with(other) || other.starts_with(says.as_str()))
    };
    for group in groups {
        group.findings.retain(|finding| finding.id != Id::DaemonReady || !is_said(finding));
    }
}

/// Whether a part has something to say about the webhook that a remark is about.
fn names_same(group: &Group, remark: &str) -> bool {
    let Some((begins, _)) = remark.split_once(": ") else { return false };
    let about = |finding: &Finding| finding.says.starts_with(begins) && finding.standing == Standing::Wrong;
    group.findings.iter().any(about)
}

/// Says where the file is another than what the running one goes by. `unreached`: why the public address that the file has does not
/// lead here.
pub(super) fn compare(
    groups: &mut [Group],
    config: &Config,
    status: Option<&Status>,
    unreached: Option<&str>,
) {
    let differ = status.map(|status| differ(config, status)).unwrap_or_default();
    let Some(group) = groups.iter_mut().find(|group| group.title == TITLE) else { return };
    if let Some(status) = status {
        let changed = files::changed(config, status);
        group.findings.extend(unread(config, status, &changed.by_reload, !differ.is_empty()));
        group.findings.extend(copied(status, &changed.by_start));
    }
    if !differ.is_empty() {
        let start = "start flaglink again, for example with `systemctl restart flaglink`: that cannot change while it runs";
        let remedy = match unreached {
            None => start.to_owned(),
            Some(why) => format!(
                "first see to it that the new address leads here, or write the one from before: {why}. Then {start}, and all \
                 webhooks are led to the new address"
            ),
        };
        group.findings.push(Finding::wrong(Id::DaemonRunning, differ.join("; "), remedy));
    }
}

/// That files are otherwise than the running one has read them. `needs_start`: something in them cannot change while it runs.
fn unread(config: &Config, status: &Status, changed: &[PathBuf], needs_start: bool) -> Option<Finding> {
    let (read_at, digest) = (status.config_read_at?, status.config_digest.as_ref()?);
    let file = (*digest != config.digest).then_some(config.path.as_path());
    let changed = shown(file.into_iter().chain(changed.iter().map(PathBuf::as_path)))?;
    Some(Finding::look(
        Id::DaemonRunning,
        format!(
            "{changed} changed after the running flaglink has read it ({}), and it goes by what was there before",
            moment(read_at)
        ),
        match needs_start {
            true => {
                "`flaglink reload` has it read again, but for what needs a start (next line). What is said above of the public address \
                 and of webhooks is judged by what flaglink runs with, all else by the files as they are now"
            }
            false => {
                "`flaglink reload` has it read again; what is said above is judged by the files as they are now"
            }
        },
    ))
}

/// That credentials are otherwise than when the running one was started: systemd copies them then, and a reload reads the copies.
fn copied(status: &Status, changed: &[PathBuf]) -> Option<Finding> {
    let changed = shown(changed.iter().map(PathBuf::as_path))?;
    Some(Finding::look(
        Id::DaemonRunning,
        format!(
            "{changed} changed after the running flaglink was started ({}); under systemd it has a copy from then",
            moment(status.started_at)
        ),
        "`systemctl restart flaglink` gives it the new one, and a reload does not; what is said above is judged by the files as they \
         are now",
    ))
}

/// Paths for people; `None` where there are none.
fn shown<'a>(paths: impl Iterator<Item = &'a Path>) -> Option<String> {
    let mut shown: Vec<String> = paths.map(show).collect();
    shown.dedup();
    (!shown.is_empty()).then(|| shown.join(", "))
}

fn differ(config: &Config, status: &Status) -> Vec<String> {
    let shown = |url: Option<&str>| url.map_or_else(|| "nothing".to_owned(), |url| format!("{url:?}"));
    let says = |key: &str, file: Option<&str>, runs: Option<&str>| {
        format!("{key} is {} in the file, and flaglink runs with {}", shown(file), shown(runs))
    };
    let mut differ = Vec::new();
    let public = config.listen.public_url.as_ref().map(url::Url::as_str);
    // "auto" is whatever is found.
    let is_fixed = !config.listen.public_auto;
    if is_fixed && public != status.public_url.as_deref() {
        differ.push(says("`public_url` in [listen]", public, status.public_url.as_deref()));
    }
    let gitlab = config.gitlab.url.as_str();
    if gitlab != status.gitlab.url {
        differ.push(says("`url` in [gitlab]", Some(gitlab), Some(&status.gitlab.url)));
    }
    let others = status.at_the_next_start.iter().filter(|key| !is_fixed || *key != "listen.public_url");
    let others: Vec<String> = others.map(|key| format!("`{key}`")).collect();
    if !others.is_empty() {
        differ.push(format!(
            "{} had changed when the file was last read again, and flaglink runs with what was there before",
            others.join(", ")
        ));
    }
    differ
}

fn slow(limit: Duration) -> Trouble {
    Trouble::World(format!("flaglink does not answer on its socket within {} s", limit.as_secs().max(1)))
}

fn words(trouble: &Trouble) -> String {
    match trouble {
        Trouble::World(text) | Trouble::Arguments(text) => text.clone(),
        Trouble::NobodyReads | Trouble::Told => String::new(),
    }
}

fn silent(trouble: &Trouble) -> Known {
    let finding = Finding::wrong(
        Id::DaemonRunning,
        words(trouble),
        "see its log (`journalctl -u flaglink`), and run this as its user or group",
    );
    Known { groups: vec![Group::new(TITLE, vec![finding])], ..Known::default() }
}

fn not_told(trouble: &Trouble) -> Finding {
    Finding::unseen(Id::DaemonReady, words(trouble), "see its log (`journalctl -u flaglink`)")
}

fn running(status: &Status) -> Finding {
    let since = length(status.uptime_seconds);
    let ours = env!("CARGO_PKG_VERSION");
    if status.version == ours {
        return Finding::good(Id::DaemonRunning, format!("flaglink {ours} has been running for {since}"));
    }
    Finding::look(
        Id::DaemonRunning,
        format!("flaglink {} has been running for {since}, and this program is {ours}", status.version),
        "start the daemon again, so that the new version runs",
    )
}

/// Reads `/readyz`: what is wrong line by line, or `ready` and remarks below it.
fn ready(text: &str, good: bool) -> Vec<Finding> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    // The dead letters have a line of their own.
    let lines = lines.filter(|line| !is_of_letters(line));
    if !good {
        return lines
            .map(|line| {
                let remedy = match is_for_the_server(line) {
                    true => "wait: there is nothing to mend here, and it goes on by itself when that is over",
                    false => "mend that; it goes on by itself then",
                };
                Finding::wrong(Id::DaemonReady, format!("it is not ready: {line}"), remedy)
            })
            .collect();
    }
    let mut findings = vec![Finding::good(Id::DaemonReady, "it is ready: it can write, and its queues move")];
    let remarks = lines.filter(|line| *line != "ready");
    findings.extend(
        remarks.map(|line| {
            Finding::look(Id::DaemonReady, line, "the sentence says what to do; its log says more")
        }),
    );
    findings
}

/// Whether a remark is the one that things were given up: their number comes first.
fn is_of_letters(line: &str) -> bool {
    let rest = line.trim_start_matches(|letter: char| letter.is_ascii_digit());
    rest.len() < line.len() && rest.starts_with(" given up")
}

/// What waits, and what is kept of registered webhooks.
async fn of_store(places: &Places) -> (Option<Group>, Vec<HookRecord>) {
    if !places.store.join("db").exists() {
        return (None, Vec::new());
    }
    let (socket, path) = (places.socket.clone(), places.store.clone());
    let Ok(opened) = tokio::task::spawn_blocking(move || open_store(&socket, &path)).await else {
        return (None, Vec::new());
    };
    let store = match opened {
        Ok(store) => store,
        Err(trouble) => {
            let says = format!("what waits cannot be looked at: {}", words(&trouble));
            let finding = Finding::note(Id::QueueWaiting, says);
            return (Some(Group::new("Queue", vec![finding])), Vec::new());
        }
    };
    let group = match view::queue(&store, 100, jiff::Timestamp::now()).await {
        Ok(queue) => queues(&queue, false),
        Err(error) => Group::new(
            "Queue",
            vec![Finding::wrong(
                Id::QueueWaiting,
                error.to_string(),
                "put back a backup of the store's folder; else copy links.jsonl in it elsewhere, and see docs/links.md",
            )],
        ),
    };
    (Some(group), store.hooks().await.unwrap_or_default())
}

fn queues(queue: &Queue, runs: bool) -> Group {
    let counts = queue.counts;
    let waits = counts.inbox + counts.edges + counts.levels;
    let all = queue.inbox.iter().chain(&queue.edges).chain(&queue.levels);
    let oldest: Option<&Waiting> = all.max_by_key(|waiting| waiting.age_seconds);
    let age = oldest.and_then(|oldest| oldest.age_seconds).unwrap_or(0);
    let mut findings = vec![match oldest {
        None => Finding::good(Id::QueueWaiting, "nothing waits"),
        Some(oldest) if runs && age >= STUCK => Finding::wrong(
            Id::QueueWaiting,
            format!(
                "{waits} wait, the oldest ({}) for {}: {}",
                oldest.what,
                length(age),
                oldest.reason.as_deref().unwrap_or("it was not tried yet")
            ),
            "mend what the reason says; `flaglink queue list` shows all of it. Nothing is lost meanwhile",
        ),
        Some(oldest) => Finding::good(
            Id::QueueWaiting,
            format!("{waits} wait, the oldest ({}) for {}", oldest.what, length(age)),
        ),
    }];
    findings.push(match queue.dead.first() {
        None if counts.dead == 0 => Finding::good(Id::DeadLetters, "nothing was given up"),
        oldest => {
            let why = oldest.map(|dead| format!("; the oldest ({}): {}", dead.what, dead.reason)).unwrap_or_default();
            Finding::look(
                Id::DeadLetters,
                format!("{} given up{why}", counts.dead),
                "`flaglink queue list` says why; `flaglink queue retry --all` tries again, `flaglink queue drop --all` forgets",
            )
        }
    });
    Group::new("Queue", findings)
}
