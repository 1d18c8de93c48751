//! Questions on a terminal: one line each, and secrets without echo. Without a terminal a missing answer is an error that names
//! its flag.

use std::io::{self, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::sync::Arc;

use owo_colors::OwoColorize;
use rustix::termios::{self, LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use secrecy::SecretString;

use super::interrupt::Interrupt;
use crate::cli::Trouble;
use crate::cli::screen::{error_width, fold};
use crate::cli::words::plain;

/// The longest answer, in letters.
const MOST: usize = 4096;

/// Who is asked.
pub(super) struct Asker {
    terminal: bool,
    yes: bool,
    interrupt: Arc<Interrupt>,
}

/// A question.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    /// What is asked.
    pub(super) words: &'a str,
    /// What is good to know for the answer; empty: nothing.
    pub(super) help: &'a str,
    /// The flag that answers it, or the variable.
    pub(super) flag: &'a str,
}

impl Asker {
    /// Whoever sits at the terminal, if there is one. `yes`: takes what is proposed.
    pub(super) fn new(yes: bool, interrupt: Arc<Interrupt>) -> Self {
        Self { terminal: io::stdin().is_terminal() && io::stderr().is_terminal(), yes, interrupt }
    }

    /// Whether somebody can be asked.
    pub(super) fn somebody(&self) -> bool {
        self.terminal
    }

    /// Says something between the questions.
    pub(super) fn say(&self, text: &str) {
        if self.terminal {
            let _ = writeln!(anstream::stderr(), "  {}", fold(&plain(text), error_width(), 2, 2));
        }
    }

    /// Says that something was looked at and is good.
    pub(super) fn good(&self, text: &str) {
        if self.terminal {
            let text = fold(&plain(text), error_width(), 4, 4);
            let _ = writeln!(anstream::stderr(), "  {} {text}", "✔".green());
        }
    }

    /// Says that something was looked at and wants attention.
    pub(super) fn warn(&self, text: &str) {
        if self.terminal {
            let text = fold(&plain(text), error_width(), 4, 4);
            let _ = writeln!(anstream::stderr(), "  {} {text}", "⚠".yellow().bold());
        }
    }

    /// An answer does not do: whoever typed it is asked again, all others get the error, also who takes what is proposed: it would be
    /// proposed again.
    pub(super) fn refuse(&self, question: Question<'_>, typed: bool, why: &str) -> Result<(), Trouble> {
        if self.terminal && typed && !self.yes {
            let why = fold(&plain(why), error_width(), 4, 4);
            let _ = writeln!(anstream::stderr(), "  {} {why}", "✘".red().bold());
            return Ok(());
        }
        Err(Trouble::Arguments(format!("{}: {why}", question.flag)))
    }

    /// A line; empty means what is proposed.
    pub(super) fn line(&self, question: Question<'_>, proposed: Option<&str>) -> Result<String, Trouble> {
        if let Some(proposed) = proposed.filter(|_| self.yes) {
            return Ok(proposed.to_owned());
        }
        self.must_be_there(question, proposed)?;
        loop {
            self.ask(question, proposed)?;
            let mut line = String::new();
            let read = io::stdin().read_line(&mut line).map_err(|error| unread(&error))?;
            if read == 0 {
                return Err(left());
            }
            let answer: String =
                line.trim().chars().filter(|letter| !letter.is_control()).take(MOST).collect();
            match (answer.is_empty(), proposed) {
                (false, _) => return Ok(answer),
                (true, Some(proposed)) => return Ok(proposed.to_owned()),
                (true, None) => {}
            }
        }
    }

    /// A secret, which is not shown while it is typed or pasted.
    pub(super) fn secret(&self, question: Question<'_>) -> Result<SecretString, Trouble> {
        self.must_be_there(question, None)?;
        loop {
            // Hidden before it is asked for: what is pasted at once is not shown either.
            let _hidden = Hidden::begin(&self.interrupt)?;
            self.ask(question, None)?;
            let secret = unseen()?;
            let _ = writeln!(io::stderr());
            if !secret.is_empty() {
                return Ok(secret.into());
            }
        }
    }

    /// Yes or no; `true` is proposed, and taken where nobody can be asked.
    pub(super) fn confirm(&self, words: &str) -> Result<bool, Trouble> {
        if self.yes || !self.terminal {
            return Ok(true);
        }
        let question = Question { words, help: "", flag: "--yes" };
        loop {
            match self.line(question, Some("yes"))?.to_lowercase().as_str() {
                "y" | "yes" | "j" | "ja" | "o" | "oui" | "s" | "si" => return Ok(true),
                "n" | "no" | "nein" | "non" | "not" => return Ok(false),
                // A slip would throw all answers away.
                _ => self.refuse(question, true, "answer yes or no")?,
            }
        }
    }

    fn must_be_there(&self, question: Question<'_>, proposed: Option<&str>) -> Result<(), Trouble> {
        if self.terminal {
            return Ok(());
        }
        let or = match proposed {
            Some(proposed) => format!(", or --yes for `{}`", plain(proposed)),
            None => String::new(),
        };
        Err(Trouble::Arguments(format!(
            "nobody can be asked here, and this is not answered yet: {} Give it with {}{or}.",
            question.words, question.flag
        )))
    }

    fn ask(&self, question: Question<'_>, proposed: Option<&str>) -> Result<(), Trouble> {
        let mut err = anstream::stderr();
        let words = fold(question.words, error_width(), 2, 2);
        let mut ask = || -> io::Result<()> {
            writeln!(err)?;
            writeln!(err, "{} {}", "?".cyan().bold(), words.bold())?;
            for line in question.help.lines() {
                writeln!(err, "  {}", fold(line, error_width(), 2, 2).dimmed())?;
            }
            match proposed {
                Some(proposed) => write!(err, "  {} ", format!("[{}]", plain(proposed)).dimmed())?,
                None => write!(err, "  ")?,
            }
            err.flush()
        };
        ask().map_err(Trouble::from)
    }
}

fn unread(error: &io::Error) -> Trouble {
    Trouble::World(format!("the answer cannot be read: {error}"))
}

/// Whoever was asked has gone.
fn left() -> Trouble {
    Trouble::World("nothing was written: the questions were not answered to their end.".to_owned())
}

/// The terminal shows nothing of what is typed, until this is dropped.
struct Hidden<'a> {
    before: Termios,
    interrupt: &'a Interrupt,
}

