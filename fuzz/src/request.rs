//! A webhook request as a file: lines of `name: value`, an empty line, and the body.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The request.
pub(super) struct Request<'a> {
    /// By lower-case name, as the listener hands them on.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: &'a [u8],
}

impl<'a> Request<'a> {
    /// Reads it. Without an empty line everything is body.
    pub(super) fn read(data: &'a [u8]) -> Self {
        let Some(end) = data.windows(2).position(|two| two == b"\n\n") else {
            return Self { headers: BTreeMap::new(), body: data };
        };
        let head = String::from_utf8_lossy(&data[..end]);
        let headers = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self { headers, body: &data[end + 2..] }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// Every text and every whole number in a JSON value: whatever is made of it must be among these.
#[derive(Default)]
pub(super) struct Inside {
    pub(super) texts: BTreeSet<String>,
    pub(super) numbers: BTreeSet<u64>,
}

impl Inside {
    /// What is in it; nothing where it is no JSON, or deeper than a reader goes.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let mut inside = Self::default();
        inside.take(&serde_json::from_slice(body).ok()?);
        Some(inside)
    }

    pub(super) fn take(&mut self, value: &Value) {
        match value {
            Value::String(text) => {
                // GitLab's ids come as text, too.
                self.numbers.extend(text.trim().parse::<u64>().ok());
                self.texts.insert(text.clone());
            }
            Value::Number(number) => self.numbers.extend(number.as_u64()),
            Value::Array(list) => list.iter().for_each(|inner| self.take(inner)),
            Value::Object(fields) => fields.values().for_each(|inner| self.take(inner)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// Whether it is one of the texts, or a part of one.
    pub(super) fn says(&self, text: &str) -> bool {
        self.texts.contains(text) || self.texts.iter().any(|whole| whole.contains(text))
    }
}
