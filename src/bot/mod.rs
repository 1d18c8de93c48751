//! What flaglink does: one file per behaviour, event in, decision out.
//!
//! A behaviour reads through `store`, `gitlab` and `flags` and returns a [`Decision`]; it writes nothing
//! itself. Deciding the same event again is therefore harmless.

pub mod adopt;
mod adoptions;
pub mod back_links;
pub mod by_hand;
mod claims;
pub mod cleanup;
mod command_taken;
mod commands;
pub mod deleted;
mod deletions;
mod doubts;
mod dropped;
mod flag_changed;
pub mod limits;
mod linked;
mod linking;
mod looks;
pub mod news;
mod note_written;
mod noteable_changed;
pub mod panel;
mod patience;
mod refusals;
pub mod reminder_project;
pub mod reminders;
mod replies;
mod resolve;
mod roles;
mod shares;
mod switching;
pub mod tags;
mod telling;
mod trouble;
mod users;
mod watch;
mod world;

use jiff::Timestamp;

use crate::domain::{Decision, Event, InboxId};

pub use deletions::{Missing, WORK};
pub use doubts::{Count, Doubt, Doubts, LATELY, WORD_HOLDS};
pub use dropped::drop_command;
pub use patience::Patience;
pub use refusals::Refusals;
pub use roles::may_have_done;
pub use switching::{last_author, may_switch};
pub use trouble::{Trouble, Waits};
pub use world::{Project, World, WorldParts};

/// What a behaviour knows about the entry it decides.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its number.
    pub id: InboxId,
    /// How often it was tried before.
    pub attempts: u32,
    /// The moment that it waited for.
    pub not_before: Option<Timestamp>,
    /// It was given up once, and somebody took it back: what is too late by now is to be said, not left out in silence.
    pub revived: bool,
    /// Now.
    pub now: Timestamp,
}

/// What the bot makes of an event.
#[derive(Debug)]
pub enum Made {
    /// A decision. It may be empty.
    Decision(Decision),
    /// Nothing, and why: a metric label.
    Nothing(&'static str),
    /// Something is to be written, and the event is to be decided again later.
    NotYet(Decision, Trouble),
}

/// Decides one event.
pub async fn decide(world: &World, entry: Entry, event: &Event) -> Result<Made, Trouble> {
    match event {
        Event::NoteWritten(hint) => note_written::decide(world, entry, hint).await,
        Event::CommandTaken { note, command } => command_taken::decide(world, entry, note, *command).await,
        Event::NoteableChanged { project, kind, iid } => {
            noteable_changed::decide(world, entry, *project, *kind, *iid).await
        }
        Event::FlagChanged { provider, flag, claims } => {
            flag_changed::decide(world, entry, provider, flag, claims).await
        }
        Event::TellDue(noteable) => telling::decide(world, entry, noteable).await,
    }
}
