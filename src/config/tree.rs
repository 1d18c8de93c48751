//! The configuration as a tree in which every value knows where it was written, so that an error about it
//! can name the line (or the environment variable) long after the file was read.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ConfigError;
use super::error::suggestion;

/// What the names of environment variables that override a key begin with.
const PREFIX: &str = "FLAGLINK_";

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the file, on that line (from 1).
    Line(Arc<str>, usize),
    /// In that environment variable.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(file, line) => write!(f, "{file}:{line}"),
            Self::Variable(name) => write!(f, "environment variable {name}"),
        }
    }
}

/// A value and where it was written.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) data: Data,
}

/// A value.
#[derive(Clone)]
pub(crate) enum Data {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Date(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
    /// From the environment: its type is what the key wants it to be.
    Word(String),
}

/// One key of a table.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

impl Node {
    /// An empty table that stands nowhere but for the file as a whole.
    pub(crate) fn empty(place: Place) -> Self {
        Self { place, data: Data::Table(Vec::new()) }
    }

    /// The entries, if it is a table.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Table(entries) => entries,
            _ => &[],
        }
    }

    /// The entry of that key.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// Takes the key out of the table.
    pub(crate) fn take(&mut self, key: &str) -> Option<Entry> {
        let Data::Table(entries) = &mut self.data else { return None };
        let at = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(at))
    }

    /// The text at that key, if there is one and it is a text.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match &self.entry(key)?.value.data {
            Data::Text(text) | Data::Word(text) => Some(text),
            _ => None,
        }
    }
}

/// Reads TOML.
pub(crate) fn parse(text: &str, file: &Path) -> Result<Node, ConfigError> {
    let lines = Lines::new(text, file);
    // The parser's own rendering quotes the source line. A line of a configuration may hold a secret that was
    // put there by mistake, and errors end up in logs, so only its message and the line number are passed on.
    let table = DeTable::parse(text).map_err(|error| {
        let place = lines.place(error.span().unwrap_or(0..0));
        ConfigError(format!("{place}: this is not TOML: {}", error.message().trim().replace('\n', "; ")))
    })?;
    let mut node = lines.table(table.get_ref(), 0..0)?;
    node.place = lines.place(0..0);
    Ok(node)
}

/// Turns offsets into lines.
struct Lines {
    file: Arc<str>,
    starts: Vec<usize>,
}

