//! The panel: flags by environment, and the last changes in a fold.
//!
//! Few environments make a table, as wide as there are environments. More of them would not fit into GitLab's
//! column, so each flag is a short list then: one line per state, with the environments that are in it.

use std::collections::HashSet;

use url::Url;

use super::history;
use super::panel_view::{PanelFlag, PanelView, SHOWN_FLAGS};
use super::state::{ENVIRONMENT_LIMIT, KEY_LIMIT, NAME_LIMIT, state_words};
use super::templates::Templates;
use super::text::{Markdown, PANEL_LIMIT};
use super::text::{Part, phrase};
use crate::domain::{CommentText, EnvironmentState, FlagState, command_line};

/// More environments than this make lists instead of a table.
const TABLE_ENVIRONMENTS: usize = 8;
/// More environments of one flag than this are counted, not shown (in lists).
const LISTED_ENVIRONMENTS: usize = 100;
/// How long the table or the lists may get, in characters; the fold needs the rest of [`PANEL_LIMIT`].
const STATES_LIMIT: usize = 600_000;

/// The panel's text. With no flags left it says that the last one was unlinked.
pub fn panel(view: &PanelView<'_>) -> CommentText {
    text(view).finish_within(PANEL_LIMIT)
}

/// The same in those words.
pub fn panel_in(view: &PanelView<'_>, templates: &Templates) -> CommentText {
    text(view).in_words(templates, PANEL_LIMIT).finish_within(PANEL_LIMIT)
}

pub(super) fn text(view: &PanelView<'_>) -> Markdown {
    let mut out = phrase("heading", []);
    out.push_lit("\n\n");
    if view.flags.is_empty() {
        out.push(phrase("nothing_linked", [])).push_lit("\n");
    } else {
        let environments = environments(view);
        let (states, shown) =
            if environments.len() > TABLE_ENVIRONMENTS { lists(view) } else { table(view, &environments) };
        out.push(states);
        let more = view.flags.len().saturating_sub(shown);
        if more > 0 {
            out.push_lit("\n").push(phrase("more_flags", [("count", more.into())])).push_lit("\n");
        }
    }
    let fold = history::fold(view);
    if !fold.is_empty() {
        out.push_lit("\n").push(fold);
    }
    out.push_lit("\n").push(phrase(if view.flags.is_empty() { "footer_empty" } else { "footer" }, []));
    out
}

/// The environments of all flags, in the order in which they first come up. One more than fits into a table
/// is enough: nobody asks for the others.
///
/// Services spell them differently: what one calls `Production` and another `production` is one column, unless there is a flag
/// that has both.
fn environments<'a>(view: &PanelView<'a>) -> Vec<&'a str> {
    let twins = twins(view);
    let mut names: Vec<&str> = Vec::new();
    for env in view.flags.iter().filter_map(PanelFlag::known).flat_map(|state| &state.environments) {
        if names.len() > TABLE_ENVIRONMENTS {
            break;
        }
        let name = env.environment.as_str();
        match column_of(&names, name) {
            Some(column) if names.get(column) == Some(&name) => {}
            Some(_) if !twins.contains(&name.to_ascii_lowercase()) => {}
            _ => names.push(name),
        }
    }
    names
}

/// The column of an environment: that of its name, else that of its name in other letter case.
fn column_of(columns: &[&str], name: &str) -> Option<usize> {
    let exact = columns.iter().position(|column| *column == name);
    exact.or_else(|| columns.iter().position(|column| column.eq_ignore_ascii_case(name)))
}

/// In small letters, the names that a flag gives to several of its environments, in other letter case each.
fn twins(view: &PanelView<'_>) -> HashSet<String> {
    let mut twins = HashSet::new();
    for state in view.flags.iter().filter_map(PanelFlag::known) {
        let mut names = HashSet::new();
        for env in &state.environments {
            let name = env.environment.to_ascii_lowercase();
            if !names.insert(name.clone()) {
                twins.insert(name);
            }
        }
    }
    twins
}

/// The table, and how many flags are in it.
fn table(view: &PanelView<'_>, environments: &[&str]) -> (Markdown, usize) {
    let mut out = Markdown::lit("| ");
    out.push(phrase("column_flag", [])).push_lit(" |");
    if environments.is_empty() {
        out.push_lit(" ").push(phrase("column_state", [])).push_lit(" |");
    }
    for name in environments {
        out.push_lit(" ").push(Markdown::code(name, ENVIRONMENT_LIMIT)).push_lit(" |");
    }
    out.push_lit("\n|");
    for _ in 0..environments.len().max(1) + 1 {
        out.push_lit(" :-- |");
    }
    out.push_lit("\n");

    shown(view, out, |flag| {
        let mut row = Markdown::lit("| ");
        row.push(flag.linked_name(view.show_values));
        for remark in flag.remarks() {
            row.push_lit("<br>").push(remark);
        }
        row.push_lit(" |");
        if environments.is_empty() {
            row.push_lit(" ").push(flag.without_environments()).push_lit(" |");
        }
        for column in 0..environments.len() {
            row.push_lit(" ").push(flag.cell(environments, column, view.show_values)).push_lit(" |");
        }
        row.push_lit("\n");
        row
    })
}

