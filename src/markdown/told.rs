//! The reply that tells of changes of flags.

use jiff::Timestamp;

use super::Markdown;
use super::reply::{flag_name, paragraphs, quoted};
use super::state::state_words;
use crate::domain::{Deed, EnvironmentState, Flag};

/// How many people and reasons are named for one thing.
const NAMED: usize = 5;
/// How many lines a reply has; of more it is said how many.
const LINES: usize = 50;

/// One thing about a flag that is told.
pub struct Told<'a> {
    /// The flag.
    pub flag: &'a Flag,
    /// How it is named here.
    pub name: &'a str,
    /// What is otherwise.
    pub news: News<'a>,
    /// Who made it so, the last one last.
    pub deeds: &'a [Deed],
    /// Whether values are shown.
    pub show_values: bool,
}

/// What is otherwise about a flag.
pub enum News<'a> {
    /// Its state in an environment.
    Environment {
        /// Before; `None` where the environment is new.
        was: Option<&'a EnvironmentState>,
        /// Now.
        now: &'a EnvironmentState,
    },
    /// Nothing, though it was meanwhile.
    AsItWas(&'a EnvironmentState),
    /// An environment is gone.
    EnvironmentGone(&'a EnvironmentState),
    /// It was archived (`true`) or restored.
    Archived(bool),
    /// It is not in its flag service any more.
    Missing {
        /// Since when.
        since: Timestamp,
        /// Where it was on, of the environments that are told.
        was_on: Vec<&'a EnvironmentState>,
    },
    /// It is there again.
    Back,
}

/// The reply, one line for each thing. `None` where nothing is otherwise than it was.
pub fn told(all: &[Told<'_>]) -> Option<Markdown> {
    if all.iter().all(|told| matches!(told.news, News::AsItWas(_))) {
        return None;
    }
    let mut lines: Vec<Markdown> = all.iter().take(LINES).map(line).collect();
    if let Some(more) = all.len().checked_sub(LINES).filter(|more| *more > 0) {
        let mut text = Markdown::lit("…and ");
        text.push(Markdown::number(more as u64)).push_lit(" more changes.");
        lines.push(text);
    }
    Some(paragraphs(lines))
}

fn line(told: &Told<'_>) -> Markdown {
    let mut text = Markdown::lit("🚩 ");
    text.push(flag_name(told.flag, told.name, told.show_values));
    let state = |state: &EnvironmentState| state_words(state, told.show_values);
    match &told.news {
        News::Environment { was, now } => {
            text.push_lit(" is now ").push(state(now)).push_lit(" in ").push(quoted(&now.environment));
            if let Some(was) = was {
                text.push_lit(" (was ").push(state(was)).push_lit(")");
            }
        }
        News::AsItWas(now) => {
            text.push_lit(" was changed and changed back in ").push(quoted(&now.environment));
            text.push_lit(": ").push(state(now));
        }
        News::EnvironmentGone(was) => {
            text.push_lit(" lost the environment ").push(quoted(&was.environment));
            text.push_lit(" (was ").push(state(was)).push_lit(")");
        }
        News::Archived(true) => {
            text.push_lit(" was archived");
        }
        News::Archived(false) => {
            text.push_lit(" was restored");
        }
        News::Missing { was_on, .. } => {
            text.push_lit(" is not in ").push(quoted(&told.flag.flag.provider)).push_lit(" any more");
            if !was_on.is_empty() {
                let states = was_on.iter().take(NAMED).map(|was| {
                    let mut words = state(was);
                    words.push_lit(" in ").push(quoted(&was.environment));
                    words
                });
                text.push_lit(" (was ").push(Markdown::join(states, ", ", " and ")).push_lit(")");
            }
        }
        News::Back => {
            text.push_lit(" is back in ").push(quoted(&told.flag.flag.provider));
        }
    }
    let noticed = match told.news {
        News::Missing { since, .. } => Some(since),
        _ => None,
    };
    if let Some(at) = told.deeds.last().map(|deed| deed.at).or(noticed) {
        text.push_lit(", ").push(Markdown::time(at));
    }
    // That a flag is gone or back flaglink has noticed itself.
    if !matches!(told.news, News::Missing { .. } | News::Back) {
        text.push(authors(told.deeds));
    }
    text.push_lit(".");
    text
}

/// Who, and why.
fn authors(deeds: &[Deed]) -> Markdown {
    let mut people: Vec<&str> = Vec::new();
    let mut reasons: Vec<&str> = Vec::new();
    for deed in deeds {
        if let Some(by) = deed.by.as_deref().filter(|by| !people.contains(by)) {
            people.push(by);
        }
        if let Some(reason) = deed.reason.as_deref().filter(|reason| !reasons.contains(reason)) {
            reasons.push(reason);
        }
    }
    let more = people.len() > NAMED;
    let mut names: Vec<Markdown> = people.into_iter().take(NAMED).map(quoted).collect();
    if more {
        names.push(Markdown::lit("others"));
    }
    if deeds.iter().any(|deed| deed.by.is_none()) {
        names.push(Markdown::lit("somebody whom the flag service does not name"));
    }
    let mut text = Markdown::new();
    if !names.is_empty() {
        text.push_lit(", by ").push(Markdown::join(names, ", ", " and "));
    }
    if !reasons.is_empty() {
        let last = reasons.len().saturating_sub(NAMED);
        let reasons = reasons.into_iter().skip(last).map(quoted);
        text.push_lit(" (reason: ").push(Markdown::join(reasons, "; ", "; ")).push_lit(")");
    }
    text
}
