//! The reply that tells of changes of flags.

use jiff::Timestamp;

use super::reply::{flag_name, paragraphs, quoted};
use super::state::state_words;
use super::text::{Part, and_list, phrase};
use super::{Markdown, history, overrides};
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
    let lines = lines_of(all);
    let mut shown: Vec<Markdown> = lines.iter().take(LINES).map(line).collect();
    if let Some(more) = lines.len().checked_sub(LINES).filter(|more| *more > 0) {
        shown.push(phrase("told_more", [("count", more.into())]));
    }
    Some(paragraphs(shown))
}

/// One line: a thing, or the environments of a flag in which the same changed without showing.
struct Line<'a> {
    told: &'a Told<'a>,
    unseen: Option<Unseen<'a>>,
    deeds: Vec<&'a Deed>,
}

/// What changed without showing in what the state says.
struct Unseen<'a> {
    what: Markdown,
    environments: Vec<&'a EnvironmentState>,
}

/// What changed in the same way everywhere is one line: variants belong to the flag. So is that they changed in several environments.
fn lines_of<'a>(all: &'a [Told<'a>]) -> Vec<Line<'a>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for told in all {
        let new = unseen(told).or_else(|| of_variants(told, all));
        let same = lines.iter_mut().find(|line| {
            let here = line.unseen.as_ref().map(|known| &known.what);
            here.is_some()
                && here == new.as_ref().map(|new| &new.what)
                && line.told.flag.flag == told.flag.flag
        });
        match (same.and_then(|line| Some((line.unseen.as_mut()?, &mut line.deeds))), new) {
            (Some((known, deeds)), Some(new)) => {
                known.environments.extend(new.environments);
                deeds.extend(told.deeds);
                deeds.sort_by_key(|deed| deed.at);
            }
            (_, new) => lines.push(Line { told, unseen: new, deeds: told.deeds.iter().collect() }),
        }
    }
    lines
}

fn unseen<'a>(told: &'a Told<'a>) -> Option<Unseen<'a>> {
    let News::Environment { was: Some(was), now } = told.news else { return None };
    let words = |state| state_words(state, told.show_values);
    let same = words(was) == words(now);
    same.then(|| Unseen { what: history::unseen(was, now, told.show_values), environments: vec![now] })
}

/// Only its variants changed, and so they did in other environments.
fn of_variants<'a>(told: &'a Told<'a>, all: &[Told<'a>]) -> Option<Unseen<'a>> {
    let is_of = |one: &&Told<'_>| one.flag.flag == told.flag.flag && only_variants(one).is_some();
    let now = only_variants(told).filter(|_| all.iter().filter(is_of).count() > 1)?;
    Some(Unseen { what: phrase("variants_changed", []), environments: vec![now] })
}

fn only_variants<'a>(told: &Told<'a>) -> Option<&'a EnvironmentState> {
    let News::Environment { was: Some(was), now } = told.news else { return None };
    let others = |state: &EnvironmentState| {
        state_words(&EnvironmentState { variants: Vec::new(), ..state.clone() }, told.show_values)
    };
    let same_overrides = was.override_changes(now).is_empty();
    (was.variants != now.variants && others(was) == others(now) && same_overrides).then_some(now)
}

fn line(line: &Line<'_>) -> Markdown {
    let missing_since = match line.told.news {
        News::Missing { since, .. } => Some(since),
        _ => None,
    };
    // What was changed there before is not what is told.
    let deeds = if matches!(line.told.news, News::EnvironmentGone(_)) { &[] } else { line.deeds.as_slice() };
    let last = deeds.last();
    let at = last.map(|deed| deed.at).or(missing_since);
    let noticed = last.map_or(at.is_some(), |deed| deed.noticed_at == Some(deed.at));
    let known = deeds.iter().any(|deed| deed.by.is_some());
    let people = match line.told.news {
        // This flaglink has noticed itself. Who did it is told where somebody says it.
        News::Missing { .. } | News::Back | News::Environment { was: None, .. } if !known => Markdown::new(),
        _ => people(deeds),
    };
    let what = match &line.unseen {
        Some(unseen) => what_unseen(line.told, unseen),
        None => what(line.told),
    };
    phrase(
        "told",
        [
            ("what", what.into()),
            ("time", at.map(Markdown::time).into()),
            ("noticed", noticed.into()),
            ("people", people.into()),
            ("reasons", reasons(deeds).into()),
        ],
    )
}

fn what_unseen(told: &Told<'_>, unseen: &Unseen<'_>) -> Markdown {
    let all = &unseen.environments;
    let mut names: Vec<Markdown> = all.iter().take(NAMED).map(|state| quoted(&state.environment)).collect();
    if let Some(more) = all.len().checked_sub(NAMED).filter(|more| *more > 0) {
        names.push(phrase("told_more_environments", [("count", more.into())]));
    }
    // Where it is said of several, each has its own state.
    let now = match all.as_slice() {
        [only] => Some(state_words(only, told.show_values)),
        _ => None,
    };
    phrase(
        "told_unseen",
        [
            ("flag", flag_name(told.flag, told.name, told.show_values).into()),
            ("changed", unseen.what.clone().into()),
            ("environments", and_list(names).into()),
            ("now", now.into()),
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
            [
                flag,
                environment(now),
                ("now", state(now).into()),
                ("was", was.map(state).into()),
                (
                    "overrides",
                    was.map(|was| overridden(was, now, told.show_values)).unwrap_or_default().into(),
                ),
            ],
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

/// Which overrides are otherwise.
fn overridden(was: &EnvironmentState, now: &EnvironmentState, show_values: bool) -> Vec<Markdown> {
    overrides::changes(was, now, show_values, Markdown::code)
}

/// Who.
fn people(deeds: &[&Deed]) -> Markdown {
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
fn reasons(deeds: &[&Deed]) -> Markdown {
    let mut reasons: Vec<&str> = Vec::new();
    for reason in deeds.iter().filter_map(|deed| deed.reason.as_deref()) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    let first = reasons.len().saturating_sub(NAMED);
    Markdown::join(reasons.into_iter().skip(first).map(quoted), "; ", "; ")
}
