//! What to tell people when the store cannot be opened.

use std::io;
use std::path::{Path, PathBuf};

use super::schema::SCHEMA_VERSION;

/// Why the store could not be opened, and what to do about it. For people.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else has it open.
    #[error(
        "the store {} is in use by {owner}. One store serves one flaglink: stop that one first, or give this one another `[store] path`.",
        path.display()
    )]
    Locked {
        /// The store.
        path: PathBuf,
        /// Who has it.
        owner: Owner,
    },
    /// There is something that is no folder.
    #[error(
        "{} is not a folder. Let `[store] path` name a folder; flaglink makes it when it is not there.",
        path.display()
    )]
    NotAFolder {
        /// What stands in the way.
        path: PathBuf,
    },
    /// The user that we run as may not.
    #[error(
        "no permission to use {}. The store and everything in it must belong to the user that runs flaglink.",
        path.display()
    )]
    NoPermission {
        /// What may not be opened.
        path: PathBuf,
    },
    /// It is the store of a flaglink that another user runs.
    #[error(
        "the store {} belongs to the user {owner}, and this runs as {ours}: what it writes there, that one's flaglink could not open any more. Run it as that user; a service of systemd's is started with `systemctl start`.",
        path.display()
    )]
    Strangers {
        /// The store.
        path: PathBuf,
        /// Whose it is.
        owner: String,
        /// Who we are.
        ours: String,
    },
    /// A newer version wrote it.
    #[error(
        "the store {} was written by a newer flaglink (schema {found}; this one knows {SCHEMA_VERSION}). Nothing was touched. Run that newer version again, or give this one another `[store] path`.",
        path.display()
    )]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its schema.
        found: u32,
    },
    /// An older version wrote it, and there is no way from there to here.
    #[error(
        "the store {} was written by an older flaglink (schema {found}; this one needs {SCHEMA_VERSION}) and cannot be converted. Nothing was touched. Run that older version again, or copy links.jsonl beside it elsewhere, move {} away, start anew, and bring the links back with `flaglink links import`.",
        path.display(),
        path.join("db").display()
    )]
    Older {
        /// The store.
        path: PathBuf,
        /// Its schema.
        found: u32,
    },
    /// A database of something else.
    #[error(
        "{} holds a database that flaglink did not make. Give flaglink a folder of its own in `[store] path`.",
        path.join("db").display()
    )]
    Foreign {
        /// The store.
        path: PathBuf,
    },
    /// What is there cannot be read.
    #[error(
        "the store {} is damaged ({what}). Put back a backup of the whole folder. If there is none, copy links.jsonl beside it elsewhere, move {} away and start again: flaglink then begins with an empty store, and `flaglink links import` brings back the links as they were last saved.",
        path.display(),
        path.join("db").display()
    )]
    Damaged {
        /// The store.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The disk is full, read-only or broken.
    #[error(
        "the store cannot be opened: {}: {error}. See that the disk is there, has room and can be written, and that `path` in [store] is the right folder.",
        path.display()
    )]
    Io {
        /// What was to be opened.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl OpenError {
    /// Whether there is no room on the disk.
    pub(super) fn is_of_full_disk(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { error, .. } if matches!(error.kind(), StorageFull | QuotaExceeded))
    }

    /// Sorts what the system said.
    pub(super) fn of_io(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::NoPermission { path },
            io::ErrorKind::NotADirectory => Self::NotAFolder { path },
            io::ErrorKind::AlreadyExists if !path.is_dir() => Self::NotAFolder { path },
            _ => Self::Io { path, error },
        }
    }
}

/// The process that holds a lock, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(pub Option<u32>);

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => f.write_str("another process"),
        }
    }
}
