//! What the bot answers: one or two sentences that say what happened and what to write next.

use url::Url;

use super::Markdown;
use super::state::state_words;
use crate::domain::{Flag, FlagState, NoteSource};

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
    let mut text = match source {
        NoteSource::Note(id) => Markdown::note_link("Your command", id),
        NoteSource::Description => Markdown::lit("The command in the description"),
    };
    text.push_lit(": ");
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
    Markdown::join(keys.into_iter().map(key), ", ", " and ")
}

/// There is no such flag, and what there is instead.
pub fn no_such_flag(
    providers: &[&str],
    wanted: &str,
    near: &[String],
    write: &dyn Fn(&str) -> String,
) -> Markdown {
    let mut text = Markdown::join(providers.iter().map(|name| quoted(name)), ", ", " and ");
    text.push_lit(if providers.len() == 1 { " has no flag " } else { " have no flag " })
        .push(key(wanted))
        .push_lit(".");
    if let Some(first) = near.first() {
        text.push_lit(" Did you mean ")
            .push(Markdown::join(near.iter().map(|near| key(near)), ", ", " or "))
            .push_lit("? Write ")
            .push(line(&write(first)))
            .push_lit(".");
    } else {
        text.push_lit(" Write ").push(line("/flag search TEXT")).push_lit(" to find one.");
    }
    text
}

/// A key that more than one provider has.
pub fn which_one(wanted: &str, choices: &[String], write: &dyn Fn(&str) -> String) -> Markdown {
    let mut text = Markdown::lit("more than one flag is called ");
    text.push(key(wanted)).push_lit(". Write ").push(Markdown::join(
        choices.iter().map(|choice| line(&write(choice))),
        ", ",
        " or ",
    ));
    text.push_lit(".");
    text
}

/// A role is missing.
pub fn needs_role(what: &'static str, needed: &'static str, has: &'static str) -> Markdown {
    let mut text = Markdown::lit(what);
    text.push_lit(" needs the role ")
        .push_lit(needed)
        .push_lit(" in this project, and yours is ")
        .push_lit(has);
    text.push_lit(". Ask somebody who has it, or a maintainer for the role.");
    text
}

/// Nobody may do this here.
pub fn nobody_may(what: &'static str) -> Markdown {
    let mut text = Markdown::lit(what);
    text.push_lit(" is switched off for this project in flaglink's configuration.");
    text
}

/// A flag service that does not answer; the command is kept.
pub fn waiting(provider: &str, why: &str) -> Markdown {
    let mut text = quoted(provider);
    text.push_lit(" does not answer as it should (").push(quoted(why)).push_lit(
        "), so nothing was changed yet. The command is kept and runs as soon as the service is back, for a day at the most.",
    );
    text
}

/// A command that waited for a day.
pub fn too_late() -> Markdown {
    Markdown::lit(
        "this waited for more than a day, because a flag service, GitLab or flaglink itself was away, so nothing was done. Write the command again if you still want it.",
    )
}

/// A command that an admin took out of the queue.
pub fn dropped() -> Markdown {
    Markdown::lit(
        "this could not be done, and an admin of flaglink has now taken it out of the queue. Write the command again if you still want it.",
    )
}

/// The same, where a switch had begun and nobody knows what came of it.
pub fn dropped_unknown() -> Markdown {
    Markdown::lit(
        "what came of this is not known, and an admin of flaglink has now taken it out of the queue. Look at the flag before you write the command again.",
    )
}

/// The text was edited by somebody else.
pub fn edited_by_another() -> Markdown {
    Markdown::lit(
        "this text was last edited by somebody other than its author, or GitLab does not say by whom, so nothing that is new in it was run. Write the command in a comment of your own.",
    )
}

/// An internal note changes nothing.
pub fn internal_changes_nothing() -> Markdown {
    Markdown::lit(
        "nothing was changed, because the panel and the label of a link are seen by everybody who sees this page, and your note is internal. Write the command in a comment that is not internal.",
    )
}

/// The reply budget is used up.
pub fn budget() -> Markdown {
    Markdown::lit(
        "you have got many replies here within an hour, so further commands still run and get their reaction, but no reply for a while.",
    )
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
    let mut text = flag_name(flag, name, show_values);
    text.push_lit(": ");
    match state {
        None => {
            text.push_lit("not found any more");
        }
        Some(state) => {
            if state.archived {
                text.push_lit("archived; ");
            }
            if state.stale {
                text.push_lit("stale; ");
            }
            if state.environments.is_empty() {
                text.push_lit("no environments");
            }
            let cells = state.environments.iter().map(|env| {
                let mut cell = quoted(&env.environment);
                cell.push_lit(" ").push(state_words(env, show_values));
                cell
            });
            text.push(Markdown::join(cells, "; ", "; "));
        }
    }
    text
}

/// A flag with its description, for search results.
pub fn found_line(flag: &Flag, name: &str, show_values: bool) -> Markdown {
    let mut text = flag_name(flag, name, show_values);
    if flag.archived {
        text.push_lit(" (archived)");
    }
    if let Some(description) = flag.description.as_deref().filter(|text| !text.trim().is_empty()) {
        text.push_lit(": ").push(quoted(description));
    }
    text
}
