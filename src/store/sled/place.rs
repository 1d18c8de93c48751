//! Where the parts of a store are.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Where the parts of a store are.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The store's own folder.
    pub(super) root: PathBuf,
}

impl Place {
    /// sled's folder.
    pub(super) fn database(&self) -> PathBuf {
        self.root.join("db")
    }

    /// sled's log, where everything is.
    pub(super) fn log(&self) -> PathBuf {
        self.database().join("db")
    }

    /// sled's folder for what is too large for its log.
    pub(super) fn blobs(&self) -> PathBuf {
        self.database().join("blobs")
    }

    /// Tells that a database was made here and in which schema; it is read before sled touches anything.
    pub(super) fn marker(&self) -> PathBuf {
        self.database().join("flaglink-schema")
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