impl<'a> Hidden<'a> {
    /// Ctrl-C is read as a letter meanwhile; what else ends the process gives the terminal its echo back.
    fn begin(interrupt: &'a Interrupt) -> Result<Self, Trouble> {
        let cannot = |error: rustix::io::Errno| {
            Trouble::World(format!("the terminal cannot hide what is typed: {error}"))
        };
        let stdin = io::stdin();
        let before = termios::tcgetattr(stdin.as_fd()).map_err(cannot)?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        hidden.special_codes[SpecialCodeIndex::VMIN] = 1;
        interrupt.hide(Some(before.clone()));
        termios::tcsetattr(stdin.as_fd(), OptionalActions::Now, &hidden).map_err(cannot)?;
        Ok(Self { before, interrupt })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(io::stdin().as_fd(), OptionalActions::Now, &self.before);
        self.interrupt.hide(None);
    }
}

/// A line that is not shown.
fn unseen() -> Result<String, Trouble> {
    let mut typed: Vec<u8> = Vec::new();
    for byte in io::stdin().lock().bytes() {
        match byte.map_err(|error| unread(&error))? {
            b'\n' | b'\r' => return Ok(String::from_utf8_lossy(&typed).into_owned()),
            // Ctrl-C and Ctrl-D.
            3 | 4 => return Err(left()),
            // Backspace, and Ctrl-U for all of it.
            8 | 127 => drop(typed.pop()),
            21 => typed.clear(),
            byte if typed.len() < MOST => typed.push(byte),
            _ => {}
        }
    }
    Err(left())
}
