//! How the story looks on the terminal: calm, like a conversation.

use std::net::SocketAddr;
use std::time::Duration;

use anstream::println;
use owo_colors::OwoColorize as _;

use super::super::sandbox::service::Service;
use super::super::sandbox::stage::{PROJECT, Stage};
use super::actors::Actors;
use super::page;
use crate::sandbox::gitlab::{Note, NoteableRef};

/// Writes the story down.
pub(super) struct Teller {
    step: std::cell::Cell<u32>,
}

impl Teller {
    pub(super) fn new() -> Self {
        Self { step: std::cell::Cell::new(0) }
    }

    pub(super) fn opening(&self, stage: &Stage, service: &dyn Service, webhooks: SocketAddr) {
        println!("{}", "flaglink demo".bold());
        println!();
        let gitlab = format!("A small GitLab ({})", stage.gitlab.url());
        match service.url() {
            Some(url) => {
                println!("{gitlab} and a small {} ({url})", service.name());
                println!("run in this process. The real daemon stands between them ({webhooks});");
            }
            None => {
                println!("{gitlab} with feature flags of its own");
                println!("runs in this process. The real daemon stands beside it ({webhooks});");
            }
        }
        println!("all parts speak real HTTP. Nothing leaves this machine.");
        println!("Comments are shown as people see them.");
    }

    /// A new step of the story.
    pub(super) fn step(&self, heading: &str) {
        self.step.set(self.step.get() + 1);
        println!();
        println!("{} {}", format!("{}.", self.step.get()).bold().cyan(), heading.bold());
    }

    /// What is shown to be true.
    pub(super) fn see(&self, sentence: &str) {
        println!("   {} {sentence}", "✔".green());
    }

    /// A comment as people see it.
    pub(super) fn comment(&self, author: &str, note: &Note) {
        self.said(&format!("@{author}"), &note.body);
    }

    fn said(&self, by: &str, markdown: &str) {
        println!("   {}", by.dimmed());
        for line in page::lines(markdown) {
            println!("   {}", format!("{} {line}", "│".dimmed()).trim_end());
        }
    }

    /// A whole issue as people see it.
    pub(super) fn page(&self, actors: &Actors, on: NoteableRef) {
        println!();
        println!("   {}", "Everything that now stands on the issue:".bold());
        for note in actors.notes(on) {
            let signs: String =
                actors.reactions(note.id).iter().map(|name| format!(" {}", sign(name))).collect();
            println!();
            self.said(&format!("@{}{signs}", actors.author(&note)), &note.body);
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
            "   To try things by hand: `flaglink sandbox` runs a GitLab and a flag service alone, with `{PROJECT}`."
        );
        println!("   Every command that can be written in a comment: docs/commands.md.");
        println!("   The same story with other flag services: `flaglink demo --help` names them.");
    }
}

/// A reaction as people see it.
fn sign(name: &str) -> &str {
    match name {
        "eyes" => "👀",
        "white_check_mark" => "✅",
        "warning" => "⚠️",
        "x" => "❌",
        other => other,
    }
}
