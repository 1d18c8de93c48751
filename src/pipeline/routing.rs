//! Which lane a thing goes through, and what it has to wait for there.

use std::collections::BTreeSet;

use crate::bot::World;
use crate::command::{self, Command};
use crate::domain::{
    Delivery, DeliverySource, Edge, EdgeKind, Event, FlagPointer, Inbound, InboxId, Level, NoteKey,
    NoteSource, Noteable,
};
use crate::gitlab::{Classified, classify};
use crate::store::StoreError;

/// Names a lane.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum LaneKey {
    /// An issue or merge request: what is written to it, and what is read of it.
    Noteable(Noteable),
    /// Commands there that may have to wait for a flag service. Beside the lane of the page, so that a service that
    /// hangs holds up neither 👀 nor `help` nor the panel.
    Commands(Noteable),
    /// A flag, by provider and key.
    Flag(String, String),
    /// What is still to be told apart, by provider.
    Provider(String),
    /// What means nothing, each by itself.
    Nothing(InboxId),
}

/// What a thing waits for in its lane: earlier things that it conflicts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// Waits for nothing, and nothing waits for it.
    Free,
    /// A comment of ours. It waits for nothing, but those before it that wait for their turn to be written.
    Comment,
    /// A sign on a text: after those before it, so that what was done does not stand before that it was seen.
    Sign(NoteSource),
    /// A text whose commands are to be taken: in order among themselves, and before the commands behind it are run.
    Take,
    /// A command about these keys (lower case).
    Flags(BTreeSet<String>),
    /// A command about everything that is linked.
    AllFlags,
}

impl Route {
    pub(crate) fn free() -> Self {
        Self::Free
    }

    /// Whether of two things in a lane the later one has to wait for the earlier one.
    pub(crate) fn conflicts_with(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Free | Self::Comment, _) | (_, Self::Free | Self::Comment) => false,
            (Self::Sign(a), Self::Sign(b)) => a == b,
            (Self::Sign(_), _) | (_, Self::Sign(_)) => false,
            (Self::Take, Self::Take) => true,
            (Self::Take, _) | (_, Self::Take) => false,
            (Self::AllFlags, _) | (_, Self::AllFlags) => true,
            (Self::Flags(a), Self::Flags(b)) => !a.is_disjoint(b),
        }
    }
}

/// What an entry means for its lane.
pub(crate) enum Meaning {
    Event(Event),
    /// A webhook of that provider.
    OfProvider(String),
    Nothing,
}

/// What came in means, without its body.
pub(crate) fn means(world: &World, inbound: Inbound) -> Meaning {
    match inbound {
        Inbound::Event(event) => Meaning::Event(event),
        Inbound::Unknown(_) => Meaning::Nothing,
        Inbound::Delivery(Delivery { source: DeliverySource::Provider { name }, .. }) => {
            Meaning::OfProvider(name)
        }
        Inbound::Delivery(delivery) => event_of(world, &delivery).map_or(Meaning::Nothing, Meaning::Event),
    }
}

/// Lane and route of what came in.
pub(crate) async fn of_meaning(
    world: &World,
    id: InboxId,
    meaning: Meaning,
) -> Result<(LaneKey, Route), StoreError> {
    match meaning {
        Meaning::Event(event) => of_event(world, id, &event).await,
        Meaning::OfProvider(name) => Ok((LaneKey::Provider(name), Route::Free)),
        Meaning::Nothing => Ok((LaneKey::Nothing(id), Route::Free)),
    }
}

/// What a delivery of GitLab means, if it means anything.
pub(crate) fn event_of(world: &World, delivery: &Delivery) -> Option<Event> {
    let name = world.only_name();
    match classify(&delivery.body, &world.bots(), name.as_deref()) {
        Classified::Event { event, .. } => Some(event),
        Classified::Ignored(_) | Classified::NotJson => None,
    }
}

