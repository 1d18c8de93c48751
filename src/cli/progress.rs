//! What is being waited for, told on a terminal when it takes longer than a second.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use owo_colors::OwoColorize;
use tokio::task::JoinHandle;

use super::Context;

/// What is over sooner is not told of.
const QUIET: Duration = Duration::from_secs(1);
/// How often the line is written anew.
const TICK: Duration = Duration::from_millis(250);
/// The line never has more columns.
const COLUMNS: usize = 76;

/// Whether the line is on the terminal now.
type Shown = Arc<AtomicBool>;

type Steps = Arc<Mutex<Vec<(u64, String, Instant)>>>;

/// The line that tells. It is gone when this is dropped.
pub(super) struct Progress {
    steps: Steps,
    next: std::sync::atomic::AtomicU64,
    shown: Shown,
    teller: Option<JoinHandle<()>>,
}

/// Something that is waited for, until this is dropped.
pub(super) struct Step {
    steps: Steps,
    shown: Shown,
    id: u64,
}

impl Progress {
    /// Tells on standard error, if that is a terminal that can take a line back.
    pub(super) fn new(context: &Context) -> Self {
        let steps = Steps::default();
        let dumb = context.env.get("TERM").is_some_and(|term| term == "dumb");
        let told = std::io::stderr().is_terminal() && !dumb && !context.json;
        let shown = Shown::default();
        let teller = told.then(|| tokio::spawn(tell(Arc::clone(&steps), Arc::clone(&shown))));
        Self { steps, next: Default::default(), shown, teller }
    }

    /// From now on this is waited for: `asking GitLab`.
    pub(super) fn step(&self, what: impl Into<String>) -> Step {
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        lock(&self.steps).push((id, what.into(), Instant::now()));
        Step { steps: Arc::clone(&self.steps), shown: Arc::clone(&self.shown), id }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(teller) = self.teller.take() {
            teller.abort();
            clear(&self.shown);
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let mut steps = lock(&self.steps);
        steps.retain(|(id, ..)| *id != self.id);
        // Whatever is written next begins on an empty line.
        if steps.is_empty() {
            clear(&self.shown);
        }
    }
}

fn lock(steps: &Steps) -> MutexGuard<'_, Vec<(u64, String, Instant)>> {
    steps.lock().unwrap_or_else(PoisonError::into_inner)
}

fn clear(shown: &AtomicBool) {
    if !shown.swap(false, Ordering::Relaxed) {
        return;
    }
    let _ = write!(std::io::stderr(), "\r\u{1b}[K");
}

async fn tell(steps: Steps, shown: Shown) {
    let mut ticks = tokio::time::interval(TICK);
    loop {
        ticks.tick().await;
        let (waiting, oldest) = {
            let steps = lock(&steps);
            let long = steps.iter().filter(|(_, _, since)| since.elapsed() >= QUIET);
            let oldest = long.clone().map(|(_, _, since)| since.elapsed().as_secs()).max();
            (long.map(|(_, what, _)| what.clone()).collect::<Vec<_>>().join(", "), oldest)
        };
        let Some(seconds) = oldest else {
            clear(&shown);
            continue;
        };
        shown.store(true, Ordering::Relaxed);
        // The line's own way back is written raw: where there is no colour there still is a cursor.
        let mut err = std::io::stderr().lock();
        let line: String = format!("… {waiting} ({seconds} s)").chars().take(COLUMNS).collect();
        let _ = write!(err, "\r\u{1b}[K");
        let _ = write!(anstream::AutoStream::auto(&mut err), "{}", line.dimmed());
        let _ = err.flush();
    }
}
