//! `/flag on`, `off` and `set`: one flag, one environment, and why.

use super::parse::{EMPTY_KEY, MAX_LENGTH, TOO_LONG_KEY, UNCLOSED, unexpected};
use super::table::{Command, CommandSpec, Misread, SwitchTo};
use super::words::{Word, first_option, first_word, without_quotes};

/// How long a value may be, in characters.
pub const MAX_VALUE: usize = 2_000;
/// How long a reason may be, in characters.
pub const MAX_REASON: usize = 200;

const TOO_LONG_VALUE: &str = "A value has at most 2,000 characters here.";
const TOO_LONG_REASON: &str = "A reason has at most 200 characters.";
const TOO_LONG_ENVIRONMENT: &str = "The name of an environment has at most 250 characters.";
const ONE_KEY: &str = "It takes one flag key. Give each flag a line of its own.";
const ONE_ENVIRONMENT: &str = "It takes one environment. Give each environment a line of its own.";
const VALUE_IN_QUOTES: &str = "A value with spaces stands in quotes.";
const DASH_IN_QUOTES: &str = "A value that begins with a dash stands in quotes.";
const GLUED: &str = "There should be a space after a closing quote.";
const NO_KEY: &str = "a flag key";
const NO_VALUE: &str = "a value";
const NO_REASON: &str = "a reason: --reason TEXT";
const NO_ENVIRONMENT: &str = "an environment: --env NAME";
const ENVIRONMENT_IN_REASON: &str =
    "an environment: --env NAME, before --reason, which takes the rest of the line";

/// Reads what follows the command's name.
pub(super) fn read(spec: &'static CommandSpec, arguments: &str) -> Result<Command, Misread> {
    let mut line = Line { spec, key: None, value: None, environment: None, reason: None };
    let mut rest = arguments.trim_start();
    while !rest.is_empty() {
        rest = match first_option(rest) {
            Some((option, behind)) if option == "--env" => line.environment(behind.trim_start())?,
            Some((option, behind)) if option == "--reason" => line.reason(behind)?,
            Some((option, _)) => return Err(line.stranger(&option)),
            None => line.key_or_value(rest)?,
        }
        .trim_start();
    }
    line.command()
}

/// What was read of the line so far.
struct Line {
    spec: &'static CommandSpec,
    key: Option<String>,
    value: Option<String>,
    environment: Option<String>,
    reason: Option<String>,
}

/// Each of the readers takes the text from where it reads, and gives back what is behind that.
impl Line {
    fn malformed(&self, why: &'static str) -> Misread {
        Misread::Malformed { spec: Some(self.spec), why }
    }

    fn missing(&self, what: &'static str) -> Misread {
        Misread::Missing { spec: self.spec, what }
    }

    fn sets(&self) -> bool {
        self.spec.name == "set"
    }

    /// One word. A comma does not end it: it may be part of a value.
    fn word<'a>(&self, text: &'a str) -> Result<(Word, &'a str), Misread> {
        let (word, behind) = first_word(text, char::is_whitespace).map_err(|_| self.malformed(UNCLOSED))?;
        if word.glued { Err(self.malformed(GLUED)) } else { Ok((word, behind)) }
    }

    /// The name of one thing: `manifold` where commas make several of it.
    fn name(&self, word: &Word, manifold: &'static str) -> Result<String, Misread> {
        let name = word.text.trim();
        if word.quoted {
            return Ok(name.to_owned());
        }
        let name = name.trim_matches(',');
        if name.contains(',') { Err(self.malformed(manifold)) } else { Ok(name.to_owned()) }
    }

    fn environment<'a>(&mut self, text: &'a str) -> Result<&'a str, Misread> {
        if first_option(text).is_some() {
            return Err(self.missing(NO_ENVIRONMENT));
        }
        let (word, behind) = self.word(text)?;
        let name = self.name(&word, ONE_ENVIRONMENT)?;
        if name.is_empty() {
            return Err(self.missing(NO_ENVIRONMENT));
        }
        if name.chars().count() > MAX_LENGTH {
            return Err(self.malformed(TOO_LONG_ENVIRONMENT));
        }
        match self.environment.replace(name) {
            Some(_) => Err(self.malformed(ONE_ENVIRONMENT)),
            None => Ok(behind),
        }
    }

    /// The rest of the line as it is. Quotes around all of it are taken off.
    fn reason<'a>(&mut self, text: &'a str) -> Result<&'a str, Misread> {
        let text = without_quotes(text.trim());
        let reason = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if reason.is_empty() {
            return Err(self.missing(NO_REASON));
        }
        if reason.chars().count() > MAX_REASON {
            return Err(self.malformed(TOO_LONG_REASON));
        }
        self.reason = Some(reason);
        Ok("")
    }

    fn key_or_value<'a>(&mut self, text: &'a str) -> Result<&'a str, Misread> {
        let (word, behind) = self.word(text)?;
        if self.key.is_none() {
            let key = self.name(&word, ONE_KEY)?;
            if key.is_empty() {
                return Err(self.malformed(EMPTY_KEY));
            }
            if key.chars().count() > MAX_LENGTH {
                return Err(self.malformed(TOO_LONG_KEY));
            }
            self.key = Some(key);
            return Ok(behind);
        }
        if !self.sets() {
            return Err(self.malformed(ONE_KEY));
        }
        if word.text.chars().count() > MAX_VALUE {
            return Err(self.malformed(TOO_LONG_VALUE));
        }
        match self.value.replace(word.text) {
            Some(_) => Err(self.malformed(VALUE_IN_QUOTES)),
            None => Ok(behind),
        }
    }

    /// An option that these commands do not have, or a value that looks like one: `-5`.
    fn stranger(&self, option: &str) -> Misread {
        let number = option.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit() || c == '.');
        if number && self.sets() && self.key.is_some() && self.value.is_none() {
            return self.malformed(DASH_IN_QUOTES);
        }
        unexpected(self.spec, &Word { text: option.to_owned(), quoted: false, glued: false })
    }

    fn command(self) -> Result<Command, Misread> {
        let Some(key) = self.key else { return Err(Misread::Missing { spec: self.spec, what: NO_KEY }) };
        let to = match (self.spec.name, self.value) {
            ("on", _) => SwitchTo::On,
            ("off", _) => SwitchTo::Off,
            (_, Some(value)) => SwitchTo::Set(value),
            (_, None) => return Err(Misread::Missing { spec: self.spec, what: NO_VALUE }),
        };
        let Some(environment) = self.environment else {
            let in_reason = self.reason.is_some_and(|reason| {
                reason.split(' ').any(|word| first_option(word).is_some_and(|(option, _)| option == "--env"))
            });
            let what = if in_reason { ENVIRONMENT_IN_REASON } else { NO_ENVIRONMENT };
            return Err(Misread::Missing { spec: self.spec, what });
        };
        Ok(Command::Switch { key, environment, to, reason: self.reason })
    }
}
