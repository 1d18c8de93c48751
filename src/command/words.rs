//! One line to words: quotes, backticks, commas and typographic dashes.

use crate::domain::{closing_of, ends_word};

/// One word of a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Its text, without the quotes.
    pub(super) text: String,
    /// Whether any of it stood in quotes or backticks: then it is never an option.
    pub(super) quoted: bool,
    /// Whether something stands right behind the closing quote.
    pub(super) glued: bool,
}

impl Word {
    /// The option that it is, in lower case with its dashes: `--all`. Word processors and telephones make one
    /// long dash of two short ones, so `—all` and `–all` are the same.
    pub(super) fn option(&self) -> Option<String> {
        if self.quoted {
            return None;
        }
        let name = self.text.trim_start_matches(['-', '—', '–']);
        let dashes = self.text.get(..self.text.len() - name.len()).unwrap_or_default();
        match dashes {
            "" => None,
            _ if name.is_empty() => Some(self.text.clone()),
            "-" => Some(format!("-{}", name.to_lowercase())),
            _ => Some(format!("--{}", name.to_lowercase())),
        }
    }
}

/// A quote or backtick was opened and not closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unclosed;

/// The words of a line. Words end at white space and, outside quotes, at commas. `"…"`, `'…'`, `` `…` `` and
/// their typographic kinds hold a word together, where they open it: the apostrophe in `it's` is a letter.
/// A backslash in double quotes takes the quote or backslash after it as it is.
pub(super) fn split(line: &str) -> Result<Vec<Word>, Unclosed> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_start_matches(ends_word);
        if rest.is_empty() {
            return Ok(words);
        }
        let (word, behind) = first_word(rest, ends_word)?;
        words.push(word);
        rest = behind;
    }
}

/// The word that the text begins with, and what is behind it.
pub(super) fn first_word(text: &str, ends: fn(char) -> bool) -> Result<(Word, &str), Unclosed> {
    let mut word = Word { text: String::new(), quoted: false, glued: false };
    let mut chars = text.chars();
    if let Some((first, closing)) = text.chars().next().and_then(|first| Some((first, closing_of(first)?))) {
        chars.next();
        word.quoted = true;
        loop {
            match chars.next() {
                None => return Err(Unclosed),
                Some('\\') if first == '"' && chars.as_str().starts_with(['"', '\\']) => {
                    word.text.extend(chars.next());
                }
                Some(c) if closing.contains(&c) => break,
                Some(c) => word.text.push(c),
            }
        }
    }
    let behind = chars.as_str();
    let (more, behind) = behind.split_at(behind.find(ends).unwrap_or(behind.len()));
    word.glued = word.quoted && !more.is_empty();
    word.text.push_str(more);
    Ok((word, behind))
}

/// The option that the text begins with, in lower case, and what is behind it: of `--ENV=x` it is `--env` and `x`.
pub(super) fn first_option(text: &str) -> Option<(String, &str)> {
    let end = text.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(text.len());
    let (name, behind) = text.split_at(end);
    let word = Word { text: name.to_owned(), quoted: false, glued: false };
    Some((word.option()?, behind.strip_prefix('=').unwrap_or(behind)))
}

/// What stands between quotes that hold all of the text; else the text as it is.
pub(super) fn without_quotes(text: &str) -> String {
    match first_word(text, char::is_whitespace) {
        Ok((word, "")) if word.quoted && !word.glued => word.text,
        _ => text.to_owned(),
    }
}
