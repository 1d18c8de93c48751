//! Stories: what people do, and exactly what they then see, with the real daemon between a small GitLab and a small Flagsmith.
//!
//! One binary for all of them, since linking the house takes longer than telling a story.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a story that cannot go on has failed"
)]

#[path = "../support/town.rs"]
mod town;

mod adopt;
mod archive;
mod cleanup;
mod commands;
mod create;
mod deliveries;
mod edits;
mod every_change;
mod first_link;
mod mixed;
mod outages;
mod panel;
mod people;
mod places;
mod reading;
mod reload;
mod reminders;
mod servers;
mod services;
mod switching;
mod tags;
mod telling;
mod threads;
mod undone;
mod unleash;
mod visibility;
mod whose;
mod words;
