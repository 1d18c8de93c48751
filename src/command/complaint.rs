//! What is wrong with a key or a word, whichever command it is in.

use super::table::{CommandSpec, Misread};
use super::words::Word;

/// How long a key, or the text of a search, may be, in characters.
pub const MAX_LENGTH: usize = 250;
/// How much of a word that was not understood is kept, in characters.
const KEPT: usize = 100;

pub(super) const TOO_LONG_KEY: &str = "a flag key has at most 250 characters.";
pub(super) const ONE_KEY: &str = "it takes one flag key. Give each flag a line of its own.";
pub(super) const EMPTY_KEY: &str = "a flag key cannot be empty.";
pub(super) const UNCLOSED: &str = "a quote is opened and not closed.";

/// A word that the command has no place for.
pub(super) fn unexpected(spec: &'static CommandSpec, word: &Word) -> Misread {
    let word = word.option().unwrap_or_else(|| word.text.clone());
    Misread::Unexpected { spec, word: shortened(&word) }
}

/// As much of a word as is kept.
pub(super) fn shortened(word: &str) -> String {
    match word.char_indices().nth(KEPT) {
        Some((end, _)) => format!("{}…", word.get(..end).unwrap_or_default()),
        None => word.to_owned(),
    }
}
