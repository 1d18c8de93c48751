//! The reply that tells of changes of flags.

use jiff::Timestamp;

use super::Markdown;
use super::phrase::{Part, and_list, phrase};
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
        lines.push(phrase("told_more", [("count", more.into())]));
    }
    Some(paragraphs(lines))
}

fn line(told: &Told<'_>) -> Markdown {
    let noticed = match told.news {
        News::Missing { since, .. } => Some(since),
        _ => None,
    };
    let at = told.deeds.last().map(|deed| deed.at).or(noticed);
    // That a flag is gone or back flaglink has noticed itself.
    let people = match told.news {
        News::Missing { .. } | News::Back => Markdown::new(),
        _ => people(told.deeds),
    };
    phrase(
        "told",
        [
            ("what", what(told).into()),
            ("time", at.map(Markdown::time).into()),
            ("people", people.into()),
            ("reasons", reasons(told.deeds).into()),
        ],
    )
}

fn what(told: &Told<'_>) -> Markdown {
    let flag = ("flag", Part::from(flag_name(told.flag, told.name, told.show_values)));
    let state = |state: &EnvironmentState| state_words(state, told.show_values);
    let environment = |state: &EnvironmentState| ("environment", Part::from(quoted(&state.environment)));
    let provider = ("provider", Part::from(quoted(&told.flag.flag.provider)));
    match &told.news {
        News::Environment { was, now } => phrase(
            "told_environment",
            [flag, environment(now), ("now", state(now).into()), ("was", was.map(state).into())],
        ),
        News::AsItWas(now) => phrase("told_as_it_was", [flag, environment(now), ("now", state(now).into())]),
        News::EnvironmentGone(was) => {
            phrase("told_environment_gone", [flag, environment(was), ("was", state(was).into())])
        }
        News::Archived(true) => phrase("told_archived", [flag]),
        News::Archived(false) => phrase("told_restored", [flag]),
        News::Missing { was_on, .. } => {
            let states = was_on
                .iter()
                .take(NAMED)
                .map(|was| phrase("told_was_on", [("state", state(was).into()), environment(was)]));
            phrase("told_missing", [flag, provider, ("was_on", and_list(states).into())])
        }
        News::Back => phrase("told_back", [flag, provider]),
    }
}

/// Who.
fn people(deeds: &[Deed]) -> Markdown {
    let mut people: Vec<&str> = Vec::new();
    for by in deeds.iter().filter_map(|deed| deed.by.as_deref()) {
        if !people.contains(&by) {
            people.push(by);
        }
    }
    let more = people.len() > NAMED;
    let mut names: Vec<Markdown> = people.into_iter().take(NAMED).map(quoted).collect();
    if more {
        names.push(phrase("told_others", []));
    }
    if deeds.iter().any(|deed| deed.by.is_none()) {
        names.push(phrase("told_somebody", []));
    }
    and_list(names)
}

/// Why: the last reasons that were given.
fn reasons(deeds: &[Deed]) -> Markdown {
    let mut reasons: Vec<&str> = Vec::new();
    for reason in deeds.iter().filter_map(|deed| deed.reason.as_deref()) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let first = reasons.len().saturating_sub(NAMED);
    Markdown::join(reasons.into_iter().skip(first).map(quoted), "; ", "; ")
}
