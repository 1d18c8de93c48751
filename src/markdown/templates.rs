//! The words of comments: templates, those that come with flaglink and those of a folder that are used in their place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{LazyLock, Mutex, PoisonError};

use minijinja::{Environment, UndefinedBehavior, Value};
use sha2::{Digest as _, Sha256};

use super::skeleton;
use crate::config::TemplateFile;

/// The files with the default words: name and text.
pub const DEFAULTS: [(&str, &str); 4] = [
    ("panel.jinja", include_str!("words/panel.jinja")),
    ("replies.jinja", include_str!("words/replies.jinja")),
    ("state.jinja", include_str!("words/state.jinja")),
    ("told.jinja", include_str!("words/told.jinja")),
];

/// How much work one template may make. Those that come with flaglink make a hundredth of it.
const FUEL: u64 = 50_000;

/// Why a phrase cannot be said so.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{phrase}`: {why}")]
pub struct TemplateError {
    /// Which phrase.
    pub phrase: String,
    /// The line in its text, from 0, where it is known.
    line: usize,
    why: String,
}

/// Where a phrase stands.
#[derive(Debug, Clone)]
struct Place {
    file: String,
    line: usize,
}

/// A set of words.
#[derive(Debug, Default)]
pub struct Templates {
    own: Option<Own>,
}

#[derive(Debug)]
struct Own {
    environment: Environment<'static>,
    places: BTreeMap<String, Place>,
    /// A digest of the files.
    print: Vec<u8>,
    /// Phrases that have failed, so that each is logged once.
    failed: Mutex<BTreeSet<String>>,
}

/// A phrase as it stands in a file: its name, the line of its text, its text on one line.
struct Section {
    name: String,
    line: usize,
    text: String,
}

/// Takes a file apart. A phrase begins with its name in brackets; its lines are put together with one space between them.
fn sections(text: &str) -> Vec<Section> {
    let mut found: Vec<Section> = Vec::new();
    let mut in_comment = false;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let name = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        if let Some(name) = name.filter(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')) {
            found.push(Section { name: name.to_owned(), line: at + 2, text: String::new() });
        } else if let Some(section) = found.last_mut() {
            section.text.push_str(line);
            section.text.push('\n');
        } else if in_comment || line.starts_with("{#") {
            in_comment = !line.ends_with("#}");
        } else if !line.is_empty() {
            found.push(Section { name: String::new(), line: at + 1, text: line.to_owned() });
        }
    }
    found
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment
}

/// The default words.
static COMES_WITH_IT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut all = environment();
    for (_, text) in DEFAULTS {
        for section in sections(text) {
            // That all of them are good is seen to by a test.
            let _ = all.add_template_owned(section.name, section.text);
        }
    }
    all
});

impl Templates {
    /// Reads the files of a folder. An error says where it is and what to do.
    pub(super) fn read(files: &[TemplateFile]) -> Result<Self, String> {
        if files.is_empty() {
            return Ok(Self::default());
        }
        let mut own = Own {
            environment: environment(),
            places: BTreeMap::new(),
            print: Vec::new(),
            failed: Mutex::default(),
        };
        let mut print = Sha256::new();
        for file in files {
            own.add(file)?;
            print.update(&file.text);
            print.update([0]);
        }
        own.print = print.finalize().to_vec();
        Ok(Self { own: Some(own) })
    }

    /// What makes these words others than those that come with flaglink; empty where nothing does.
    pub fn print(&self) -> &[u8] {
        self.own.as_ref().map_or(&[], |own| &own.print)
    }

    /// Says a phrase.
    pub(super) fn say(
        &self,
        name: &str,
        given: &BTreeMap<&'static str, Given>,
        pieces: &[String],
    ) -> Result<String, TemplateError> {
        let wrong = |line: usize, why: String| TemplateError { phrase: name.to_owned(), line, why };
        let own = self.own.as_ref().and_then(|own| own.environment.get_template(name).ok());
        let template = match own {
            Some(template) => template,
            None => {
                COMES_WITH_IT.get_template(name).map_err(|_| wrong(0, "there is no such phrase".into()))?
            }
        };
        let context: BTreeMap<String, Value> =
            given.iter().map(|(name, given)| ((*name).to_owned(), value(given))).collect();
        let skeleton = template
            .render(Value::from(context))
            .map_err(|error| wrong(error.line().unwrap_or(1).saturating_sub(1), words_of(&error)))?;
        let skeleton: Vec<&str> = skeleton.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        skeleton::filled(&skeleton.join(" "), pieces).map_err(|why| wrong(0, why))
    }

