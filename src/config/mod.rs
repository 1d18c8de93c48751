//! The configuration: the file, its defaults, its validation, its secrets.

mod provider_table;
mod rules;

pub use provider_table::{ConfigError, ProviderTable};
pub use rules::{ProjectRule, Role, Rules, Values};
