//! `flaglink queue`: what waits, what was given up, and dealing with that.

use std::io::Write;

use clap::{Args, Subcommand};

use crate::http::api_types::{self, Dead, LettersDealt, Queue as Queues, Waiting};
use crate::pipeline::How;

use super::document;
use super::source::Source;
use super::table::Table;
use super::words::{length, moment, plain};
use super::{Context, Trouble, queue_item};

/// What can be done with the queues.
#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// Show what waits and what was given up, and why
    List,
    /// Show one thing of that with everything that is kept of it; it may be what people wrote
    Show {
        /// Its number, as `queue list` shows it
        id: u64,
    },
    /// Try again what was given up: at once, with fresh attempts
    Retry(Letters),
    /// Forget what was given up, with what hangs on it
    Drop(Letters),
}

/// Which of what was given up.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Letters {
    /// The numbers, as `queue list` shows them
    ids: Vec<u64>,
    /// All that there are
    #[arg(long)]
    all: bool,
}

impl Queue {
    pub(super) async fn perform(self, context: &Context) -> Result<(), Trouble> {
        match self {
            Self::List => {
                let queues = Source::open(context).await?.queue().await?;
                if context.json { document::write(&queues) } else { list(&queues) }
            }
            Self::Show { id } => {
                let item = Source::open(context).await?.queue_item(id).await?;
                if context.json { document::write(&item) } else { queue_item::show(&item) }
            }
            Self::Retry(letters) => deal(context, How::Retry, letters).await,
            Self::Drop(letters) => deal(context, How::Drop, letters).await,
        }
    }
}

async fn deal(context: &Context, how: How, letters: Letters) -> Result<(), Trouble> {
    let mut source = Source::open(context).await?;
    let Letters { ids, all } = letters;
    let dealt = source.deal(how, &api_types::Letters { ids, all }).await?;
    if context.json {
        document::write(&dealt)?;
    } else {
        tell(how, all, &dealt, source.runs())?;
    }
    if dealt.not.is_empty() {
        return Ok(());
    }
    let left: Vec<String> =
        dealt.not.iter().map(|left| format!("{}: {}.", left.id, plain(&left.why))).collect();
    Err(Trouble::World(left.join("\n  ")))
}

fn tell(how: How, all: bool, dealt: &LettersDealt, runs: bool) -> Result<(), Trouble> {
    let mut out = anstream::stdout().lock();
    let many = dealt.done.len();
    match how {
        _ if many == 0 && all && dealt.not.is_empty() => writeln!(out, "Nothing was given up.")?,
        _ if many == 0 => {}
        How::Retry if runs => {
            writeln!(out, "{many} taken back and tried now. `flaglink queue list` shows what comes of it.")?;
        }
        How::Retry => writeln!(out, "{many} taken back; to be tried as soon as flaglink runs.")?,
        How::Drop if dealt.with_them == 0 => writeln!(out, "{many} dropped.")?,
        How::Drop => writeln!(out, "{many} dropped, and {} that hung on that.", dealt.with_them)?,
    }
    Ok(())
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
            dead.work.clone().or_else(|| dead.about.clone()).unwrap_or_default(),
            length(dead.age_seconds),
            dead.attempts.to_string(),
            "never".to_owned(),
            dead.reason.clone(),
        ]);
    }
    table.write(&mut out)?;
    what_to_do(&mut out, &queues.dead)?;
    writeln!(
        out,
        "\nWaiting: {} in the inbox, {} to be done once (edges), {} to be brought up to date (levels). Given up: {}.",
        counts.inbox, counts.edges, counts.levels, counts.dead
    )?;
    if counts.dead > 0 {
        writeln!(
            out,
            "What was given up stays until somebody deals with it: `flaglink queue show ID`, then `retry` or `drop`."
        )?;
    }
    if all > shown as u64 {
        writeln!(out, "Only the first {shown} are shown.")?;
    }
    Ok(())
}

/// What to do about each that was given up, where that is known.
fn what_to_do(out: &mut impl Write, dead: &[Dead]) -> Result<(), Trouble> {
    let told: Vec<(u64, &str)> =
        dead.iter().filter_map(|dead| Some((dead.id, dead.todo.as_deref()?))).collect();
    if !told.is_empty() {
        writeln!(out, "\nWhat to do:")?;
    }
    for (id, todo) in told {
        writeln!(out, "  {id}: {}", plain(todo))?;
    }
    Ok(())
}

fn waiting_row(queue: &str, waiting: &Waiting) -> [String; 8] {
    [
        queue.to_owned(),
        waiting.id.map(|id| id.to_string()).unwrap_or_default(),
        waiting.what.clone(),
        waiting.work.clone().or_else(|| waiting.about.clone()).unwrap_or_default(),
        waiting.age_seconds.map(length).unwrap_or_default(),
        waiting.attempts.to_string(),
        waiting.next_try.map_or_else(|| "now".to_owned(), moment),
        waiting.reason.clone().unwrap_or_default(),
    ]
}
