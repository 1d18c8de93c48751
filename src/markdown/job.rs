//! What is answered to a command that makes a flag or archives one.

use url::Url;

use super::Markdown;
use super::reply::{flag_name, key, line, names, quoted};
use super::state::state_words;
use super::text::{and_list, or_list, phrase};
use crate::domain::{Flag, FlagState, NoteableKind, command_line};

/// How many pages are named in one answer.
const PAGES: usize = 10;

/// An issue or merge request, as it is named elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The project's path.
    pub project: String,
    /// Issue or merge request.
    pub kind: NoteableKind,
    /// Number.
    pub iid: u64,
    /// Address.
    pub url: String,
}

/// `shop/web#12`, as a link.
pub fn page(page: &Page) -> Markdown {
    let sign = match page.kind {
        NoteableKind::Issue => '#',
        NoteableKind::MergeRequest => '!',
    };
    let name = quoted(&format!("{}{sign}{}", page.project, page.iid));
    match Url::parse(&page.url) {
        Ok(url) => Markdown::link(name, &url),
        Err(_) => name,
    }
}

/// The pages one after the other, or how many more there are.
pub(super) fn pages(all: &[Page]) -> Markdown {
    let text = and_list(all.iter().take(PAGES).map(page));
    match all.len().checked_sub(PAGES).filter(|more| *more > 0) {
        Some(more) => phrase("pages_counted", [("pages", text.into()), ("count", more.into())]),
        None => text,
    }
}

/// No service of the project is called so.
pub fn no_such_service(written: &str, there: &[&str]) -> Markdown {
    phrase(
        "no_such_service",
        [
            ("written", quoted(written).into()),
            ("colon", Markdown::code(":", 1).into()),
            ("there", names(there.iter().copied()).into()),
        ],
    )
}

/// A key with a character in it that nobody would see.
pub fn unseen_character(letter: char) -> Markdown {
    phrase("unseen_character", [("character", quoted(&letter.to_string()).into())])
}

/// There is nothing behind the name of a service.
pub fn no_key(service: &str) -> Markdown {
    phrase("no_key", [("example", line(&command_line("create", &format!("{service}:new_checkout"))).into())])
}

/// More than one service could make it.
pub fn which_service(written: &str, there: &[&str]) -> Markdown {
    let lines = there.iter().map(|name| line(&command_line("create", &format!("{name}:{written}"))));
    phrase("which_service", [("commands", or_list(lines).into())])
}

/// No service of the project makes flags.
pub fn cannot_create() -> Markdown {
    phrase("cannot_create", [])
}

/// The project would not see the new flag.
pub fn not_for_this_project(wanted: &str) -> Markdown {
    let setting = Markdown::code("flags", 10);
    phrase("not_for_this_project", [("wanted", key(wanted).into()), ("key", setting.into())])
}

/// There is a flag of that key already.
pub fn there_already(flag: &Flag, show_values: bool) -> Markdown {
    phrase(
        "there_already",
        [
            ("provider", quoted(&flag.flag.provider).into()),
            ("flag", flag_name(flag, &flag.flag.key, show_values).into()),
            ("archived", flag.archived.into()),
            ("command", line(&command_line("link", &flag.flag.words())).into()),
        ],
    )
}

/// The flag was made. `linked`: the same text goes on to link it.
pub fn created(flag: &Flag, linked: bool, show_values: bool) -> Markdown {
    let command = command_line("link", &flag.flag.words());
    phrase(
        "created",
        [
            ("flag", flag_name(flag, &flag.flag.key, show_values).into()),
            ("provider", quoted(&flag.flag.provider).into()),
            ("command", (!linked).then(|| line(&command)).into()),
        ],
    )
}

/// The flag service keeps no archive.
pub fn cannot_archive(provider: &str) -> Markdown {
    phrase("cannot_archive", [("provider", quoted(provider).into())])
}

/// The flag is in the archive.
pub fn archived(flag: &Flag, was: &FlagState, linked: &[Page], show_values: bool) -> Markdown {
    let cells = was.environments.iter().map(|environment| {
        let mut cell = quoted(&environment.environment);
        cell.push_lit(" ").push(state_words(environment, show_values));
        cell
    });
    phrase(
        "job_archived",
        [
            ("flag", flag_name(flag, &flag.flag.key, show_values).into()),
            ("provider", quoted(&flag.flag.provider).into()),
            ("on", was.environments.iter().any(|environment| environment.on).into()),
            ("states", Markdown::join(cells, "; ", "; ").into()),
            ("pages", pages(linked).into()),
        ],
    )
}

/// The issue in which a flag is to be cleaned up.
pub fn issue(flag: &str, iid: u64, url: &str, new: bool, open: bool) -> Markdown {
    let name = quoted(&format!("#{iid}"));
    let issue = match Url::parse(url) {
        Ok(url) => Markdown::link(name, &url),
        Err(_) => name,
    };
    phrase(
        "issue",
        [("flag", key(flag).into()), ("issue", issue.into()), ("new", new.into()), ("open", open.into())],
    )
}

/// It was refused for certain.
pub fn not_done(why: &str) -> Markdown {
    phrase("not_done", [("why", Markdown::code(why, 400).into())])
}

/// The role was taken away before it was done.
pub fn not_allowed_any_more() -> Markdown {
    phrase("not_allowed_any_more", [])
}

/// It could not be done in time.
pub fn too_late() -> Markdown {
    phrase("job_too_late", [])
}

/// It could not be done yet; the command is kept.
pub fn waiting(why: &str) -> Markdown {
    phrase("job_waiting", [("why", quoted(why).into())])
}

/// It was sent, and its answer was lost.
pub fn not_known_yet() -> Markdown {
    phrase("job_not_known_yet", [])
}

/// Nobody found out.
pub fn never_known(why: &str) -> Markdown {
    phrase("job_never_known", [("why", quoted(why).into())])
}