impl Lines {
    fn new(text: &str, file: &Path) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { file: file.display().to_string().into(), starts: std::iter::once(0).chain(breaks).collect() }
    }

    fn place(&self, span: Range<usize>) -> Place {
        Place::Line(self.file.clone(), self.starts.partition_point(|start| *start <= span.start))
    }

    fn table(&self, table: &DeTable<'_>, span: Range<usize>) -> Result<Node, ConfigError> {
        // The parser sorts keys; people see theirs in the order in which they wrote them.
        let mut pairs: Vec<_> = table.iter().collect();
        pairs.sort_by_key(|(key, _)| key.span().start);
        let mut entries = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            entries.push(Entry {
                key: key.get_ref().to_string(),
                place: self.place(key.span()),
                value: self.value(value)?,
            });
        }
        Ok(Node { place: self.place(span), data: Data::Table(entries) })
    }

    fn value(&self, value: &Spanned<DeValue<'_>>) -> Result<Node, ConfigError> {
        let place = self.place(value.span());
        let too_large = || ConfigError(format!("{place}: this number is too large"));
        let data = match value.get_ref() {
            DeValue::String(text) => Data::Text(text.to_string()),
            DeValue::Integer(number) => {
                Data::Integer(i64::from_str_radix(number.as_str(), number.radix()).map_err(|_| too_large())?)
            }
            DeValue::Float(number) => Data::Float(number.as_str().parse().map_err(|_| too_large())?),
            DeValue::Boolean(is) => Data::Bool(*is),
            DeValue::Datetime(date) => Data::Date(date.to_string()),
            DeValue::Array(items) => {
                Data::List(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => return self.table(table, value.span()),
        };
        Ok(Node { place, data })
    }
}

/// Puts the environment over the file: `FLAGLINK_PROVIDERS__FLAGSMITH__URL` is `url` in
/// `[providers.flagsmith]`. Variables without `__` are not overrides.
pub(crate) fn override_from(root: &mut Node, env: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    for (name, value) in env {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let segments: Vec<&str> = path.split("__").collect();
        let [tables @ .., key] = segments.as_slice() else { continue };
        if tables.is_empty() {
            continue;
        }
        let place = Place::Variable(name.clone());
        if segments.iter().any(|segment| segment.is_empty()) {
            return Err(ConfigError(format!(
                "{place}: between `__` there must be the name of a table or key"
            )));
        }
        let mut table = &mut *root;
        for segment in tables {
            table = step_into(table, segment, &place)?;
        }
        set(table, key, value, &place);
    }
    Ok(())
}

/// Environment variables know neither lower case nor `-`.
fn same_name(key: &str, segment: &str) -> bool {
    key.len() == segment.len()
        && key.bytes().zip(segment.bytes()).all(|(key, segment)| {
            let key = if key == b'-' { b'_' } else { key };
            key.eq_ignore_ascii_case(&segment)
        })
}

/// The key that a segment names: one that is there, or the segment in lower case.
fn key_for(node: &Node, segment: &str) -> String {
    node.entries()
        .iter()
        .find(|entry| same_name(&entry.key, segment))
        .map_or_else(|| segment.to_lowercase(), |entry| entry.key.clone())
}

fn step_into<'a>(node: &'a mut Node, segment: &str, place: &Place) -> Result<&'a mut Node, ConfigError> {
    let wanted = key_for(node, segment);
    let not_a_table = ConfigError(format!(
        "{place}: `{wanted}` is not a table, so no key of it can be set from the environment"
    ));
    let Data::Table(entries) = &mut node.data else { return Err(not_a_table) };
    let at = entries.iter().position(|entry| entry.key == wanted).unwrap_or_else(|| {
        let value = Node::empty(place.clone());
        entries.push(Entry { key: wanted.clone(), place: place.clone(), value });
        entries.len() - 1
    });
    match entries.get_mut(at) {
        Some(entry) if matches!(entry.value.data, Data::Table(_)) => Ok(&mut entry.value),
        Some(entry) if matches!(entry.value.data, Data::List(_)) => Err(ConfigError(format!(
            "{place}: `[[{wanted}]]` is a list of tables, which cannot be set from the environment: \
             write it into the file"
        ))),
        _ => Err(not_a_table),
    }
}

fn set(node: &mut Node, segment: &str, value: &str, place: &Place) {
    let key = key_for(node, segment);
    node.take(&key);
    // A secret comes from a file or from a variable. Naming one of them in the environment replaces the other
    // one of the file; both in the environment is the contradiction that it looks like, and is reported later.
    for (one, other) in [("_file", "_env"), ("_env", "_file")] {
        if let Some(stem) = key.strip_suffix(one) {
            let sibling = format!("{stem}{other}");
            let from_file = node.entry(&sibling).is_some_and(|entry| matches!(entry.place, Place::Line(..)));
            if from_file {
                node.take(&sibling);
            }
        }
    }
    let Data::Table(entries) = &mut node.data else { return };
    entries.push(Entry {
        key,
        place: place.clone(),
        value: Node { place: place.clone(), data: Data::Word(value.to_owned()) },
    });
}

/// The error for a key that is not known there.
pub(crate) fn unknown_key(table: &str, entry: &Entry, known: &[&str]) -> ConfigError {
    let Entry { key, place, .. } = entry;
    let shown = shown_key(key);
    let from_file = format!("{key}_file");
    if known.contains(&from_file.as_str()) {
        return ConfigError(format!(
            "{place}: {table} has no key `{shown}`, because secrets are never written into the configuration itself. \
             Put it into a file and write `{from_file} = \"…\"`, or into an environment variable and write \
             `{key}_env = \"NAME\"`."
        ));
    }
    let keys = suggestion(key, known, "keys there");
    ConfigError(format!("{place}: {table} has no key `{shown}`. {keys}"))
}

/// A key as it is shown: control characters and great length would only hide the message.
fn shown_key(key: &str) -> String {
    let shown: String = key.chars().take(64).flat_map(char::escape_debug).collect();
    if key.chars().count() > 64 { format!("{shown}…") } else { shown }
}
