//! What the bot answers: one or two sentences that say what happened and what to write next.

use jiff::Timestamp;
use url::Url;

use super::Markdown;
use super::state::state_words;
use super::text::{and_list, or_list, phrase};
use crate::domain::{Flag, FlagState, NoteSource, command_line};

/// Longest key shown in a reply, in characters.
const KEY: usize = 250;
/// Longest piece of other outside text shown in a reply, in characters.
const TEXT: usize = 160;

/// Outside text, as it stands in a reply.
pub fn quoted(text: &str) -> Markdown {
    Markdown::code(text, TEXT)
}

/// A flag's key.
pub fn key(text: &str) -> Markdown {
    Markdown::code(text, KEY)
}

/// A line that the person can copy: a command with what belongs behind it.
pub fn line(command: &str) -> Markdown {
    Markdown::code(command, KEY + TEXT)
}

/// What a reply begins with: a link to the text that it answers, so that a plain note says what it is about.
pub fn opening(source: NoteSource) -> Markdown {
    let command = match source {
        NoteSource::Note(id) => Markdown::note_link(phrase("your_command", []), id),
        NoteSource::Description => phrase("command_in_description", []),
    };
    let mut text = phrase("opening", [("command", command.into())]);
    text.push_lit(" ");
    text
}

/// Puts sentences behind each other.
pub fn sentences(parts: impl IntoIterator<Item = Markdown>) -> Markdown {
    Markdown::join(parts.into_iter().filter(|part| !part.is_empty()), " ", " ")
}

/// Puts paragraphs below each other.
pub fn paragraphs(parts: impl IntoIterator<Item = Markdown>) -> Markdown {
    Markdown::join(parts.into_iter().filter(|part| !part.is_empty()), "\n\n", "\n\n")
}

/// A bulleted list below what was said before.
pub fn bullets(items: impl IntoIterator<Item = Markdown>) -> Markdown {
    let mut list = Markdown::new();
    for item in items {
        list.push_lit("\n- ").push(item);
    }
    list
}

/// Names, `a, b and c`.
pub fn names<'a>(keys: impl IntoIterator<Item = &'a str>) -> Markdown {
    and_list(keys.into_iter().map(key))
}

/// There is no such flag, and what there is instead.
pub fn no_such_flag(
    providers: &[&str],
    wanted: &str,
    near: &[String],
    write: &dyn Fn(&str) -> String,
) -> Markdown {
    let command = near.first().map(|first| line(&write(first)));
    phrase(
        "no_such_flag",
        [
            ("providers", and_list(providers.iter().map(|name| quoted(name))).into()),
            ("several", (providers.len() > 1).into()),
            ("wanted", key(wanted).into()),
            ("near", or_list(near.iter().map(|near| key(near))).into()),
            ("command", command.into()),
            ("search", line("/flag search TEXT").into()),
        ],
    )
}

/// A key that more than one provider has.
pub fn which_one(wanted: &str, choices: &[String], write: &dyn Fn(&str) -> String) -> Markdown {
    let commands = or_list(choices.iter().map(|choice| line(&write(choice))));
    phrase("which_one", [("wanted", key(wanted).into()), ("commands", commands.into())])
}

/// The flag of that key that is linked there is gone in its service, and another service has one of the same key.
pub fn gone_there(provider: &str, wanted: &str, command: &str) -> Markdown {
    phrase(
        "gone_there",
        [
            ("provider", quoted(provider).into()),
            ("wanted", key(wanted).into()),
            ("command", line(command).into()),
        ],
    )
}

/// A role is missing.
pub fn needs_role(what: &'static str, needed: &'static str, has: &'static str) -> Markdown {
    phrase("needs_role", [("what", what.into()), ("needed", needed.into()), ("has", has.into())])
}

/// Nobody may do this here; `key` of the configuration says so.
pub fn nobody_may(what: &'static str, key: &'static str) -> Markdown {
    phrase("nobody_may", [("what", what.into()), ("key", Markdown::code(key, 40).into())])
}

/// A flag service that does not answer; the command is kept.
pub fn waiting(provider: &str, why: &str) -> Markdown {
    phrase("waiting", [("provider", quoted(provider).into()), ("why", quoted(why).into())])
}

/// A command that waited for a day.
pub fn too_late() -> Markdown {
    phrase("too_late", [])
}

/// A command that an admin took out of the queue.
pub fn dropped() -> Markdown {
    phrase("dropped", [])
}

/// The same, where a switch had begun and nobody knows what came of it.
pub fn dropped_unknown() -> Markdown {
    phrase("dropped_unknown", [])
}

/// The text was edited by somebody else.
pub fn edited_by_another() -> Markdown {
    phrase("edited_by_another", [])
}

/// An internal note changes nothing.
pub fn internal_changes_nothing() -> Markdown {
    phrase("internal_changes_nothing", [])
}

