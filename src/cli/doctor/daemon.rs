//! The running flaglink: whether it runs, how it is, and what waits in it.

use std::time::Duration;

use super::finding::{Finding, Group, Id};
use super::within;
use crate::cli::client::Client;
use crate::cli::source::open_store;
use crate::cli::words::length;
use crate::cli::{Trouble, show};
use crate::config::Places;
use crate::http::api_hooks::HookReports;
use crate::http::api_types::{Queue, Status, Waiting};
use crate::http::view;
use crate::pipeline::HookReport;

/// What has waited for longer than this does not move, in seconds.
const STUCK: u64 = 15 * 60;

/// What is known of the running one.
pub(super) struct Known {
    /// How it is; `None` where none runs or it does not say.
    pub(super) status: Option<Status>,
    /// How the webhooks stand that it registers.
    pub(super) reports: Option<Vec<HookReport>>,
    /// What was found.
    pub(super) groups: Vec<Group>,
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
            let mut groups = vec![Group::new("Daemon", vec![down])];
            groups.extend(of_store(places).await);
            return Known { status: None, reports: None, groups };
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
    let mut groups = vec![Group::new("Daemon", findings)];
    match within(limit, client.read::<Queue>("/api/v1/queue?limit=100")).await {
        Some(Ok(queue)) => groups.push(queues(&queue, true)),
        Some(Err(trouble)) => groups.push(Group::new("Queue", vec![not_told(&trouble)])),
        None => groups.push(Group::new("Queue", vec![not_told(&slow(limit))])),
    }
    // GitLab is asked for it, by the other one.
    let reports = match within(limit * 2, client.read::<HookReports>("/api/v1/hooks")).await {
        Some(Ok(reports)) => Some(reports.hooks),
        _ => None,
    };
    Known { status: Some(status), reports, groups }
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
    Known { status: None, reports: None, groups: vec![Group::new("Daemon", vec![finding])] }
}

fn not_told(trouble: &Trouble) -> Finding {
    Finding::look(Id::DaemonReady, words(trouble), "see its log (`journalctl -u flaglink`)")
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
    if !good {
        return lines
            .map(|line| {
                Finding::wrong(
                    Id::DaemonReady,
                    format!("it is not ready: {line}"),
                    "mend that; it goes on by itself then",
                )
            })
            .collect();
    }
    let mut findings = vec![Finding::good(Id::DaemonReady, "it is ready: it can write, and its queues move")];
    // The dead letters have a line of their own.
    let remarks = lines.filter(|line| *line != "ready" && !line.contains(" given up"));
    findings.extend(
        remarks.map(|line| {
            Finding::look(Id::DaemonReady, line, "the sentence says what to do; its log says more")
        }),
    );
    findings
}

async fn of_store(places: &Places) -> Option<Group> {
    if !places.store.join("db").exists() {
        return None;
    }
    let (socket, path) = (places.socket.clone(), places.store.clone());
    let opened = tokio::task::spawn_blocking(move || open_store(&socket, &path)).await.ok()?;
    let finding = match opened {
        Ok(store) => match view::queue(&store, 100, jiff::Timestamp::now()).await {
            Ok(queue) => return Some(queues(&queue, false)),
            Err(error) => Finding::wrong(
                Id::QueueWaiting,
                error.to_string(),
                "put back a backup of the store's folder; links.jsonl beside it has the links",
            ),
        },
        Err(trouble) => {
            Finding::note(Id::QueueWaiting, format!("what waits cannot be looked at: {}", words(&trouble)))
        }
    };
    Some(Group::new("Queue", vec![finding]))
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
                "`flaglink queue list` says why; `flaglink queue retry` tries again, `flaglink queue drop` forgets",
            )
        }
    });
    Group::new("Queue", findings)
}
