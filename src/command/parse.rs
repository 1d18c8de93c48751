//! What follows `/flag` in a line to a command, or to what is wrong with it.

use sha2::{Digest, Sha256};
use strsim::damerau_levenshtein;

use super::complaint::{EMPTY_KEY, MAX_LENGTH, ONE_KEY, TOO_LONG_KEY, UNCLOSED, shortened, unexpected};
use super::quoted;
use super::switch;
use super::table::{Command, CommandSpec, Found, Misread, RESERVED, SwitchTo, TABLE, spec};
use super::words::{Word, split, without_quotes};

/// How many keys one command may name.
pub const MAX_KEYS: usize = 20;
/// A longer line than this that is not understood is known by a digest alone, in bytes.
const LONGEST_MISREAD: usize = 8_000;

const TOO_MANY_KEYS: &str = "one command takes at most 20 flag keys.";
const TOO_LONG_TEXT: &str = "the text to look for has at most 250 characters.";
const TOO_LONG_LINE: &str = "the line is too long to be a command.";
const ALL_AND_KEYS: &str = "it takes either flag keys or `--all`, not both.";

/// Reads what follows `/flag`.
pub(super) fn parse(rest: &str) -> Found {
    let rest = rest.trim();
    match read(rest) {
        Ok(command) => Found { text: normal_form(&command), parsed: Ok(command) },
        Err(misread) => {
            // In its own words, white space included, so that it reads back as the same mistake.
            let text = format!("/flag {rest}");
            if text.len() <= LONGEST_MISREAD {
                return Found { text, parsed: Err(misread) };
            }
            let digest = Sha256::digest(text.as_bytes());
            too_long(&hex::encode(digest.get(..8).unwrap_or_default()))
        }
    }
}

/// What begins the name of a line that is too long to be kept.
pub(super) const TOO_LONG: &str = "(too long ";

/// A line that is too long to be kept, known by a digest.
pub(super) fn too_long(digest: &str) -> Found {
    Found {
        text: format!("{TOO_LONG}{digest})"),
        parsed: Err(Misread::Malformed { spec: None, why: TOO_LONG_LINE }),
    }
}

fn read(rest: &str) -> Result<Command, Misread> {
    let (name, arguments) = match rest.split_once(char::is_whitespace) {
        Some((name, arguments)) => (name, arguments.trim()),
        None => (rest, ""),
    };
    if name.is_empty() {
        return Ok(Command::Help { topic: None });
    }
    let spec = command_named(name)?;
    if spec.name == "search" {
        return search(spec, arguments);
    }
    if matches!(spec.name, "on" | "off" | "set") {
        return switch::read(spec, arguments);
    }
    let words = split(arguments).map_err(|_| Misread::Malformed { spec: Some(spec), why: UNCLOSED })?;
    match spec.name {
        "link" => match keys(spec, &words)? {
            keys if keys.is_empty() => Err(Misread::Missing { spec, what: "a flag key" }),
            keys => Ok(Command::Link { keys }),
        },
        "unlink" => unlink(spec, words),
        "status" => Ok(Command::Status { keys: keys(spec, &words)? }),
        "create" => Ok(Command::Create { key: one_key(spec, &words)? }),
        "archive" => Ok(Command::Archive { key: one_key(spec, &words)? }),
        "cleanup-issue" => Ok(Command::CleanupIssue { key: one_key(spec, &words)? }),
        "help" => help(spec, &words),
        // Only `list` is left; it takes nothing.
        _ => match words.first() {
            Some(word) => Err(unexpected(spec, word)),
            None => Ok(Command::List),
        },
    }
}

/// The command of that name, or what the name may mean instead.
fn command_named(word: &str) -> Result<&'static CommandSpec, Misread> {
    let name = word.to_lowercase();
    if let Some(spec) = spec(&name) {
        return Ok(spec);
    }
    if let Some(word) = RESERVED.iter().find(|reserved| **reserved == name) {
        return Err(Misread::NotYet { word });
    }
    Err(Misread::Unknown { word: shortened(word), nearest: nearest(&name) })
}

/// The nearest command's name: the only one that begins so; else one slip of the hand away, or two in a longer word.
fn nearest(name: &str) -> Option<&'static str> {
    // Comparing takes the product of both lengths.
    if name.chars().count() > 30 {
        return None;
    }
    let mut begun = TABLE.iter().map(|spec| spec.name).filter(|known| known.starts_with(name));
    if let (Some(only), None, true) = (begun.next(), begun.next(), name.chars().count() >= 3) {
        return Some(only);
    }
    TABLE
        .iter()
        .map(|spec| (damerau_levenshtein(name, spec.name), spec.name))
        .filter(|(distance, _)| *distance <= if name.chars().count() < 4 { 1 } else { 2 })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

