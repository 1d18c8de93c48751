//! The store in the API's words. Both the daemon and a command line that opens the store itself use it.

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::domain::{
    DeadLetter, DeadThing, DeliverySource, Edge, EdgeKind, Event, FlagPointer, Inbound, InboxEntry, Level,
    Noteable, NoteableRecord, Reaction, WorkState,
};
use crate::store::export::Export;
use crate::store::{Store, StoreError};

use super::api_types::{Dead, LinkView, LinkedNoteable, LinksPage, Queue, QueueCounts, Waiting};
use super::letter_todo;

/// One page of the noteables that have links: at most `limit` of them, after the given one.
pub async fn links_page(
    store: &dyn Store,
    after: Option<&Noteable>,
    limit: usize,
) -> Result<LinksPage, StoreError> {
    // One more than is shown says whether there is a next page.
    let mut records = store.linked_noteables(after, limit.saturating_add(1)).await?;
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more).map(|record| record.noteable.to_string());
    Ok(LinksPage { noteables: records.into_iter().map(linked_noteable).collect(), next })
}

/// What waits and what was given up: the first `limit` of each kind, and how many there are.
pub async fn queue(store: &dyn Store, limit: usize, now: Timestamp) -> Result<Queue, StoreError> {
    let backlog = store.backlog().await?;
    let mut inbox = Vec::new();
    for id in store.inbox().await?.into_iter().take(limit) {
        // One that is gone was dealt with while the list was made.
        if let Some(entry) = store.inbox_entry_without_body(id).await? {
            inbox.push(waiting_entry(&entry, now));
        }
    }
    let edges = store.edges().await?;
    let mut edges: Vec<Waiting> = edges.iter().take(limit).map(|edge| waiting_edge(edge, now)).collect();
    let mut levels: Vec<Waiting> = store
        .stale()
        .await?
        .into_iter()
        .take(limit)
        .map(|stale| {
            let (what, about) = level(&stale.level);
            Waiting {
                id: None,
                what: what.to_owned(),
                about: Some(about),
                work: None,
                since: Some(stale.since),
                age_seconds: Some(age(stale.since, now)),
                attempts: stale.attempts,
                next_try: stale.not_before.filter(|at| *at > now),
                reason: stale.last_reason,
            }
        })
        .collect();
    for waiting in inbox.iter_mut().chain(&mut edges).chain(&mut levels) {
        waiting.work = work_of(store, waiting.about.as_deref()).await?;
    }
    let mut dead = Vec::new();
    for letter in store.dead_letters(limit).await? {
        dead.push(dead_letter(store, letter, now).await?);
    }
    let counts =
        QueueCounts { inbox: backlog.inbox, edges: backlog.edges, levels: backlog.stale, dead: backlog.dead };
    Ok(Queue { counts, inbox, edges, levels, dead })
}

/// The issue or merge request that something is about, as people write it. The path is the one that it was last seen with.
pub(super) async fn work_of(store: &dyn Store, about: Option<&str>) -> Result<Option<String>, StoreError> {
    // A note's text form begins with that of what it stands on.
    let parts: Vec<&str> = about.unwrap_or_default().splitn(5, '/').collect();
    let name = parts.get(..4).map(|first| first.join("/")).unwrap_or_default();
    let Ok(noteable) = name.parse::<Noteable>() else { return Ok(None) };
    let record = store.noteable(&noteable).await?.value;
    let path = record.map(|record| record.view.project_path).filter(|path| !path.is_empty());
    Ok(path.map(|path| format!("{path}{}{}", noteable.kind.sign(), noteable.iid)))
}

/// Sends all links as JSON Lines, some lines at a time, until they end or nobody wants more.
pub async fn export(
    store: &dyn Store,
    now: Timestamp,
    pieces: &mpsc::Sender<Bytes>,
) -> Result<(), StoreError> {
    let mut export = Export::begin(store, now).await?;
    while let Some(lines) = export.next().await? {
        if pieces.send(lines.into()).await.is_err() {
            break;
        }
    }
    Ok(())
}

fn linked_noteable(record: NoteableRecord) -> LinkedNoteable {
    let NoteableRecord { noteable, view, links, .. } = record;
    LinkedNoteable {
        noteable: noteable.to_string(),
        kind: noteable.kind.words().to_owned(),
        project: view.project_path,
        project_id: noteable.project,
        iid: noteable.iid,
        title: (!view.confidential).then_some(view.title),
        url: view.web_url,
        state: match view.state {
            WorkState::Opened => "opened",
            WorkState::Closed => "closed",
            WorkState::Merged => "merged",
            WorkState::Locked => "locked",
        }
        .to_owned(),
        draft: view.draft,
        confidential: view.confidential,
        links: links
            .into_iter()
            .map(|link| LinkView {
                flag: link.flag.words(),
                provider: link.flag.provider,
                scope: link.flag.scope,
                key: link.flag.key,
                internal_id: link.internal_id,
                by: link.by.username,
                by_id: link.by.id,
                at: link.at,
            })
            .collect(),
    }
}

