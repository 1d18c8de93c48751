//! Comment text to commands. Pure: no I/O, no clock.
//!
//! ONE table ([`TABLE`]) drives the parser, the help, `docs/commands.md` and the permissions.

mod docs;
mod lines;
mod parse;
mod spans;
mod table;
mod words;

pub use docs::commands_markdown;
pub use parse::{MAX_KEYS, MAX_LENGTH};
pub use table::{Command, CommandSpec, Found, Misread, Permission, RESERVED, TABLE, spec};

/// How many commands of one text are run; what is more is answered once.
pub const MAX_COMMANDS: usize = 50;

const TOO_MANY_COMMANDS: &str = "One comment takes at most 50 commands; the others were left out.";
const TOO_DEAR: &str =
    "The text is too complicated to be searched for commands. Write them in a comment of their own.";

/// The commands in a comment or description, in order.
///
/// `bot` is the bot's user name (without `@`), for commands that begin with `@bot`. Lines that are not for
/// flaglink are not reported at all; a line that is for flaglink but cannot be understood is, as [`Misread`].
///
/// However long or hostile the text is, this takes well under a second and gives at most [`MAX_COMMANDS`]
/// commands, and one [`Misread::Malformed`] for all the others.
pub fn read(text: &str, bot: Option<&str>) -> Vec<Found> {
    let malformed = |text: &str, why| Found {
        text: text.to_owned(),
        parsed: Err(Misread::Malformed { spec: None, why }),
    };
    let Ok(lines) = lines::command_lines(text, bot) else {
        return vec![malformed("(too complicated)", TOO_DEAR)];
    };
    let mut found: Vec<Found> = lines.iter().take(MAX_COMMANDS).map(|rest| parse::parse(rest)).collect();
    if lines.len() > MAX_COMMANDS {
        found.push(malformed("(more than 50 commands)", TOO_MANY_COMMANDS));
    }
    found
}
