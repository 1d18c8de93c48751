//! The configuration: the file, its defaults, its validation, its secrets.
//!
//! `file` holds the tables as people write them, with their documentation; [`Config::load`] makes the checked
//! settings of them. Nothing here reads the process environment: the caller passes it in.

mod content;
mod error;
mod file;
mod hooks;
mod limits;
mod load;
mod marker_key;
mod pattern;
mod places;
mod provider_table;
mod read;
mod reference;
mod reminder;
mod role;
mod rules;
mod secret;
mod section;
mod settings;
mod span;
mod star;
mod templates;
mod toggle;
mod tree;
mod tunnel;

pub use content::Content;
pub use error::ConfigError;
pub(crate) use error::suggestion;
pub use hooks::Hooks;
pub use limits::Limits;
pub use load::{Config, DEFAULT_PLACES, find};
pub use marker_key::MarkerKeySource;
pub(crate) use pattern::{EnvironmentPattern, covers};
pub use places::Places;
pub use provider_table::ProviderTable;
pub use reference::{EXAMPLE, configuration_markdown};
pub use reminder::Reminder;
pub use role::{Role, Values};
pub use rules::{ProjectRule, Rules};
pub use section::SecretFile;
pub(crate) use section::travels_in_the_clear;
pub use settings::{GitlabSettings, Listen, StoreSettings};
pub use span::{ParseSpanError, Span};
pub use star::fits;
pub use templates::TemplateFile;
pub use tunnel::{Embedded, HostPattern, NamedAgents, TunnelSettings};
