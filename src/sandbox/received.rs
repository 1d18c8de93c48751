//! The requests that a sandbox server received, as its log keeps them.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;

/// One request as it is kept in the log.
#[derive(Debug, Clone)]
pub struct Received {
    /// When it came.
    pub at: Timestamp,
    /// Method.
    pub method: String,
    /// Path as it was sent.
    pub path: String,
    /// Query as it was sent; empty where there is none.
    pub query: String,
    /// Headers, names in lower case. What is sent twice is joined with `, `.
    pub headers: BTreeMap<String, String>,
    /// Body; empty where it was not read.
    pub body: Bytes,
    /// Who sent it, as far as the server could tell.
    pub who: Option<String>,
    /// The status that it was answered with; `None`: not answered, or not yet.
    pub status: Option<u16>,
    /// How long it took from its head to its answer being ready; `None`: not answered, or not yet.
    pub took: Option<std::time::Duration>,
    /// What was done wrong with it on purpose, if anything.
    pub fault: Option<String>,
}

impl Received {
    /// A request that has just come in.
    pub fn new(method: &Method, path: &str, query: &str, headers: &HeaderMap, who: Option<String>) -> Self {
        let mut kept = BTreeMap::<String, String>::new();
        for (name, value) in headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            kept.entry(name.as_str().to_owned())
                .and_modify(|old| *old = format!("{old}, {value}"))
                .or_insert_with(|| value.into_owned());
        }
        Self {
            at: Timestamp::now(),
            method: method.as_str().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: kept,
            body: Bytes::new(),
            who,
            status: None,
            took: None,
            fault: None,
        }
    }

    /// Path and query as they were sent.
    pub fn path_and_query(&self) -> String {
        if self.query.is_empty() { self.path.clone() } else { format!("{}?{}", self.path, self.query) }
    }

    /// The body as JSON; `Null` where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path_and_query())?;
        match self.status {
            Some(status) => write!(f, " -> {status}")?,
            None => write!(f, " -> no answer")?,
        }
        if let Some(who) = &self.who {
            write!(f, ", {who}")?;
        }
        if let Some(fault) = &self.fault {
            write!(f, " [{fault}]")?;
        }
        Ok(())
    }
}
