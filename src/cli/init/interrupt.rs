//! Whoever sits there wants to stop: the terminal shows again what is typed, and it is said what stands.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use rustix::termios::{self, OptionalActions, Termios};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::trouble::{Trouble, tell};

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing is written.
    Asking,
    /// The files are being written.
    Writing,
    /// They are there, and webhooks are being registered.
    Registering,
}

/// What is to be known when a signal comes.
pub(super) struct Interrupt {
    stage: Mutex<Stage>,
    /// How the terminal was before it showed nothing of what is typed.
    hidden: Mutex<Option<Termios>>,
}

impl Interrupt {
    /// Ends the process in good order on SIGINT, SIGTERM and SIGHUP from now on.
    ///
    /// On a thread of its own, because an answer is waited for without anything else going on.
    pub(super) fn watch() -> Arc<Self> {
        let this = Arc::new(Self { stage: Mutex::new(Stage::Asking), hidden: Mutex::default() });
        let (ready, is_ready) = mpsc::channel();
        let watched = Arc::clone(&this);
        // Where that cannot be had a signal ends the process as it always does.
        std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
                let Ok([mut interrupt, mut terminate, mut hangup]) = all(kinds.map(signal)) else { return };
                let _ = ready.send(());
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = hangup.recv() => {}
                }
                watched.end();
            });
        });
        let _ = is_ready.recv();
        this
    }

    /// It has come so far.
    pub(super) fn reach(&self, stage: Stage) {
        *lock(&self.stage) = stage;
    }

    /// The terminal shows nothing of what is typed from now on, and was so before; `None`: it shows it again.
    pub(super) fn hide(&self, before: Option<Termios>) {
        *lock(&self.hidden) = before;
    }

    fn end(&self) -> ! {
        if let Some(before) = lock(&self.hidden).take() {
            let _ = termios::tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &before);
        }
        if io::stderr().is_terminal() {
            let _ = write!(io::stderr(), "\r\u{1b}[K\n");
        }
        let stage = *lock(&self.stage);
        tell(&Trouble::World(words(stage).to_owned()));
        std::process::exit(1)
    }
}

fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Asking => "stopped: nothing was written.",
        Stage::Writing => {
            "stopped while the files were written: run `flaglink init` again, which writes what is missing."
        }
        Stage::Registering => {
            "stopped while webhooks were registered: the configuration is written, and some of the webhooks may be there. Run \
             `flaglink init` again: it finds those, and makes no second one."
        }
    }
}

fn all<T>(each: [io::Result<T>; 3]) -> io::Result<[T; 3]> {
    let [one, two, three] = each;
    Ok([one?, two?, three?])
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