fn unlink(spec: &'static CommandSpec, words: Vec<Word>) -> Result<Command, Misread> {
    let (all, words): (Vec<Word>, Vec<Word>) =
        words.into_iter().partition(|word| word.option().as_deref() == Some("--all"));
    let keys = keys(spec, &words)?;
    match (all.is_empty(), keys.is_empty()) {
        (false, false) => Err(Misread::Malformed { spec: Some(spec), why: ALL_AND_KEYS }),
        (true, true) => Err(Misread::Missing { spec, what: "a flag key or `--all`" }),
        (empty, _) => Ok(Command::Unlink { keys, all: !empty }),
    }
}

fn help(spec: &'static CommandSpec, words: &[Word]) -> Result<Command, Misread> {
    match words {
        [] => Ok(Command::Help { topic: None }),
        [topic] => Ok(Command::Help { topic: Some(command_named(&topic.text)?.name) }),
        [_, more, ..] => Err(unexpected(spec, more)),
    }
}

/// A search takes the rest of the line as it is, an apostrophe or a quote in it too. Quotes around all of it
/// are taken off.
fn search(spec: &'static CommandSpec, arguments: &str) -> Result<Command, Misread> {
    let words = split(arguments);
    let text = match words.as_deref() {
        Ok([word]) if word.quoted => word.text.as_str(),
        _ => arguments,
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return Err(Misread::Missing { spec, what: "a text to look for" });
    }
    if text.chars().count() > MAX_LENGTH {
        return Err(Misread::Malformed { spec: Some(spec), why: TOO_LONG_TEXT });
    }
    Ok(Command::Search { text })
}

/// The words as one key and nothing else.
fn one_key(spec: &'static CommandSpec, words: &[Word]) -> Result<String, Misread> {
    let mut keys = keys(spec, words)?.into_iter();
    let key = keys.next().ok_or(Misread::Missing { spec, what: "a flag key" })?;
    match keys.next() {
        Some(_) => Err(Misread::Malformed { spec: Some(spec), why: ONE_KEY }),
        None => Ok(key),
    }
}

/// The words as keys, each once.
fn keys(spec: &'static CommandSpec, words: &[Word]) -> Result<Vec<String>, Misread> {
    let malformed = |why| Misread::Malformed { spec: Some(spec), why };
    let mut keys: Vec<String> = Vec::new();
    for word in words {
        if word.option().is_some() {
            return Err(unexpected(spec, word));
        }
        let key = word.text.trim();
        if key.is_empty() {
            return Err(malformed(EMPTY_KEY));
        }
        if key.chars().count() > MAX_LENGTH {
            return Err(malformed(TOO_LONG_KEY));
        }
        if keys.iter().any(|known| known == key) {
            continue;
        }
        if keys.len() == MAX_KEYS {
            return Err(malformed(TOO_MANY_KEYS));
        }
        keys.push(key.to_owned());
    }
    Ok(keys)
}

/// The one way to write a command, whatever way it was written in.
fn normal_form(command: &Command) -> String {
    let mut words = vec!["/flag".to_owned(), command.spec().name.to_owned()];
    match command {
        Command::Link { keys } | Command::Status { keys } => words.extend(keys.iter().map(|k| quoted(k))),
        Command::Unlink { keys, all } => {
            words.extend(keys.iter().map(|key| quoted(key)));
            words.extend(all.then(|| "--all".to_owned()));
        }
        Command::List => {}
        Command::Create { key } | Command::Archive { key } | Command::CleanupIssue { key } => {
            words.push(quoted(key))
        }
        // Quotes around all of it would be taken off.
        Command::Search { text } => match split(text).as_deref() {
            Ok([word]) if word.quoted => words.push(quoted(text)),
            _ => words.push(text.clone()),
        },
        Command::Help { topic } => words.extend(topic.map(str::to_owned)),
        Command::Switch { key, environment, to, reason } => {
            words.push(quoted(key));
            if let SwitchTo::Set(value) = to {
                words.push(quoted(value));
            }
            words.extend(["--env".to_owned(), quoted(environment)]);
            if let Some(reason) = reason {
                let as_it_is = without_quotes(reason) == *reason;
                words.extend(["--reason".to_owned(), if as_it_is { reason.clone() } else { quoted(reason) }]);
            }
        }
    }
    words.join(" ")
}