/// The same, where something else is changed than what is linked.
pub fn internal_does_nothing(command: &str) -> Markdown {
    phrase("internal_does_nothing", [("command", line(&format!("/flag {command}")).into())])
}

/// The reply budget is used up.
pub fn budget() -> Markdown {
    phrase("budget", [])
}

/// A flag's name, as a link to its page. Where values are hidden so is a page whose address gives them away.
pub fn flag_name(flag: &Flag, name: &str, show_values: bool) -> Markdown {
    match flag.url.as_deref().filter(|_| show_values || flag.public_page).and_then(|url| Url::parse(url).ok())
    {
        Some(url) => Markdown::link(key(name), &url),
        None => key(name),
    }
}

/// One flag in every environment, in one line.
pub fn flag_line(flag: &Flag, name: &str, state: Option<&FlagState>, show_values: bool) -> Markdown {
    flag_line_with(flag, name, state, None, show_values)
}

/// One that is not there any more, though its service has another of the same key.
pub fn flag_made_again(flag: &Flag, name: &str, show_values: bool) -> Markdown {
    flag_line_with(flag, name, None, Some(command_line("link", name)), show_values)
}

fn flag_line_with(
    flag: &Flag,
    name: &str,
    state: Option<&FlagState>,
    command: Option<String>,
    show_values: bool,
) -> Markdown {
    let cells = state.iter().flat_map(|state| &state.environments).map(|env| {
        let mut cell = quoted(&env.environment);
        cell.push_lit(" ").push(state_words(env, show_values));
        cell
    });
    phrase(
        "flag_line",
        [
            ("flag", flag_name(flag, name, show_values).into()),
            ("gone", state.is_none().into()),
            ("command", command.map(|command| line(&command)).into()),
            ("archived", state.is_some_and(|state| state.archived).into()),
            ("stale", state.is_some_and(|state| state.stale).into()),
            ("none", state.is_some_and(|state| state.environments.is_empty()).into()),
            ("states", Markdown::join(cells, "; ", "; ").into()),
        ],
    )
}

/// A flag with its description, for search results.
pub fn found_line(flag: &Flag, name: &str, show_values: bool) -> Markdown {
    let description = flag.description.as_deref().filter(|text| !text.trim().is_empty());
    phrase(
        "found_line",
        [
            ("flag", flag_name(flag, name, show_values).into()),
            ("archived", flag.archived.into()),
            ("description", description.map(quoted).into()),
        ],
    )
}

/// What is said above a list.
pub fn above_states() -> Markdown {
    above("state_now")
}

/// What is said above the list of links.
pub fn above_links() -> Markdown {
    above("linked_here")
}

/// What is said above what a search has found.
pub fn above_found() -> Markdown {
    above("found")
}

fn above(name: &'static str) -> Markdown {
    let mut text = phrase(name, []);
    text.push_lit("\n");
    text
}

/// One link in the list of them; `flag` is how it is named.
pub fn linked_line(flag: Markdown, by: &str, at: Timestamp) -> Markdown {
    let time = Markdown::time(at);
    phrase("linked_line", [("flag", flag.into()), ("by", quoted(by).into()), ("time", time.into())])
}

/// Nothing is linked, and how to link.
pub fn none_linked() -> Markdown {
    phrase("none_linked", [("command", line("/flag link KEY").into())])
}

/// Nothing is linked.
pub fn nothing_linked() -> Markdown {
    phrase("nothing_linked_here", [])
}

/// That flag is not linked here, but others.
pub fn not_linked(wanted: &str, linked: &[String]) -> Markdown {
    let linked = names(linked.iter().map(String::as_str));
    phrase("not_linked", [("wanted", key(wanted).into()), ("linked", linked.into())])
}

/// There are as many links here as there may be.
pub fn too_many_linked(wanted: &str, count: usize) -> Markdown {
    let command = line("/flag unlink KEY");
    phrase(
        "too_many_linked",
        [("wanted", key(wanted).into()), ("count", count.into()), ("command", command.into())],
    )
}

/// The issue or merge request is not there any more.
pub fn page_gone() -> Markdown {
    phrase("page_gone", [])
}

/// No issue can be opened in the project.
pub fn issues_off() -> Markdown {
    phrase("issues_off", [])
}

/// A search has found nothing.
pub fn found_nothing(text: &str) -> Markdown {
    phrase("found_nothing", [("text", quoted(text).into())])
}

/// A search has found more than is shown.
pub fn found_more() -> Markdown {
    phrase("found_more", [])
}

/// Those flag services cannot be searched.
pub fn cannot_search<'a>(providers: impl IntoIterator<Item = &'a str>) -> Markdown {
    phrase("cannot_search", [("providers", names(providers).into())])
}
