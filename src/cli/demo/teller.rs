//! How the story looks on the terminal: calm, like a conversation.

use std::net::SocketAddr;
use std::time::Duration;

use anstream::println;
use owo_colors::OwoColorize as _;

use super::super::sandbox::stage::{PROJECT, Stage};
use super::actors::Actors;
use crate::sandbox::gitlab::Note;

/// Writes the story down.
pub(super) struct Teller {
    step: std::cell::Cell<u32>,
}

impl Teller {
    pub(super) fn new() -> Self {
        Self { step: std::cell::Cell::new(0) }
    }

    pub(super) fn opening(&self, stage: &Stage, webhooks: SocketAddr) {
        println!("{}", "flaglink demo".bold());
        println!();
        println!("A small GitLab ({}) and a small Flagsmith ({})", stage.gitlab.url(), stage.flagsmith.url());
        println!("run in this process. The real daemon stands between them ({webhooks});");
        println!("all parts speak real HTTP. Nothing leaves this machine.");
    }

    /// A new step of the story.
    pub(super) fn step(&self, heading: &str) {
        self.step.set(self.step.get() + 1);
        println!();
        println!("{} {}", format!("{}.", self.step.get()).bold().cyan(), heading.bold());
    }

    /// A sentence of it.
    pub(super) fn say(&self, sentence: &str) {
        println!("   {sentence}");
    }

    /// What is shown to be true.
    pub(super) fn see(&self, sentence: &str) {
        println!("   {} {sentence}", "✔".green());
    }

    /// A comment as it stands, without its hidden marker.
    pub(super) fn comment(&self, author: &str, note: &Note) {
        println!("   {}", format!("@{author}").dimmed());
        let body = note.body.lines().filter(|line| !line.starts_with("<!-- flaglink:"));
        let text = body.collect::<Vec<_>>().join("\n");
        for line in text.trim_end().lines() {
            println!("   {} {line}", "│".dimmed());
        }
    }

    /// Everything that stands on every page: when something was not as told.
    pub(super) fn as_it_stands(&self, actors: &Actors) {
        println!();
        println!("{}", actors.stage.gitlab.read(crate::sandbox::gitlab::Model::describe));
    }

    pub(super) fn closing(&self, took: Duration) {
        println!();
        println!("{} All of it was as told, in {:.1} s.", "✔".green(), took.as_secs_f64());
        println!();
        println!("{}", "How to go on".bold());
        println!("   With your own GitLab: begin with the section “Install” of README.md;");
        println!(
            "   `flaglink config reference` explains every key, `flaglink config check` reads your file."
        );
        println!(
            "   To try things by hand: `flaglink sandbox` runs both servers alone, with `{PROJECT}` in them."
        );
        println!("   Every command that can be written in a comment: docs/commands.md.");
    }
}
