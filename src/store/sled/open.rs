//! Opening the store.

use std::fs::DirBuilder;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use super::database::Database;
use super::lock::Lock;
use super::open_error::OpenError;
use super::options::StoreOptions;
use super::place::Place;
use super::reserve::Reserve;
use super::user::user_name;

/// Makes the folder where it is missing, takes the lock, and opens what is in there.
pub(super) fn open(root: &Path, options: &StoreOptions) -> Result<(Place, Lock, Database), OpenError> {
    let place = Place { root: root.to_owned() };
    // What people write in comments is nobody else's business on this machine.
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(root)
        .map_err(|error| OpenError::of_io(root, error))?;
    refuse_strangers(&place)?;
    let lock = Lock::take(root)?;
    let database = match Database::open(&place, options) {
        // Whoever was stopped on a full disk comes back, and works off what waits.
        Err(error) if error.is_of_full_disk() => {
            Reserve::new(&place, options.reserve).let_go();
            Database::open(&place, options)?
        }
        opened => opened?,
    };
    Ok((place, lock, database))
}

/// What is written into the database of somebody else's flaglink, that one could not open any more; root can, and must not. The folder
/// itself tells nothing: a volume's may be anybody's.
fn refuse_strangers(place: &Place) -> Result<(), OpenError> {
    let ours = rustix::process::geteuid().as_raw();
    match std::fs::metadata(place.log()) {
        Ok(about) if about.uid() != ours => {
            let (owner, ours) = (user_name(about.uid()), user_name(ours));
            Err(OpenError::Strangers { path: place.root.clone(), owner, ours })
        }
        _ => Ok(()),
    }
}
