//! A noteable and a flag, joined.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FlagRef, NoteSource, UserId};

/// A GitLab user, as GitLab named them when it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The numeric id; the only thing that counts in a comparison.
    pub id: UserId,
    /// The user name, without `@`.
    pub username: String,
}

/// A link: this flag belongs to the noteable in whose record the link stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The flag.
    pub flag: FlagRef,
    /// The provider's internal id of the flag when it was linked.
    pub internal_id: String,
    /// Who linked it.
    pub by: Person,
    /// When, by GitLab's clock.
    pub at: Timestamp,
    /// From which text.
    pub from: NoteSource,
}