pub(super) fn waiting_entry(entry: &InboxEntry, now: Timestamp) -> Waiting {
    let (what, about, since) = inbound(&entry.what);
    let since = since.or(entry.since);
    Waiting {
        id: Some(entry.id.0),
        what,
        about,
        work: None,
        since,
        age_seconds: since.map(|since| age(since, now)),
        attempts: entry.attempts,
        next_try: entry.not_before.filter(|at| *at > now),
        reason: entry.last_reason.clone(),
    }
}

pub(super) fn waiting_edge(edge: &Edge, now: Timestamp) -> Waiting {
    Waiting {
        id: Some(edge.id.0),
        what: edge_words(edge).to_owned(),
        about: Some(edge.cause.noteable.to_string()),
        work: None,
        since: Some(edge.queued_at),
        age_seconds: Some(age(edge.queued_at, now)),
        attempts: edge.attempts,
        next_try: edge.not_before.filter(|at| *at > now),
        reason: edge.last_reason.clone(),
    }
}

async fn dead_letter(store: &dyn Store, letter: DeadLetter, now: Timestamp) -> Result<Dead, StoreError> {
    let (what, about) = of_letter(store, &letter).await?;
    let work = work_of(store, about.as_deref()).await?;
    Ok(Dead {
        id: letter.id,
        what,
        todo: letter_todo::todo(&letter, work.as_deref()),
        work,
        about,
        begun: letter.begun,
        since: letter.at,
        age_seconds: age(letter.at, now),
        attempts: letter.attempts,
        reason: letter.reason,
    })
}

/// What a dead letter is, and what it is about.
pub(super) async fn of_letter(
    store: &dyn Store,
    letter: &DeadLetter,
) -> Result<(String, Option<String>), StoreError> {
    Ok(match &letter.what {
        DeadThing::Inbox(id) => match store.inbox_entry_without_body(*id).await {
            Ok(Some(entry)) => {
                let (what, about, _) = inbound(&entry.what);
                (what, about)
            }
            // One letter that cannot be read does not hide the others.
            Ok(None) | Err(StoreError::Damaged(_)) => ("inbox entry".to_owned(), None),
            Err(error) => return Err(error),
        },
        DeadThing::Edge(edge) => (edge_words(edge).to_owned(), Some(edge.cause.noteable.to_string())),
        DeadThing::Level(dead) => {
            let (what, about) = level(dead);
            (what.to_owned(), Some(about))
        }
        DeadThing::Unknown(_) => (UNKNOWN.to_owned(), None),
    })
}

/// What another version wrote.
const UNKNOWN: &str = "of another version";

/// What an inbox entry is, what it is about, and since when. Nothing of a body is shown.
fn inbound(what: &Inbound) -> (String, Option<String>, Option<Timestamp>) {
    match what {
        Inbound::Delivery(delivery) => {
            let from = match &delivery.source {
                DeliverySource::Gitlab { .. } => "gitlab",
                DeliverySource::Provider { name } => name,
            };
            let what = match delivery.headers.get("x-gitlab-event") {
                Some(event) => format!("delivery from {from} ({event})"),
                None => format!("delivery from {from}"),
            };
            (what, None, Some(delivery.received_at))
        }
        Inbound::Event(event) => {
            let (what, about) = match event {
                Event::NoteWritten(hint) => {
                    ("text to read", format!("project {}/{}/{}", hint.project, hint.kind.path(), hint.iid))
                }
                Event::CommandTaken { note, .. } => ("command to run", note.to_string()),
                Event::NoteableChanged { project, kind, iid } => {
                    ("changed work", format!("project {project}/{}/{iid}", kind.path()))
                }
                Event::TellDue(noteable) => ("changes to tell", noteable.to_string()),
                Event::FlagChanged { provider, flag, .. } => (
                    "changed flag",
                    match flag {
                        FlagPointer::Id(id) => format!("{provider}, id {id}"),
                        FlagPointer::Key { key, .. } => format!("{provider}:{key}"),
                        FlagPointer::Any => format!("all flags of {provider}"),
                    },
                ),
            };
            (what.to_owned(), Some(about), None)
        }
        Inbound::Unknown(_) => (UNKNOWN.to_owned(), None, None),
    }
}

fn edge_words(edge: &Edge) -> &'static str {
    match &edge.kind {
        EdgeKind::Reply { .. } => "reply",
        EdgeKind::Switch(_) => "switch",
        EdgeKind::Job(job) => job.what.word(),
        EdgeKind::React { reaction: Reaction::Taken, .. } => "reaction 👀",
        EdgeKind::React { reaction: Reaction::Done, .. } => "reaction ✅",
        EdgeKind::React { reaction: Reaction::Partly, .. } => "reaction ⚠️",
        EdgeKind::React { reaction: Reaction::NotDone, .. } => "reaction ❌",
    }
}

fn level(level: &Level) -> (&'static str, String) {
    match level {
        Level::Panel(noteable) => ("panel", noteable.to_string()),
        Level::Label(noteable) => ("label", noteable.to_string()),
        Level::BackLinks(flag) => ("links on the flag", flag.words()),
        Level::Tags(flag) => ("tags on the flag", flag.words()),
    }
}

/// Whole seconds from `since` to `now`; 0 where a clock was set back.
fn age(since: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.as_second().saturating_sub(since.as_second())).unwrap_or(0)
}
