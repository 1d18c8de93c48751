//! Compares JSON with a recording: the same keys, the same types, the same lengths, and the same values
//! wherever a value is not bound to one run of a server (moments, UUIDs, ULIDs, and what the comparison is told).

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value as Json;

/// How strictly values are compared.
#[derive(Debug)]
pub(crate) struct Comparison {
    moment: Regex,
    uuid: Regex,
    loose: Vec<String>,
    learned: BTreeMap<String, String>,
}

impl Default for Comparison {
    fn default() -> Self {
        Self {
            moment: Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(\d{3})?(Z|\+00:00)$").unwrap(),
            uuid: Regex::new("^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|0[0-9A-HJKMNP-TV-Z]{25})$")
                .unwrap(),
            loose: Vec::new(),
            learned: BTreeMap::new(),
        }
    }
}

impl Comparison {
    /// Compares the type alone of the fields of these names, for as long as this is not called again.
    pub(crate) fn only_types_of(&mut self, fields: &[&str]) {
        self.loose = fields.iter().map(|field| (*field).to_owned()).collect();
    }

    /// The text with everything of the recording replaced by what stands for it in this run.
    pub(crate) fn translated(&self, text: &str) -> String {
        self.learned.iter().fold(text.to_owned(), |text, (recorded, here)| text.replace(recorded, here))
    }

    /// What differs, one line each; empty where nothing does.
    pub(crate) fn differences(&mut self, recorded: &Json, here: &Json) -> Vec<String> {
        let mut found = Vec::new();
        self.walk("$", None, recorded, here, &mut found);
        found
    }

    fn walk(
        &mut self,
        path: &str,
        field: Option<&str>,
        recorded: &Json,
        here: &Json,
        found: &mut Vec<String>,
    ) {
        match (recorded, here) {
            (Json::Object(a), Json::Object(b)) => {
                for (key, value) in a {
                    match b.get(key) {
                        Some(other) => self.walk(&format!("{path}.{key}"), Some(key), value, other, found),
                        None => found.push(format!("{path}.{key}: missing (recorded: {value})")),
                    }
                }
                for (key, value) in b {
                    if !a.contains_key(key) {
                        found.push(format!("{path}.{key}: not in the recording (here: {value})"));
                    }
                }
            }
            (Json::Array(a), Json::Array(b)) => {
                if self.is_loose(field) && (a.is_empty() || b.is_empty()) {
                    return;
                }
                if a.len() != b.len() {
                    found.push(format!("{path}: {} entries recorded, {} here", a.len(), b.len()));
                }
                for (index, (value, other)) in a.iter().zip(b).enumerate() {
                    self.walk(&format!("{path}[{index}]"), field, value, other, found);
                }
            }
            (Json::String(a), Json::String(b)) => self.texts(path, field, a, b, found),
            _ if kind(recorded) != kind(here) => {
                found.push(format!("{path}: recorded {recorded}, here {here}"));
            }
            _ if recorded != here && !self.is_loose(field) => {
                found.push(format!("{path}: recorded {recorded}, here {here}"));
            }
            _ => {}
        }
    }

    fn texts(&mut self, path: &str, field: Option<&str>, a: &str, b: &str, found: &mut Vec<String>) {
        let differ = || format!("{path}: recorded {a:?}, here {b:?}");
        if self.moment.is_match(a) {
            let same_form =
                self.moment.is_match(b) && a.len() == b.len() && a.ends_with('Z') == b.ends_with('Z');
            if !same_form {
                found.push(differ());
            }
        } else if self.uuid.is_match(a) || field == Some("api_key") {
            if self.uuid.is_match(a) != self.uuid.is_match(b) || a.len() != b.len() {
                found.push(differ());
            } else if let Some(known) = self.learned.insert(a.to_owned(), b.to_owned())
                && known != b
            {
                found.push(format!("{path}: {a:?} was {known:?} before, and is {b:?} now"));
            }
        } else if a != b && !self.is_loose(field) {
            found.push(differ());
        }
    }

    fn is_loose(&self, field: Option<&str>) -> bool {
        field.is_some_and(|field| self.loose.iter().any(|loose| loose == field))
    }

    /// The value as text, with everything that is bound to one run made the same: to sort by, and to compare
    /// lists without order.
    pub(crate) fn masked(&self, json: &Json) -> String {
        self.mask(None, json).to_string()
    }

    fn mask(&self, field: Option<&str>, json: &Json) -> Json {
        match json {
            Json::Object(fields) => Json::Object(
                fields.iter().map(|(key, value)| (key.clone(), self.mask(Some(key), value))).collect(),
            ),
            Json::Array(items) => Json::Array(items.iter().map(|item| self.mask(field, item)).collect()),
            Json::Null => Json::Null,
            _ if self.is_loose(field) => Json::from(kind(json)),
            Json::String(text) if self.moment.is_match(text) => Json::from("a moment"),
            Json::String(text) if self.uuid.is_match(text) => Json::from("a UUID"),
            Json::String(_) if field == Some("api_key") => Json::from("a key"),
            other => other.clone(),
        }
    }
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a truth",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
