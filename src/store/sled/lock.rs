//! One owner at a time: the lock file of the store.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::open_error::{OpenError, Owner};

/// The lock, held until it is dropped; the system lets go of it when the process ends, however it ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of the store in `root` and writes our process id into the file.
    pub(super) fn take(root: &Path) -> Result<Self, OpenError> {
        let path = root.join("lock");
        let failed = |error| OpenError::of_io(&path, error);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Locked { path: root.to_owned(), owner: Owner(owner(&mut file)) });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // Only a help for people, so a full disk is no reason to fail here.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        Ok(Self { file })
    }
}

/// Who holds the lock of the store in `root` now; `None` where nobody does, or that cannot be told.
pub(super) fn holder(root: &Path) -> Option<Owner> {
    let mut file = OpenOptions::new().read(true).write(true).open(root.join("lock")).ok()?;
    // Let go of with the file.
    matches!(file.try_lock(), Err(TryLockError::WouldBlock)).then(|| Owner(owner(&mut file)))
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays: removing it would let two processes hold locks on two files of one name.
        let _ = self.file.set_len(0);
        let _ = self.file.unlock();
    }
}

fn owner(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
