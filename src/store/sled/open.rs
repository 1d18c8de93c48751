//! Opening the store, and what to tell people when that fails.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::database::Database;
use super::lock::{Lock, Owner, Place};

/// The layout of the store that this version reads and writes.
pub const SCHEMA_VERSION: u32 = 1;

/// How the store is to be opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// How much memory sled may use to keep pages, in bytes.
    pub cache_bytes: u64,
    /// So many inbox entries may wait; deliveries beyond are refused. What follows from those that were taken is not.
    pub backlog: u64,
    /// How much room on the disk is kept at least, in bytes, in which what waits can be worked off when the disk is full.
    /// 0: none, for whoever only looks.
    pub reserve: u64,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { cache_bytes: 32 * 1024 * 1024, backlog: u64::MAX, reserve: 0 }
    }
}

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
        "the store {} was written by an older flaglink (schema {found}; this one needs {SCHEMA_VERSION}) and cannot be converted. Nothing was touched. Run that older version again, or move {} away and start anew; links.jsonl beside it has the links.",
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
        "the store {} is damaged ({what}). Put back a backup of the whole folder. If there is none, move {} away and start again: flaglink then begins with an empty store, and links.jsonl beside it has the links as they were last saved.",
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
        "the store cannot be opened: {}: {error}. See that the disk is there, has room and can be written.",
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

/// Makes the folder where it is missing, takes the lock, and opens what is in there.
pub(super) fn open(root: &Path, options: &StoreOptions) -> Result<(Place, Lock, Database), OpenError> {
    let place = Place { root: root.to_owned() };
    // What people write in comments is nobody else's business on this machine.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(root)
        .map_err(|error| OpenError::of_io(root, error))?;
    let lock = Lock::take(root)?;
    let database = Database::open(&place, options)?;
    Ok((place, lock, database))
}

/// The schema of the store in that folder, without opening it; `None` where there is no database yet.
///
/// # Errors
/// As opening it would say.
pub fn schema_in(root: &Path) -> Result<Option<u32>, OpenError> {
    let place = Place { root: root.to_owned() };
    let found = marked_schema(&place)?;
    found.map(|found| check_schema(&place, found).map(|()| found)).transpose()
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The schema that the marker file names; `None` where there is no marker.
pub(super) fn marked_schema(place: &Place) -> Result<Option<u32>, OpenError> {
    let path = place.marker();
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| OpenError::Damaged {
            path: place.root.clone(),
            what: format!("{} holds no number", path.display()),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(OpenError::Damaged {
            path: place.root.clone(),
            what: format!("{} holds no number", path.display()),
        }),
        Err(error) => Err(OpenError::of_io(&path, error)),
    }
}

/// Whether this version can work with that schema.
pub(super) fn check_schema(place: &Place, found: u32) -> Result<(), OpenError> {
    let path = place.root.clone();
    match found.cmp(&SCHEMA_VERSION) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(OpenError::Newer { path, found }),
        std::cmp::Ordering::Less => Err(OpenError::Older { path, found }),
    }
}
