//! The issue in which a flag is to be cleaned up: its title, what it says, and how that is brought up to date.

use jiff::Timestamp;

use super::job::{Page, pages};
use super::reply::{flag_name, key, line, paragraphs, quoted};
use super::state::state_words;
use super::text::and_list;
use super::{Markdown, outside};
use crate::domain::{CommentText, Flag, FlagState, Over, command_line};

/// What stands before and behind the part that is brought up to date.
const BEGIN: &str = "<!-- flaglink:facts -->";
const END: &str = "<!-- /flaglink:facts -->";
/// How much of a key stands in a title: GitLab's titles have at most 255 characters.
const TITLE_KEY: usize = 200;
/// So many environments are named.
const MOST_NAMED: usize = 10;

/// What is known of the flag.
pub struct Facts<'a> {
    /// The flag.
    pub flag: &'a Flag,
    /// Why nobody would be reminded of it any more, if that is so.
    pub over: Option<Over>,
    /// What it is set to; `None` where its service does not know it any more.
    pub state: Option<&'a FlagState>,
    /// When it last changed, where that is known.
    pub changed_at: Option<Timestamp>,
    /// Where it is linked, as far as the readers may know.
    pub linked: &'a [Page],
    /// Whether values are shown.
    pub show_values: bool,
}

/// Why the issue is there.
pub enum Why<'a> {
    /// Somebody asked for it.
    Asked {
        /// User name.
        by: &'a str,
        /// Where, as far as the readers may know.
        on: Option<&'a Page>,
    },
    /// The flag is the same, and has been for long.
    Stale {
        /// For that many days.
        days: u64,
        /// In these environments; everywhere where there are none.
        environments: &'a [String],
    },
}

/// The title. GitLab reads references and mentions in titles, and no code there, so characters that could begin one are
/// replaced.
pub fn title(key: &str) -> String {
    let plain = |c: char| {
        if c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ') { c } else { '·' }
    };
    let key: String = outside::visible(key, TITLE_KEY).chars().map(plain).collect();
    format!("Remove the feature flag {}", key.trim())
}

/// The description of a new issue.
pub fn description(facts: &Facts<'_>, why: &Why<'_>, archives: bool) -> CommentText {
    let mut about = Markdown::lit("The feature flag ");
    about.push(flag_name(facts.flag, &facts.flag.flag.key, facts.show_values));
    about.push_lit(" of ").push(quoted(&facts.flag.flag.provider));
    match why {
        Why::Asked { by, on } => {
            about.push_lit(" is to be cleaned up, as ").push(quoted(by)).push_lit(" asked");
            if let Some(page) = on {
                about.push_lit(" in ").push(super::job::page(page));
            }
            about.push_lit(".");
        }
        Why::Stale { days, environments } => {
            // What is said here stays as it is; below it the facts are kept up to date.
            about.push_lit(" had been the same ").push(places(environments));
            about.push_lit(" for ").push(Markdown::number(*days));
            about.push_lit(
                " days when this issue was opened. If nobody needs it any more, it can go; if it is to stay, close this issue.",
            );
        }
    }
    let mut part = Markdown::lit(BEGIN);
    part.push_lit("\n\n").push(self::facts(facts)).push_lit("\n\n").push_lit(END);
    paragraphs([about, part, Markdown::lit("#### What to do"), checklist(facts, archives)]).finish()
}

/// `everywhere`, or in which environments.
fn places(environments: &[String]) -> Markdown {
    if environments.is_empty() {
        return Markdown::lit("everywhere");
    }
    let named = environments.iter().take(MOST_NAMED).map(String::as_str).map(quoted);
    let more = environments.len().saturating_sub(MOST_NAMED);
    let more = (more > 0).then(|| {
        let mut more = Markdown::number(u64::try_from(more).unwrap_or(u64::MAX));
        more.push_lit(" others");
        more
    });
    let mut places = Markdown::lit("in ");
    places.push(and_list(named.chain(more)));
    places
}

fn checklist(facts: &Facts<'_>, archives: bool) -> Markdown {
    let flag = facts.flag;
    let mut list = Markdown::lit("- [ ] Decide which way stays: what everybody gets from now on");
    list.push_lit("\n- [ ] Take the flag and the other way out of the code");
    list.push_lit("\n- [ ] Release that in every environment");
    let archived = facts.state.map_or(flag.archived, |state| state.archived);
    if archives && archived {
        // That is done.
    } else if archives {
        list.push_lit("\n- [ ] Archive the flag, with ");
        list.push(line(&command_line("archive", &flag.flag.words())));
        list.push_lit(" or in ").push(quoted(&flag.flag.provider));
    } else {
        list.push_lit("\n- [ ] Delete the flag in ").push(quoted(&flag.flag.provider));
    }
    list.push_lit("\n- [ ] Close this issue");
    list
}

/// What is known of the flag, as it is brought up to date.
fn facts(facts: &Facts<'_>) -> Markdown {
    let state = match facts.state {
        None => {
            let mut gone = key(&facts.flag.flag.key);
            gone.push_lit(" is not in its flag service any more.");
            gone
        }
        Some(state) => {
            let mut table = Markdown::lit("| Environment | State |\n| :-- | :-- |");
            for one in &state.environments {
                table.push_lit("\n| ").push(quoted(&one.environment)).push_lit(" | ");
                table.push(state_words(one, facts.show_values)).push_lit(" |");
            }
            table
        }
    };
    let archived = match facts.state {
        Some(state) if state.archived => Markdown::lit("It is archived."),
        _ => Markdown::new(),
    };
    let over = Markdown::lit(match facts.over {
        None | Some(Over::Gone) => "",
        Some(Over::Differs) => {
            "It has changed since this issue was opened: not everybody gets the same any more."
        }
        Some(Over::Changed) => "It has changed since this issue was opened.",
        Some(Over::Stays) => "It is there to stay, as its tags or flaglink's configuration say now.",
    });
    let mut changed = Markdown::lit("Last changed: ");
    match facts.changed_at {
        Some(at) => changed.push(Markdown::time(at)),
        None => changed.push_lit("not known"),
    };
    changed.push_lit(".");
    let mut linked = Markdown::new();
    if !facts.linked.is_empty() {
        linked.push_lit("Linked in ").push(pages(facts.linked)).push_lit(".");
    }
    paragraphs([over, state, archived, changed, linked])
}

/// A description with the facts brought up to date; all else in it stays as people have it. `None`: there is nothing to
/// change, or nothing that may be changed.
///
/// GitLab carries out quick actions in a description that is saved, with the rights of who saves it. People's own lines that
/// could be such are therefore left alone with everything else.
pub fn brought_up_to_date(description: &str, facts: &Facts<'_>) -> Option<CommentText> {
    let description = description.replace("\r\n", "\n");
    let (before, rest) = description.split_once(BEGIN)?;
    let (old, behind) = rest.split_once(END)?;
    if before.contains(END) || behind.contains(BEGIN) || behind.contains(END) {
        return None;
    }
    let acts = |text: &str| text.lines().any(|line| line.trim_start().starts_with('/'));
    if acts(before) || acts(behind) || before.contains('\r') || behind.contains('\r') {
        return None;
    }
    let new = self::facts(facts);
    if old.trim() == new.as_str().trim() {
        return None;
    }
    Some(CommentText::from_markdown(format!("{before}{BEGIN}\n\n{}\n\n{END}{behind}", new.as_str())))
}
