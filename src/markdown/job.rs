//! What is answered to a command that makes a flag or archives one.

use url::Url;

use super::Markdown;
use super::reply::{flag_name, key, line, names, quoted, sentences};
use super::state::state_words;
use crate::domain::{Flag, FlagState, NoteableKind};

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
    let mut text = Markdown::join(all.iter().take(PAGES).map(page), ", ", " and ");
    if let Some(more) = all.len().checked_sub(PAGES).filter(|more| *more > 0) {
        text.push_lit(", and ").push(Markdown::number(more as u64)).push_lit(" more");
    }
    text
}

/// No service of the project is called so.
pub fn no_such_service(written: &str, there: &[&str]) -> Markdown {
    let mut text = Markdown::lit("no flag was made: ");
    text.push(quoted(written)).push_lit(" is no flag service of this project, and a key with a ");
    text.push(Markdown::code(":", 1)).push_lit(" could not be named in commands. There is ");
    text.push(names(there.iter().copied())).push_lit(".");
    text
}

/// More than one service could make it.
pub fn which_service(written: &str, there: &[&str]) -> Markdown {
    let mut text = Markdown::lit("this project has several flag services. Write ");
    let lines = there.iter().map(|name| {
        let wanted = create_line(&format!("{name}:{written}"));
        line(&wanted)
    });
    text.push(Markdown::join(lines, ", ", " or ")).push_lit(".");
    text
}

fn create_line(key: &str) -> String {
    let quote = key.contains(char::is_whitespace) || key.contains(',');
    if quote { format!("/flag create \"{key}\"") } else { format!("/flag create {key}") }
}

/// No service of the project makes flags.
pub fn cannot_create() -> Markdown {
    Markdown::lit("no flag service of this project makes flags from here.")
}

/// The project would not see the new flag.
pub fn not_for_this_project(wanted: &str) -> Markdown {
    let mut text = Markdown::lit(
        "no flag was made: by flaglink's configuration this project may not see a flag called ",
    );
    text.push(key(wanted)).push_lit(" (").push(Markdown::code("flags", 10)).push_lit(").");
    text
}

/// There is a flag of that key already.
pub fn there_already(flag: &Flag, show_values: bool) -> Markdown {
    let mut text = Markdown::lit("nothing was made: ");
    text.push(quoted(&flag.flag.provider)).push_lit(" has ").push(flag_name(
        flag,
        &flag.flag.key,
        show_values,
    ));
    text.push_lit(" already");
    if flag.archived {
        text.push_lit(", in its archive. Take it out of there, or choose another key.");
    } else {
        text.push_lit(". Write ")
            .push(line(&format!("/flag link {}", flag.flag.words())))
            .push_lit(" to link it here.");
    }
    text
}

/// The flag was made.
pub fn created(flag: &Flag, show_values: bool) -> Markdown {
    let mut text = flag_name(flag, &flag.flag.key, show_values);
    text.push_lit(" is new in ").push(quoted(&flag.flag.provider)).push_lit(" and off everywhere. Write ");
    text.push(line(&format!("/flag link {}", flag.flag.words()))).push_lit(" to link it here.");
    text
}

/// The flag service keeps no archive.
pub fn cannot_archive(provider: &str) -> Markdown {
    let mut text = quoted(provider);
    text.push_lit(
        " has no archive, so nothing was changed. A flag that is not needed any more is deleted there.",
    );
    text
}

/// The flag is in the archive.
pub fn archived(flag: &Flag, was: &FlagState, linked: &[Page], show_values: bool) -> Markdown {
    let mut done = flag_name(flag, &flag.flag.key, show_values);
    done.push_lit(" is archived in ").push(quoted(&flag.flag.provider)).push_lit(".");
    let mut states = Markdown::new();
    if !was.environments.is_empty() {
        let on = was.environments.iter().any(|environment| environment.on);
        states.push_lit(if on { "It was still on: " } else { "It was off everywhere: " });
        let cells = was.environments.iter().map(|environment| {
            let mut cell = quoted(&environment.environment);
            cell.push_lit(" ").push(state_words(environment, show_values));
            cell
        });
        states.push(Markdown::join(cells, "; ", "; ")).push_lit(".");
    }
    let mut links = Markdown::new();
    if !linked.is_empty() {
        links.push_lit("It is still linked in ").push(pages(linked)).push_lit(".");
    }
    sentences([done, states, links])
}

/// The issue in which a flag is to be cleaned up.
pub fn issue(iid: u64, url: &str, new: bool, open: bool) -> Markdown {
    let name = quoted(&format!("#{iid}"));
    let mut text = match Url::parse(url) {
        Ok(url) => Markdown::link(name, &url),
        Err(_) => name,
    };
    text.push_lit(match (new, open) {
        (_, false) => " was the issue for that, and is closed. Reopen it if there is still something to do.",
        (true, true) => " is the new issue for that.",
        (false, true) => " is there for that already.",
    });
    text
}

/// It was refused for certain.
pub fn not_done(why: &str) -> Markdown {
    let mut text = Markdown::lit("nothing was done: ");
    text.push(Markdown::code(why, 400));
    text
}

/// The role was taken away before it was done.
pub fn not_allowed_any_more() -> Markdown {
    Markdown::lit("nothing was done, because you may not do that any more.")
}

/// It could not be done in time.
pub fn too_late() -> Markdown {
    Markdown::lit(
        "nothing was done, because the flag service, GitLab or flaglink itself could not do it in time. Write the command again if you still want it.",
    )
}

/// It could not be done yet; the command is kept.
pub fn waiting(why: &str) -> Markdown {
    let mut text = Markdown::lit("this could not be done yet (");
    text.push(quoted(why)).push_lit("). The command is kept and tried again, for a day at the most.");
    text
}

/// It was sent, and its answer was lost.
pub fn not_known_yet() -> Markdown {
    Markdown::lit(
        "this was sent, but its answer was lost, so it is not known yet whether it was done. It is looked at again, and the reaction to your command will say.",
    )
}

/// Nobody found out.
pub fn never_known(why: &str) -> Markdown {
    let mut text = Markdown::lit("this was sent, and whether it was done could not be found out (");
    text.push(quoted(why)).push_lit("). Look before you write the command again.");
    text
}
