//! The marker file: which schema the database beside it has, read before sled touches anything.

use std::fs;
use std::io;
use std::path::Path;

use super::open_error::OpenError;
use super::place::Place;
use super::schema::SCHEMA_VERSION;

/// The schema of the store in that folder, without opening it; `None` where there is no database yet.
///
/// # Errors
/// As opening it would say.
pub fn schema_in(root: &Path) -> Result<Option<u32>, OpenError> {
    let place = Place { root: root.to_owned() };
    let found = marked_schema(&place)?;
    found.map(|found| check_schema(&place, found).map(|()| found)).transpose()
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
