//! For whom a flag is on, and what users get where it is.

use serde::{Deserialize, Serialize};

/// One way in which a service decides for whom a flag is on, where it has such ways.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Strategy {
    /// Its name, as the service calls it.
    pub name: String,
    /// For what share of users, in percent, where it goes by a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// Whether it is for some users only: by constraints, segments or lists of users.
    #[serde(default)]
    pub limited: bool,
}

/// One of several things that users may get where the flag is on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// What share of users gets it, in percent, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}
