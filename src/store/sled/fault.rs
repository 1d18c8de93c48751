//! What can go wrong inside, and what the house gets to hear of it.

use crate::store::StoreError;

/// Why something could not be read or written.
#[derive(Debug)]
pub(super) enum Fault {
    /// The database refused.
    Database(::sled::Error),
    /// What was read makes no sense.
    Damaged(String),
}

impl Fault {
    /// What was read makes no sense.
    pub(super) fn damaged(what: String) -> Self {
        Self::Damaged(what)
    }

    /// Whether the database has to be opened anew: after one I/O error sled refuses everything for good.
    pub(super) fn is_fatal(&self) -> bool {
        matches!(self, Self::Database(::sled::Error::Io(_)))
    }
}

impl From<::sled::Error> for Fault {
    fn from(error: ::sled::Error) -> Self {
        Self::Database(error)
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        // The text names a place in the record, never its content.
        Self::Damaged(format!(
            "a record is not in the form that this version writes (line {}, column {})",
            error.line(),
            error.column()
        ))
    }
}

impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Damaged(what) => Self::Damaged(what),
            Fault::Database(::sled::Error::Io(error)) => Self::Unwritable(error.to_string()),
            Fault::Database(error) => Self::Damaged(error.to_string()),
        }
    }
}
