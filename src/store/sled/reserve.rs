//! Room on the disk that is kept for bad times.
//!
//! On a full disk sled can neither write that something is done nor be opened again, for which it writes first: what waits
//! there would wait for ever, and with it the room that it takes. So a file that means nothing lies beside the database. When
//! the database cannot be written, or not be opened, the file goes, nothing new is taken, and what waits is worked off in the room that it
//! leaves. As soon as the file can be written again, everything is as before.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::place::Place;

/// Of the database that much more is kept: what sled writes when it is opened grows with it.
const SHARE: u64 = 32;
/// The most that is kept, in bytes.
const MOST: u64 = 64 * 1024 * 1024;
/// Where nothing waits that could use it up, this part of what should be there will do.
const PART: u64 = 4;
/// How often it is tried to write the file again.
const AGAIN: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(super) struct Reserve {
    file: PathBuf,
    database: PathBuf,
    /// What there is at least, in bytes; 0: this store keeps none.
    least: u64,
    /// How long the file is; 0: it is not there. Read by those who must not wait while it is written.
    len: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    tried: Option<Instant>,
    /// It was said that there is no room.
    told: bool,
}

impl Reserve {
    /// Knows of no file yet.
    pub(super) fn new(place: &Place, least: u64) -> Self {
        let file = place.root.join("reserve");
        Self { file, database: place.log(), least, len: AtomicU64::new(0), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is there, as far as is known.
    pub(super) fn is_there(&self) -> bool {
        self.least == 0 || self.len.load(Ordering::Relaxed) > 0
    }

    /// Gives the room to the database.
    pub(super) fn let_go(&self) {
        if self.least == 0 {
            return;
        }
        let _alone = self.state();
        match fs::remove_file(&self.file) {
            Ok(()) => tracing::warn!("the room that was kept on the disk is used; nothing new is taken"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "the room that was kept on the disk cannot be used"),
        }
        self.len.store(0, Ordering::Relaxed);
    }

    /// Sees to it that it is there. Returns whether it is. `idle`: nothing waits.
    pub(super) fn tend(&self, idle: bool) -> bool {
        if self.least == 0 {
            return true;
        }
        let mut state = self.state();
        let wanted =
            (self.least + fs::metadata(&self.database).map_or(0, |about| about.len()) / SHARE).min(MOST);
        // It need not be exact, and writing costs something.
        let before = self.len.load(Ordering::Relaxed);
        if before >= wanted / 2 || state.tried.is_some_and(|at| at.elapsed() < AGAIN) {
            return before > 0;
        }
        state.tried = Some(Instant::now());
        let (len, failed) = self.write(wanted);
        let enough = if before > 0 || idle { wanted / PART } else { wanted };
        if len >= enough {
            self.len.store(len, Ordering::Relaxed);
            if std::mem::take(&mut state.told) {
                tracing::info!("the disk has room again");
            }
            return true;
        }
        if let Err(error) = fs::remove_file(&self.file) {
            tracing::debug!(%error, "what was begun of the reserve is still there");
        }
        self.len.store(0, Ordering::Relaxed);
        if !std::mem::replace(&mut state.told, true) {
            let why = failed.map(|error| error.to_string());
            tracing::warn!(wanted, why, "the disk has too little room; nothing new is taken until it has");
        }
        false
    }

    /// Makes the file as long as that, or as long as it can be; returns how long it is, and why it is not longer.
    fn write(&self, wanted: u64) -> (u64, Option<io::Error>) {
        let opened = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.file);
        let mut file = match opened {
            Ok(file) => file,
            Err(error) => return (0, Some(error)),
        };
        let failed = fill(&mut file, wanted).and_then(|()| file.sync_data()).err();
        // What is not on the disk yet may never get there.
        let len = if failed.is_none() || file.sync_data().is_ok() {
            file.metadata().map_or(0, |a| a.len())
        } else {
            0
        };
        (len, failed)
    }
}

/// Appends what takes up room also on a disk that compresses.
fn fill(file: &mut File, wanted: u64) -> io::Result<()> {
    let mut left = wanted.saturating_sub(file.metadata()?.len());
    let mut state = 0x9E37_79B9_7F4A_7C15_u64 ^ left;
    while left > 0 {
        let piece: Vec<u8> = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_be_bytes()
        })
        .flatten()
        .take(usize::try_from(left.min(256 * 1024)).unwrap_or(0))
        .collect();
        file.write_all(&piece)?;
        left -= piece.len() as u64;
    }
    Ok(())
}
