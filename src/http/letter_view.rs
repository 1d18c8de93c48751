//! One thing of the queues in the API's words, with everything that is kept of it.

use jiff::Timestamp;

use crate::domain::{
    Cause, DeadLetter, DeadThing, Delivery, DeliverySource, Edge, EdgeId, EdgeKind, Event, Inbound,
    InboxEntry, InboxId, Level, NoteSource, Noteable, Switch,
};
use crate::store::{Store, StoreError};

use super::api_letter::{Due, QueueItem, QueuedRequest};
use super::api_types::{LetterLeft, Letters, LettersDealt, Waiting};
use super::letter_todo;
use super::view;
use crate::pipeline::{Dealt, NotDealt, Which};

/// What has that number, whether it waits or was given up; `None` where nothing has.
pub async fn queue_item(store: &dyn Store, id: u64, now: Timestamp) -> Result<Option<QueueItem>, StoreError> {
    if let Some(letter) = store.dead_letter(id).await?.value {
        return dead(store, letter).await.map(Some);
    }
    if let Some(edge) = store.edge(EdgeId(id)).await? {
        let waiting = named(store, view::waiting_edge(&edge, now)).await?;
        return Ok(Some(of_waiting(id, waiting, of_edge(store, edge).await?)));
    }
    let Some(entry) = store.inbox_entry(InboxId(id)).await? else { return Ok(None) };
    let waiting = named(store, view::waiting_entry(&entry, now)).await?;
    Ok(Some(of_waiting(id, waiting, of_entry(store, entry).await?)))
}

async fn named(store: &dyn Store, waiting: Waiting) -> Result<Waiting, StoreError> {
    let work = view::work_of(store, waiting.about.as_deref()).await?;
    Ok(Waiting { work, ..waiting })
}

fn of_waiting(id: u64, waiting: Waiting, request: QueuedRequest) -> QueueItem {
    QueueItem {
        id,
        dead: false,
        what: waiting.what,
        about: waiting.about,
        work: waiting.work,
        begun: waiting.since,
        given_up: None,
        attempts: waiting.attempts,
        next_try: waiting.next_try,
        reason: waiting.reason,
        todo: None,
        request,
    }
}

async fn dead(store: &dyn Store, letter: DeadLetter) -> Result<QueueItem, StoreError> {
    let (what, about) = view::of_letter(store, &letter).await?;
    let work = view::work_of(store, about.as_deref()).await?;
    let todo = letter_todo::todo(&letter, work.as_deref());
    let mut begun = letter.begun;
    let request = match letter.what {
        DeadThing::Inbox(id) => match store.inbox_entry(id).await {
            Ok(Some(entry)) => {
                begun = begun.or(entry.since);
                of_entry(store, entry).await?
            }
            Ok(None) | Err(StoreError::Damaged(_)) => QueuedRequest::Unknown { json: String::new() },
            Err(error) => return Err(error),
        },
        DeadThing::Edge(edge) => {
            begun = begun.or(Some(edge.queued_at));
            of_edge(store, *edge).await?
        }
        DeadThing::Level(Level::Panel(noteable) | Level::Label(noteable)) => {
            QueuedRequest::Level { page: page_of(store, &noteable).await? }
        }
        DeadThing::Level(Level::BackLinks(_) | Level::Tags(_)) => QueuedRequest::Level { page: None },
        DeadThing::Unknown(json) => QueuedRequest::Unknown { json },
    };
    Ok(QueueItem {
        id: letter.id,
        dead: true,
        what,
        work,
        about,
        begun,
        given_up: Some(letter.at),
        attempts: letter.attempts,
        next_try: None,
        reason: Some(letter.reason),
        todo,
        request,
    })
}

async fn of_entry(store: &dyn Store, entry: InboxEntry) -> Result<QueuedRequest, StoreError> {
    Ok(match entry.what {
        Inbound::Delivery(Delivery { source, key, headers, body, received_at }) => {
            let (from, hook) = match source {
                DeliverySource::Gitlab { hook } => ("gitlab".to_owned(), Some(hook)),
                DeliverySource::Provider { name } => (name, None),
            };
            let body = String::from_utf8_lossy(&body).into_owned();
            QueuedRequest::Delivery { from, hook, key, headers, received_at, body }
        }
        Inbound::Event(event) => {
            let (mut command, mut asked_by, mut page) = (None, None, None);
            if let Event::CommandTaken { note, command: place } = &event {
                page = page_of(store, &note.noteable).await?;
                if let Some(record) = store.note(note).await?.value {
                    command = record.commands.get(*place).map(|command| command.text.clone());
                    asked_by = Some(record.author.username);
                }
            }
            let event = serde_json::to_value(event).unwrap_or_default();
            QueuedRequest::Event { event, command, asked_by, page }
        }
        Inbound::Unknown(json) => QueuedRequest::Unknown { json },
    })
}

async fn page_of(store: &dyn Store, noteable: &Noteable) -> Result<Option<String>, StoreError> {
    let record = store.noteable(noteable).await?.value;
    Ok(record.map(|record| record.view.web_url).filter(|url| !url.is_empty()))
}

async fn of_edge(store: &dyn Store, edge: Edge) -> Result<QueuedRequest, StoreError> {
    let Cause { noteable, source, .. } = edge.cause;
    let due = Due {
        page: page_of(store, &noteable).await?,
        on: noteable.to_string(),
        asked_in: source.map(|source| match source {
            NoteSource::Note(id) => format!("note {id}"),
            NoteSource::Description => "description".to_owned(),
        }),
        asked_by: edge.asked_by.map(|person| person.username),
        perhaps_sent: edge.uncertain.map(|attempt| attempt.at),
    };
    Ok(match edge.kind {
        EdgeKind::Reply { discussion, internal, text, .. } => {
            QueuedRequest::Reply { due, discussion, internal, text: text.as_str().to_owned() }
        }
        EdgeKind::React { reaction, .. } => {
            QueuedRequest::Reaction { due, emoji: reaction.emoji().to_owned() }
        }
        EdgeKind::Switch(toggle) => QueuedRequest::Switch {
            due,
            flag: toggle.flag.words(),
            environment: toggle.environment,
            to: wanted(&toggle.to),
            until: toggle.until,
        },
        EdgeKind::Job(job) => {
            let (provider, key) = job.what.about();
            let flag = format!("{provider}:{key}");
            QueuedRequest::Job { due, job: job.what.word().to_owned(), flag, until: job.until }
        }
    })
}

fn wanted(to: &Switch) -> String {
    let on = to.on.map(|on| if on { "on" } else { "off" }.to_owned());
    let value = to.value.as_ref().map(|value| format!("value {value}"));
    let share = to.rollout.map(|share| format!("{share} %"));
    [on, value, share].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

impl TryFrom<Letters> for Which {
    type Error = &'static str;

    fn try_from(letters: Letters) -> Result<Self, Self::Error> {
        match letters {
            Letters { ids, all: true } if ids.is_empty() => Ok(Self::All),
            Letters { all: true, .. } => Err("give either `ids` or `all`"),
            Letters { ids, all: false } if ids.is_empty() => {
                Err("say which: `{\"ids\":[12]}`, or `{\"all\":true}`")
            }
            Letters { ids, all: false } => Ok(Self::These(ids)),
        }
    }
}

impl From<Dealt> for LettersDealt {
    fn from(dealt: Dealt) -> Self {
        let Dealt { done, with_them, not } = dealt;
        let not = not.into_iter().map(|NotDealt { id, why }| LetterLeft { id, why }).collect();
        Self { done, with_them, not }
    }
}
