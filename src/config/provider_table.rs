//! A provider's own part of the configuration: handed over raw, read by the provider itself.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use super::ConfigError;
use super::section::Section;
use super::tree::Data;

/// The keys that every provider has, whatever its kind.
pub(crate) const COMMON_KEYS: [&str; 2] = ["kind", "formerly"];

/// One `[providers.NAME]` table with its place in the file.
#[derive(Clone)]
pub struct ProviderTable {
    /// The table's name: how people name the provider.
    pub name: String,
    /// `kind`.
    pub kind: String,
    /// Names that this provider had before, so that links made under them are found again.
    pub formerly: Vec<String>,
    /// The table.
    pub(crate) section: Section,
}

impl fmt::Debug for ProviderTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whatever else stands in the table is not known to be harmless.
        f.debug_struct("ProviderTable")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("formerly", &self.formerly)
            .finish_non_exhaustive()
    }
}

impl ProviderTable {
    /// Reads the table (without `kind` and `formerly`) as `T`. Unknown keys, wrong types and missing keys are errors that
    /// name the line and the nearest known key.
    ///
    /// `T` is a struct without `#[serde(flatten)]`. It has a field for every key, also for `<what>_file` and
    /// `<what>_env` of each of its secrets (as `Option<String>`; [`secrets`](Self::secrets) reads what they name), since the
    /// reference documents the fields that are there.
    pub fn read<T: DeserializeOwned + JsonSchema>(&self) -> Result<T, ConfigError> {
        let mut own = self.section.clone();
        for common in COMMON_KEYS {
            own.node_mut().take(common);
        }
        own.read()
    }

    /// The secrets that `<what>_file` or `<what>_env` names; `None` where neither is given. Several lines are several
    /// secrets (rotation), in order; blank lines do not count.
    pub fn secrets(&self, what: &str) -> Result<Option<Vec<SecretString>>, ConfigError> {
        self.section.secrets(what)
    }

    /// That a token or key from there has nothing around it that belongs to where it was copied from.
    ///
    /// # Errors
    /// Where it has; the words do not show it.
    pub fn check_token(&self, what: &str, token: &SecretString) -> Result<(), ConfigError> {
        self.section.check_token(what, token)
    }

    /// Where the file is that a key of this table names (`ca_file`): looked for as secrets are, in the credentials
    /// directory and beside the configuration. `None` where the key is not given; an error where the file is not there.
    pub fn file(&self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        let Some(name) = self.section.node().text(key) else { return Ok(None) };
        self.section.around().find_or_say(name).map(Some).map_err(|why| self.section.error(key, why))
    }

    /// An error about one key of this table, with its line.
    pub fn error(&self, key: &str, message: &str) -> ConfigError {
        self.section.error(key, message)
    }

    /// An error about the key or token by which the service is spoken to, at the place where it is named.
    pub(crate) fn error_of_key(&self, message: &str) -> ConfigError {
        let names = |key: &&str| key.ends_with("_file") || key.ends_with("_env");
        let other = |key: &&str| key.starts_with("webhook_") || *key == "ca_file";
        let keys = self.section.node().entries().iter().map(|entry| entry.key.as_str());
        let named = keys.filter(names).find(|key| !other(key));
        self.error(named.unwrap_or("kind"), message)
    }

    /// All that the table says, and what is now in the files and variables that it names: by it is known whether it is another one.
    /// Holds secrets.
    pub(crate) fn whole(&self) -> SecretString {
        let mut whole = format!("{:?}", self.formerly);
        said(&self.section.node().data, &mut whole);
        for entry in self.section.node().entries() {
            let what = entry.key.strip_suffix("_file").or_else(|| entry.key.strip_suffix("_env"));
            let secrets =
                what.filter(|what| *what != "ca").and_then(|what| self.secrets(what).ok().flatten());
            for secret in secrets.iter().flatten() {
                whole.push_str(&format!("\n{} {}", entry.key, secret.expose_secret()));
            }
        }
        whole.into()
    }

    /// An error about `kind`: `known` are the kinds that there are, `later` those that a later version will have.
    pub fn unknown_kind(&self, known: &[&str], later: &[&str]) -> ConfigError {
        if later.contains(&self.kind.as_str()) {
            return self.section.later("kind", &format!("the kind `{}`", self.kind));
        }
        let shown: String = self.kind.chars().take(64).flat_map(char::escape_debug).collect();
        let suggestion = super::error::suggestion(&self.kind, known, "kinds of provider");
        self.section.error("kind", format_args!("there is no kind of provider `{shown}`. {suggestion}"))
    }
}

/// What a value says, wherever it stands.
fn said(data: &Data, into: &mut String) {
    match data {
        Data::Text(text) | Data::Date(text) | Data::Word(text) => into.push_str(&format!("{text:?},")),
        Data::Integer(number) => into.push_str(&format!("{number},")),
        Data::Float(number) => into.push_str(&format!("{number},")),
        Data::Bool(is) => into.push_str(&format!("{is},")),
        Data::List(values) => values.iter().for_each(|value| said(&value.data, into)),
        Data::Table(entries) => {
            for entry in entries {
                into.push_str(&format!("{:?}=", entry.key));
                said(&entry.value.data, into);
            }
        }
    }
}
