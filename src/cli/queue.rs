//! `flaglink queue list`.

use std::io::Write;

use clap::Subcommand;

use crate::http::api_types::{Queue as Queues, Waiting};

use super::document;
use super::source::Source;
use super::table::Table;
use super::words::{length, moment};
use super::{Context, Trouble};

/// What can be done with the queues.
#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// Show what waits and what was given up, and why
    List,
}

impl Queue {
    pub(super) async fn perform(self, context: &Context) -> Result<(), Trouble> {
        let Self::List = self;
        let queues = Source::open(context).await?.queue().await?;
        if context.json { document::write(&queues) } else { list(&queues) }
    }
}

fn list(queues: &Queues) -> Result<(), Trouble> {
    let mut out = anstream::stdout().lock();
    let counts = queues.counts;
    let all = counts.inbox + counts.edges + counts.levels + counts.dead;
    let shown = queues.inbox.len() + queues.edges.len() + queues.levels.len() + queues.dead.len();
    if all == 0 && shown == 0 {
        writeln!(out, "Nothing waits, and nothing was given up.")?;
        return Ok(());
    }
    let mut table = Table::new(["QUEUE", "ID", "WHAT", "ABOUT", "AGE", "TRIES", "NEXT TRY", "REASON"]);
    for (queue, waiting) in [("inbox", &queues.inbox), ("edges", &queues.edges), ("levels", &queues.levels)] {
        for one in waiting {
            table.row(waiting_row(queue, one));
        }
    }
    for dead in &queues.dead {
        table.row([
            "dead".to_owned(),
            dead.id.to_string(),
            dead.what.clone(),
            dead.about.clone().unwrap_or_default(),
            length(dead.age_seconds),
            dead.attempts.to_string(),
            "never".to_owned(),
            dead.reason.clone(),
        ]);
    }
    table.write(&mut out)?;
    writeln!(
        out,
        "\nWaiting: {} in the inbox, {} to be done once (edges), {} to be brought up to date (levels). Given up: {}.",
        counts.inbox, counts.edges, counts.levels, counts.dead
    )?;
    if all > shown as u64 {
        writeln!(out, "Only the first {shown} are shown.")?;
    }
    Ok(())
}

fn waiting_row(queue: &str, waiting: &Waiting) -> [String; 8] {
    [
        queue.to_owned(),
        waiting.id.map(|id| id.to_string()).unwrap_or_default(),
        waiting.what.clone(),
        waiting.about.clone().unwrap_or_default(),
        waiting.age_seconds.map(length).unwrap_or_default(),
        waiting.attempts.to_string(),
        waiting.next_try.map_or_else(|| "now".to_owned(), moment),
        waiting.reason.clone().unwrap_or_default(),
    ]
}