/// Lane and route of an event.
pub(crate) async fn of_event(
    world: &World,
    id: InboxId,
    event: &Event,
) -> Result<(LaneKey, Route), StoreError> {
    Ok(match event {
        Event::NoteWritten(hint) => {
            (LaneKey::Noteable(world.noteable(hint.project, hint.kind, hint.iid)), Route::Take)
        }
        Event::CommandTaken { note, command } => {
            let noteable = note.noteable.clone();
            match of_command(world, note, *command).await? {
                Route::Free => (LaneKey::Noteable(noteable), Route::Free),
                route => (LaneKey::Commands(noteable), route),
            }
        }
        Event::NoteableChanged { project, kind, iid } => {
            (LaneKey::Noteable(world.noteable(*project, *kind, *iid)), Route::Free)
        }
        Event::TellDue(noteable) => (LaneKey::Noteable(noteable.clone()), Route::Free),
        Event::FlagChanged { provider, flag: FlagPointer::Key { key, .. }, .. } => {
            (LaneKey::Flag(provider.clone(), key.clone()), Route::Free)
        }
        Event::FlagChanged { provider, .. } => (LaneKey::Provider(provider.clone()), Route::Free),
    })
    .inspect(|(lane, route)| tracing::trace!(entry = id.0, ?lane, ?route, "routed"))
}

async fn of_command(world: &World, note: &NoteKey, place: usize) -> Result<Route, StoreError> {
    let record = world.store().note(note).await?.value;
    let text = record.and_then(|record| record.commands.get(place).map(|command| command.text.clone()));
    let parsed = text.and_then(|text| command::read_back(&text)).map(|found| found.parsed);
    Ok(match parsed {
        Some(Ok(Command::Link { keys } | Command::Unlink { keys, all: false })) => Route::Flags(bare(&keys)),
        Some(Ok(
            Command::Switch { key, .. }
            | Command::Create { key }
            | Command::Archive { key }
            | Command::CleanupIssue { key },
        )) => Route::Flags(bare(std::slice::from_ref(&key))),
        Some(Ok(Command::Status { keys })) if !keys.is_empty() => Route::Flags(bare(&keys)),
        Some(Ok(Command::Unlink { .. } | Command::Status { .. } | Command::List)) => Route::AllFlags,
        Some(Ok(Command::Search { .. } | Command::Help { .. }) | Err(_)) | None => Route::Free,
    })
}

/// Keys without the provider in front, so that `flagsmith:a` waits for `a`.
fn bare(keys: &[String]) -> BTreeSet<String> {
    keys.iter().map(|key| key.rsplit(':').next().unwrap_or(key).to_lowercase()).collect()
}

/// The lane of an edge.
pub(crate) fn lane_of_edge(edge: &Edge) -> LaneKey {
    match &edge.kind {
        EdgeKind::Switch(toggle) => LaneKey::Flag(toggle.flag.provider.clone(), toggle.flag.key.clone()),
        EdgeKind::Job(job) => {
            let (provider, key) = job.what.about();
            LaneKey::Flag(provider.to_owned(), key.to_owned())
        }
        EdgeKind::React { .. } | EdgeKind::Reply { .. } => LaneKey::Noteable(edge.cause.noteable.clone()),
    }
}

/// What an edge waits for in its lane.
pub(crate) fn route_of_edge(edge: &Edge) -> Route {
    match &edge.kind {
        EdgeKind::Reply { .. } => Route::Comment,
        EdgeKind::React { on, .. } => Route::Sign(*on),
        EdgeKind::Switch(_) | EdgeKind::Job(_) => Route::Free,
    }
}

/// The lane of a level.
pub(crate) fn lane_of_level(level: &Level) -> LaneKey {
    match level {
        Level::Panel(noteable) | Level::Label(noteable) => LaneKey::Noteable(noteable.clone()),
        Level::BackLinks(flag) | Level::Tags(flag) => LaneKey::Flag(flag.provider.clone(), flag.key.clone()),
    }
}
