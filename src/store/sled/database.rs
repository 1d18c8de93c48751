//! sled 0.34 with the guards that it needs.
//!
//! - A kill while it writes its start-up snapshot leaves `snap.*.generating` behind, and the next open takes
//!   that for a damaged database: such files are removed before opening.
//! - `flush` does not reach the disk on Linux (it calls `sync_file_range`, which neither flushes the disk's
//!   cache nor writes the file's length): a second handle on its log is synced after each flush.
//! - Files for large values are never synced by sled: [`cell`](super::cell) avoids them, and those that
//!   appear all the same are synced here.
//! - It panics on some damaged files: opening catches that.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::keys;
use super::marker::{check_schema, marked_schema};
use super::open_error::{OpenError, Owner};
use super::options::StoreOptions;
use super::place::{Place, sync_folder};
use super::schema::SCHEMA_VERSION;

/// How long to wait for threads of sled that still hold the file of a handle that was dropped.
const PATIENCE: u32 = 60;
const PAUSE: Duration = Duration::from_millis(50);

/// The open database.
#[derive(Debug)]
pub(super) struct Database {
    tree: ::sled::Db,
    log: File,
    place: Place,
    synced_blobs: Mutex<HashSet<OsString>>,
}

impl Database {
    /// Opens the database, or makes it where there is none. The lock must be held.
    pub(super) fn open(place: &Place, options: &StoreOptions) -> Result<Self, OpenError> {
        let marked = marked_schema(place)?;
        if let Some(found) = marked {
            check_schema(place, found)?;
        }
        remove_unfinished_snapshots(place).map_err(|error| OpenError::of_io(&place.database(), error))?;

        let tree = open_sled(place, options)?;
        let log = File::open(place.log()).map_err(|error| OpenError::of_io(&place.log(), error))?;
        let database = Self { tree, log, place: place.clone(), synced_blobs: Mutex::new(HashSet::new()) };
        database.check_content(marked.is_some())?;
        Ok(database)
    }

    /// The one tree.
    pub(super) fn tree(&self) -> &::sled::Tree {
        &self.tree
    }

    /// Waits until everything that was applied is on the disk.
    pub(super) fn sync(&self) -> Result<(), ::sled::Error> {
        self.tree.flush()?;
        self.sync_blobs()?;
        self.log.sync_data()?;
        Ok(())
    }

    fn sync_blobs(&self) -> io::Result<()> {
        let folder = self.place.blobs();
        let mut synced = self.synced_blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut present = HashSet::new();
        let mut new = false;
        for file in fs::read_dir(&folder)? {
            let name = file?.file_name();
            if !synced.contains(&name) {
                match File::open(folder.join(&name)).and_then(|file| file.sync_all()) {
                    Ok(()) => new = true,
                    // sled's own thread cleans up at the same time.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
            }
            present.insert(name);
        }
        if new {
            sync_folder(&folder)?;
        }
        *synced = present;
        Ok(())
    }

    /// Reads the schema, or writes it into a database that was just made.
    fn check_content(&self, was_complete: bool) -> Result<(), OpenError> {
        let root = || self.place.root.clone();
        let refused = |error: ::sled::Error| of_sled(&self.place, error);
        let io = |error| OpenError::of_io(&self.place.database(), error);
        match self.tree.get(keys::SCHEMA).map_err(refused)? {
            Some(text) => {
                let found = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
                let Some(found) = found else {
                    return Err(OpenError::Damaged { path: root(), what: "its schema is no number".into() });
                };
                check_schema(&self.place, found)?;
            }
            None if was_complete => {
                let what = "what was in it is not there any more".into();
                return Err(OpenError::Damaged { path: root(), what });
            }
            None if !self.tree.is_empty() => return Err(OpenError::Foreign { path: root() }),
            None => {
                let schema = SCHEMA_VERSION.to_string();
                self.tree.insert(keys::SCHEMA, schema.as_bytes()).map_err(refused)?;
            }
        }
        // Also where nothing was written: what a handle before this one left to the system must be on the
        // disk before anybody is told that it is there.
        self.sync().map_err(refused)?;
        if !was_complete {
            for name in ["conf", "blobs"] {
                File::open(self.place.database().join(name)).and_then(|file| file.sync_all()).map_err(io)?;
            }
            let mut marker = File::create(self.place.marker()).map_err(io)?;
            writeln!(marker, "{SCHEMA_VERSION}").and_then(|()| marker.sync_all()).map_err(io)?;
        }
        sync_folder(&self.place.database()).map_err(io)?;
        sync_folder(&self.place.root).map_err(io)
    }
}

fn remove_unfinished_snapshots(place: &Place) -> io::Result<()> {
    let files = match fs::read_dir(place.database()) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for file in files {
        let name = file?.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            tracing::info!(file = %name, "removing a start-up snapshot that was never finished");
            fs::remove_file(place.database().join(name.as_ref()))?;
        }
    }
    Ok(())
}

fn open_sled(place: &Place, options: &StoreOptions) -> Result<::sled::Db, OpenError> {
    let mut tries = 0;
    loop {
        let config = ::sled::Config::new().path(place.database()).cache_capacity(options.cache_bytes);
        match catch_unwind(AssertUnwindSafe(|| config.open())) {
            Ok(Ok(tree)) => return Ok(tree),
            Ok(Err(::sled::Error::Io(error))) if is_locked(&error) => {
                // We hold our own lock, so this is a thread of a handle that we have just dropped, or
                // another program altogether.
                tries += 1;
                if tries > PATIENCE {
                    return Err(OpenError::Locked { path: place.root.clone(), owner: Owner(None) });
                }
                std::thread::sleep(PAUSE);
            }
            Ok(Err(error)) => return Err(of_sled(place, error)),
            Err(_panic) => {
                let what = "the database library gave up on it".to_owned();
                return Err(OpenError::Damaged { path: place.root.clone(), what });
            }
        }
    }
}

/// sled has no kind of its own for this.
fn is_locked(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Other && error.to_string().contains("could not acquire lock")
}

fn of_sled(place: &Place, error: ::sled::Error) -> OpenError {
    match error {
        ::sled::Error::Io(error) => OpenError::of_io(&place.database(), error),
        ::sled::Error::Corruption { at: Some(at), .. } => {
            OpenError::Damaged { path: place.root.clone(), what: format!("unreadable at {at:?}") }
        }
        ::sled::Error::Corruption { at: None, .. } => {
            OpenError::Damaged { path: place.root.clone(), what: "its files do not fit together".to_owned() }
        }
        error => OpenError::Damaged { path: place.root.clone(), what: error.to_string() },
    }
}