    /// Notes that a phrase could not be said: the default words are used, and that is logged once.
    pub(super) fn note_failure(&self, error: &TemplateError) {
        let Some(own) = &self.own else { return };
        let new = own.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(error.phrase.clone());
        if new {
            tracing::warn!(reason = self.placed(error), "a template fails; the default words are used");
        }
    }

    /// The error with the place of the template, and what can be done.
    pub(super) fn placed(&self, error: &TemplateError) -> String {
        let place = self.own.as_ref().and_then(|own| own.places.get(&error.phrase));
        let remedy = "Correct it, or take the phrase out: then the default words are used";
        match place {
            Some(Place { file, line }) => format!("{file}:{}: {error}. {remedy}.", line + error.line),
            None => format!("{error}."),
        }
    }
}

impl Own {
    fn add(&mut self, file: &TemplateFile) -> Result<(), String> {
        let shown = file.path.display().to_string();
        let names: Vec<&str> = DEFAULTS.iter().map(|(name, _)| *name).collect();
        if !names.contains(&file.name.as_str()) {
            return Err(format!(
                "{shown}:1: there is no template file of that name. {}",
                nearest(&file.name, &names)
            ));
        }
        if let Some(at) = file.text.lines().position(|line| line.contains(skeleton::is_sign)) {
            return Err(format!(
                "{shown}:{}: this has a character of private use, which nobody sees. Take it out.",
                at + 1
            ));
        }
        for section in sections(&file.text) {
            let line = section.line;
            if section.name.is_empty() {
                return Err(format!(
                    "{shown}:{line}: this stands before the first phrase. Put the phrase's name in brackets above it, such as \
                     [heading]."
                ));
            }
            let phrases: Vec<&str> = COMES_WITH_IT.templates().map(|(name, _)| name).collect();
            let Ok(default) = COMES_WITH_IT.get_template(&section.name) else {
                let why = nearest(&section.name, &phrases);
                return Err(format!("{shown}:{}: there is no phrase `{}`. {why}", line - 1, section.name));
            };
            if let Some(Place { file, line }) = self.places.get(&section.name) {
                return Err(format!(
                    "{shown}:{}: the phrase `{}` is in {file}:{} already. Take one of them away.",
                    section.line - 1,
                    section.name,
                    line - 1
                ));
            }
            self.environment.add_template_owned(section.name.clone(), section.text.clone()).map_err(
                |error| {
                    let at = line + error.line().unwrap_or(1).saturating_sub(1);
                    format!("{shown}:{at}: `{}` is no template: {}.", section.name, words_of(&error))
                },
            )?;
            let known = default.undeclared_variables(false);
            let own = self.environment.get_template(&section.name);
            let used = own.map(|own| own.undeclared_variables(false)).unwrap_or_default();
            let mut unknown: Vec<&String> = used.difference(&known).collect();
            unknown.sort();
            if let Some(name) = unknown.first() {
                let at = section.text.lines().position(|line| line.contains(name.as_str())).unwrap_or(0);
                let mut known: Vec<&str> = known.iter().map(String::as_str).collect();
                known.sort_unstable();
                let there =
                    if known.is_empty() { "There is none.".to_owned() } else { nearest(name, &known) };
                return Err(format!(
                    "{shown}:{}: `{}` has no variable `{name}`. {there}",
                    line + at,
                    section.name
                ));
            }
            self.places.insert(section.name, Place { file: shown.clone(), line });
        }
        Ok(())
    }
}

/// What a template is given: of pieces nothing but their places.
pub(super) enum Given {
    Nothing,
    Piece(usize),
    Pieces(Vec<usize>),
    Number(u64),
    Is(bool),
}

fn value(given: &Given) -> Value {
    let place = |number: &usize| Value::from(skeleton::place(*number));
    match given {
        Given::Nothing => Value::from(()),
        Given::Piece(number) => place(number),
        Given::Pieces(numbers) => Value::from(numbers.iter().map(place).collect::<Vec<Value>>()),
        Given::Number(number) => Value::from(*number),
        Given::Is(is) => Value::from(*is),
    }
}

/// What the engine says, in one line. It never sees outside text.
fn words_of(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

fn nearest(written: &str, known: &[&str]) -> String {
    let best = known
        .iter()
        .map(|name| (strsim::jaro_winkler(written, name), *name))
        .filter(|(near, _)| *near > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((_, name)) => format!("Did you mean `{name}`?"),
        None => format!("There are `{}`.", known.join("`, `")),
    }
}
