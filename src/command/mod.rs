//! Comment text to commands. Pure: no I/O, no clock.
//!
//! ONE table ([`TABLE`]) drives the parser, the help, `docs/commands.md` and the permissions.

mod complaint;
mod docs;
mod lines;
mod parse;
mod spans;
mod switch;
mod table;
mod words;

pub use crate::domain::quoted_word as quoted;
pub use complaint::MAX_LENGTH;
pub use docs::commands_markdown;
pub use parse::MAX_KEYS;
pub use switch::{MAX_REASON, MAX_VALUE};
pub use table::{Command, CommandSpec, Found, Misread, Permission, RESERVED, SwitchTo, TABLE, spec};

/// How many commands of one text are run; what is more is answered once.
pub const MAX_COMMANDS: usize = 50;

/// What is said of a whole text rather than of one line, each with the name that it is known by.
const TEXT_TOO_MANY: (&str, &str) = ("(more than 50 commands)", TOO_MANY_COMMANDS);
const TEXT_TOO_DEAR: (&str, &str) = ("(too complicated)", TOO_DEAR);

const TOO_MANY_COMMANDS: &str = "one comment takes at most 50 commands; the others were left out.";
const TOO_DEAR: &str =
    "the text is too complicated to be searched for commands. Write them in a comment of their own.";

/// The commands in a comment or description, in order.
///
/// `bot` is the bot's user name (without `@`), for commands that begin with `@bot`. Lines that are not for
/// flaglink are not reported at all; a line that is for flaglink but cannot be understood is, as [`Misread`].
///
/// However long or hostile the text is, this takes well under a second and gives at most [`MAX_COMMANDS`]
/// commands, and one [`Misread::Malformed`] for all the others.
pub fn read(text: &str, bot: Option<&str>) -> Vec<Found> {
    let Ok(lines) = lines::command_lines(text, bot) else { return vec![whole_text(&TEXT_TOO_DEAR)] };
    let mut found: Vec<Found> = lines.iter().take(MAX_COMMANDS).map(|rest| parse::parse(rest)).collect();
    if lines.len() > MAX_COMMANDS {
        found.push(whole_text(&TEXT_TOO_MANY));
    }
    found
}

/// The command that a [`Found::text`] is the name of, understood or misread as it was then. `None`: it is no such name.
pub fn read_back(text: &str) -> Option<Found> {
    if let Some(known) = [TEXT_TOO_MANY, TEXT_TOO_DEAR].iter().find(|(name, _)| *name == text) {
        return Some(whole_text(known));
    }
    if let Some(digest) = text.strip_prefix(parse::TOO_LONG) {
        return Some(parse::too_long(digest.trim_end_matches(')')));
    }
    text.strip_prefix("/flag").map(parse::parse)
}

fn whole_text((name, why): &(&str, &'static str)) -> Found {
    Found { text: (*name).to_owned(), parsed: Err(Misread::Malformed { spec: None, why }) }
}
