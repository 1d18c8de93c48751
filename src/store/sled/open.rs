//! Opening the store.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use super::database::Database;
use super::lock::Lock;
use super::open_error::OpenError;
use super::options::StoreOptions;
use super::place::Place;

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