/// The lists, and how many flags are in them.
fn lists(view: &PanelView<'_>) -> (Markdown, usize) {
    shown(view, Markdown::new(), |flag| {
        let mut item = Markdown::lit("- ");
        item.push(flag.linked_name(view.show_values));
        for remark in flag.remarks() {
            item.push_lit(", ").push(remark);
        }
        item.push_lit("\n");
        let Some(state) = flag.known().filter(|state| !state.environments.is_empty()) else {
            if flag.missing_since.is_none() {
                item.push_lit("  - ").push(flag.without_environments()).push_lit("\n");
            }
            return item;
        };
        for (words, names) in by_state(&state.environments, view.show_values) {
            let names = names.into_iter().map(|name| Markdown::code(name, ENVIRONMENT_LIMIT));
            let environments = Markdown::join(names, ", ", ", ");
            let state = phrase("state_in", [("state", words.into()), ("environments", environments.into())]);
            item.push_lit("  - ").push(state).push_lit("\n");
        }
        let more = state.environments.len().saturating_sub(LISTED_ENVIRONMENTS);
        if more > 0 {
            let more = phrase("more_environments", [("count", more.into())]);
            item.push_lit("  - ").push(more).push_lit("\n");
        }
        item
    })
}

/// The environments by what their state is in words, each state where it first comes up.
fn by_state(environments: &[EnvironmentState], show_values: bool) -> Vec<(Markdown, Vec<&str>)> {
    let mut groups: Vec<(Markdown, Vec<&str>)> = Vec::new();
    for env in environments.iter().take(LISTED_ENVIRONMENTS) {
        let words = state_words(env, show_values);
        match groups.iter_mut().find(|(known, _)| *known == words) {
            Some((_, names)) => names.push(&env.environment),
            None => groups.push((words, vec![&env.environment])),
        }
    }
    groups
}

/// Appends `one` of each flag as far as there is room, and says how many there were.
fn shown(
    view: &PanelView<'_>,
    mut out: Markdown,
    one: impl Fn(&PanelFlag<'_>) -> Markdown,
) -> (Markdown, usize) {
    let mut length = out.chars();
    let mut shown = 0;
    for flag in view.flags.iter().take(SHOWN_FLAGS) {
        let part = one(flag);
        length += part.chars();
        if length > STATES_LIMIT {
            break;
        }
        out.push(part);
        shown += 1;
    }
    (out, shown)
}

impl<'a> PanelFlag<'a> {
    /// The state that is shown: a flag that is not there any more has none.
    fn known(&self) -> Option<&'a FlagState> {
        if self.missing_since.is_some() { None } else { self.state }
    }

    /// Its name, with a link to its page; where it has no page of its own, to that of its first environment. Where values
    /// are hidden there is no link to pages whose address gives them away.
    fn linked_name(&self, show_values: bool) -> Markdown {
        let name = Markdown::code(&self.name, KEY_LIMIT);
        if !show_values && !self.flag.public_page {
            return name;
        }
        let of_environment =
            || self.known()?.environments.iter().find_map(|environment| environment.url.as_deref());
        match self.flag.url.as_deref().or_else(of_environment).and_then(|url| Url::parse(url).ok()) {
            Some(url) => Markdown::link(name, &url),
            None => name,
        }
    }

    /// What has to be said about the whole flag.
    fn remarks(&self) -> Vec<Markdown> {
        let mut remarks = Vec::new();
        if self.state.map_or(self.flag.archived, |state| state.archived) {
            remarks.push(phrase("archived", []));
        }
        if self.known().is_some_and(|state| state.stale) {
            remarks.push(phrase("stale", []));
        }
        let provider = || ("provider", Part::from(Markdown::code(&self.flag.flag.provider, NAME_LIMIT)));
        if let Some(since) = self.missing_since {
            remarks.push(phrase("missing", [provider(), ("time", Markdown::time(since).into())]));
        }
        if self.made_again {
            let command = Markdown::code(&command_line("link", &self.name), 2 * KEY_LIMIT);
            remarks.push(phrase("made_again", [("command", command.into())]));
        }
        if self.unwatched {
            remarks.push(phrase("unwatched", [provider()]));
        }
        remarks
    }

    /// What is said in place of environments.
    fn without_environments(&self) -> Markdown {
        match self.state {
            _ if self.missing_since.is_some() => Markdown::lit("–"),
            Some(_) => phrase("no_environments", []),
            None => phrase("not_known_yet", []),
        }
    }

    /// Its state in the environment of that column.
    fn cell(&self, columns: &[&str], column: usize, show_values: bool) -> Markdown {
        let here = |env: &&EnvironmentState| column_of(columns, &env.environment) == Some(column);
        match self.known() {
            Some(state) => match state.environments.iter().find(here) {
                Some(env) => state_words(env, show_values),
                None => Markdown::lit("–"),
            },
            None if self.missing_since.is_some() => Markdown::lit("–"),
            None => phrase("not_known_yet", []),
        }
    }
}
