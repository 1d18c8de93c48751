//! `/flag on`, `off` and `set`: one flag, one environment, and why.

use super::complaint::{EMPTY_KEY, MAX_LENGTH, ONE_KEY, TOO_LONG_KEY, UNCLOSED, unexpected};
use super::table::{Command, CommandSpec, Misread, SwitchTo};
use super::words::{Word, first_option, first_word, without_quotes};

/// How long a value may be, in characters.
pub const MAX_VALUE: usize = 2_000;
/// How long a reason may be, in characters.
pub const MAX_REASON: usize = 200;

const TOO_LONG_VALUE: &str = "A value has at most 2,000 characters here.";
const TOO_LONG_REASON: &str = "A reason has at most 200 characters.";
const TOO_LONG_ENVIRONMENT: &str = "The name of an environment has at most 250 characters.";
const ONE_ENVIRONMENT: &str = "It takes one environment. Give each environment a line of its own.";
const VALUE_IN_QUOTES: &str = "A value with spaces stands in quotes.";
const DASH_IN_QUOTES: &str = "A value that begins with a dash stands in quotes.";
const GLUED: &str = "There should be a space after a closing quote.";
const NO_ENVIRONMENT: &str = "an environment: --env NAME";
const ENVIRONMENT_IN_REASON: &str =
    "an environment: --env NAME, before --reason, which takes the rest of the line";

/// Reads what follows the command's name. Values are taken as they stand, so that commas do not end words here.
pub(super) fn read(spec: &'static CommandSpec, arguments: &str) -> Result<Command, Misread> {
    let malformed = |why| Misread::Malformed { spec: Some(spec), why };
    let missing = |what| Misread::Missing { spec, what };
    let sets = spec.name == "set";
    let (mut key, mut value, mut environment, mut reason) = (None, None, None, None);
    let mut rest = arguments.trim();
    while !rest.is_empty() {
        match first_option(rest) {
            Some((option, behind)) if option == "--env" => {
                let behind = behind.trim_start();
                if behind.is_empty() || first_option(behind).is_some() {
                    return Err(missing(NO_ENVIRONMENT));
                }
                let (word, behind) = word(spec, behind)?;
                let name = alone(&word).ok_or_else(|| malformed(ONE_ENVIRONMENT))?;
                match name.chars().count() {
                    0 => return Err(missing(NO_ENVIRONMENT)),
                    1..=MAX_LENGTH => {}
                    _ => return Err(malformed(TOO_LONG_ENVIRONMENT)),
                }
                if environment.replace(name.to_owned()).is_some() {
                    return Err(malformed(ONE_ENVIRONMENT));
                }
                rest = behind;
            }
            Some((option, behind)) if option == "--reason" => {
                reason = Some(read_reason(spec, behind)?);
                rest = "";
            }
            option => {
                let (word, behind) = word(spec, rest)?;
                match (option, &key) {
                    (Some((option, _)), Some(_)) if sets && value.is_none() && is_number(&option) => {
                        return Err(malformed(DASH_IN_QUOTES));
                    }
                    (Some(_), _) => return Err(unexpected(spec, &word)),
                    (None, None) => key = Some(read_key(spec, &word)?),
                    // A comma alone between a key and a value, or at the end.
                    (None, Some(_)) if !word.quoted && word.text.chars().all(|c| c == ',') && !sets => {}
                    (None, Some(_)) if !sets => return Err(malformed(ONE_KEY)),
                    (None, Some(_)) => {
                        if word.text.chars().count() > MAX_VALUE {
                            return Err(malformed(TOO_LONG_VALUE));
                        }
                        if value.replace(word.text).is_some() {
                            return Err(malformed(VALUE_IN_QUOTES));
                        }
                    }
                }
                rest = behind;
            }
        }
        rest = rest.trim_start();
    }
    let key = key.ok_or_else(|| missing("a flag key"))?;
    let to = match (spec.name, value) {
        ("on", _) => SwitchTo::On,
        ("off", _) => SwitchTo::Off,
        (_, Some(value)) => SwitchTo::Set(value),
        (_, None) => return Err(missing("a value")),
    };
    let Some(environment) = environment else {
        let in_reason = reason.as_deref().is_some_and(names_environment);
        return Err(missing(if in_reason { ENVIRONMENT_IN_REASON } else { NO_ENVIRONMENT }));
    };
    Ok(Command::Switch { key, environment, to, reason })
}

/// The first word, and what is behind it.
fn word<'a>(spec: &'static CommandSpec, text: &'a str) -> Result<(Word, &'a str), Misread> {
    let malformed = |why| Misread::Malformed { spec: Some(spec), why };
    let (mut word, behind) = first_word(text, char::is_whitespace).map_err(|_| malformed(UNCLOSED))?;
    if word.glued {
        // A comma does no harm.
        let Ok((alone, ",")) = first_word(text, |c| c.is_whitespace() || c == ',')
            .map(|(w, rest)| (w, rest.split_at(rest.len() - behind.len()).0))
        else {
            return Err(malformed(GLUED));
        };
        word = alone;
    }
    Ok((word, behind))
}

/// A word as a name: commas around it do not count, but one within it makes two names.
fn alone(word: &Word) -> Option<&str> {
    if word.quoted {
        return Some(word.text.trim());
    }
    let name = word.text.trim_matches(',');
    (!name.contains(',')).then_some(name)
}

fn read_key(spec: &'static CommandSpec, word: &Word) -> Result<String, Misread> {
    let malformed = |why| Misread::Malformed { spec: Some(spec), why };
    let key = alone(word).ok_or_else(|| malformed(ONE_KEY))?;
    match key.chars().count() {
        0 => Err(malformed(EMPTY_KEY)),
        1..=MAX_LENGTH => Ok(key.to_owned()),
        _ => Err(malformed(TOO_LONG_KEY)),
    }
}

/// The rest of the line as it is; quotes around all of it come off.
fn read_reason(spec: &'static CommandSpec, rest: &str) -> Result<String, Misread> {
    let reason = without_quotes(rest.trim());
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Misread::Missing { spec, what: "a reason behind --reason" });
    }
    if reason.chars().count() > MAX_REASON {
        return Err(Misread::Malformed { spec: Some(spec), why: TOO_LONG_REASON });
    }
    Ok(reason.to_owned())
}

/// Whether what looks like an option is a number below zero.
fn is_number(option: &str) -> bool {
    option.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit())
}

/// Whether the environment was put behind the reason, which takes the rest of the line.
fn names_environment(reason: &str) -> bool {
    reason.split_whitespace().any(|word| first_option(word).is_some_and(|(option, _)| option == "--env"))
}
