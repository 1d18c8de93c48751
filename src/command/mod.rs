//! Comment text to commands. Pure: no I/O, no clock.
//!
//! ONE table ([`TABLE`]) drives the parser, the help, `docs/commands.md` and the permissions.

mod table;

pub use table::{Command, CommandSpec, Found, Misread, Permission, TABLE};

/// The commands in a comment or description, in order.
///
/// `bot` is the bot's user name (without `@`), for commands that begin with `@bot`. Lines that are not for
/// flaglink are not reported at all; a line that is for flaglink but cannot be understood is, as [`Misread`].
pub fn read(_text: &str, _bot: Option<&str>) -> Vec<Found> {
    todo!()
}
