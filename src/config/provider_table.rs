//! A provider's own part of the configuration: handed over raw, read by the provider itself.

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

/// What is wrong with the configuration, for people: the file, the line, what and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// One `[providers.NAME]` table with its place in the file.
#[derive(Debug, Clone)]
pub struct ProviderTable {
    /// The table's name: how people name the provider.
    pub name: String,
    /// `kind`.
    pub kind: String,
}

impl ProviderTable {
    /// Reads the table (without `kind`) as `T`. Unknown keys, wrong types and missing keys are errors that name the
    /// line and the nearest known key.
    pub fn read<T: DeserializeOwned + JsonSchema>(&self) -> Result<T, ConfigError> {
        todo!()
    }

    /// The secret that `<what>_file` or `<what>_env` names; `None` where neither is given. Several lines are several
    /// secrets (rotation), in order; blank lines do not count.
    pub fn secrets(&self, _what: &str) -> Result<Option<Vec<SecretString>>, ConfigError> {
        todo!()
    }

    /// An error about one key of this table, with its line.
    pub fn error(&self, _key: &str, _message: &str) -> ConfigError {
        todo!()
    }
}
