//! What readers and the committer share: the handle of the database, which can be replaced, and the numbers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::database::Database;
use super::fault::Fault;
use super::keys::{self, kind};
use super::open_error::OpenError;
use super::options::StoreOptions;
use super::place::Place;
use super::reserve::Reserve;
use super::view;
use crate::store::{Backlog, StoreError};

/// The database, or why there is none at the moment.
#[derive(Debug)]
pub(super) enum Handle {
    Open(Box<Database>),
    Shut(StoreError),
}

/// See the module.
#[derive(Debug)]
pub(super) struct Shared {
    place: Place,
    options: StoreOptions,
    pub(super) reserve: Reserve,
    handle: RwLock<Handle>,
    /// A reader has met an I/O error: the handle is to be replaced before anything is written.
    suspect: AtomicBool,
    last_number: AtomicU64,
    backlog: Mutex<Backlog>,
    pub(super) asked: AtomicU64,
    pub(super) syncs: AtomicU64,
    pub(super) reopened: AtomicU64,
}

impl Shared {
    /// Takes over a database that was just opened.
    pub(super) fn new(place: Place, options: StoreOptions, database: Database) -> Result<Self, Fault> {
        let (backlog, last_number) = first_look(&database)?;
        let reserve = Reserve::new(&place, options.reserve);
        reserve.tend(backlog.inbox == 0);
        Ok(Self {
            reserve,
            place,
            options,
            handle: RwLock::new(Handle::Open(Box::new(database))),
            suspect: AtomicBool::new(false),
            last_number: AtomicU64::new(last_number),
            backlog: Mutex::new(backlog),
            asked: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
        })
    }

    /// Whether new deliveries are taken while so many inbox entries wait.
    pub(super) fn takes_at(&self, waits: u64) -> Result<(), StoreError> {
        if waits >= self.options.backlog {
            return Err(StoreError::Full(waits));
        }
        if !self.reserve.is_there() {
            return Err(StoreError::Unwritable(
                "the disk is full; what waits is worked off first".to_owned(),
            ));
        }
        Ok(())
    }

    /// Whether new deliveries are taken now.
    pub(super) fn takes(&self) -> Result<(), StoreError> {
        let waits = self.backlog().inbox;
        self.takes_at(waits)
    }

    /// The next number.
    pub(super) fn next_number(&self) -> u64 {
        self.last_number.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The last number that was given.
    pub(super) fn last_number(&self) -> u64 {
        self.last_number.load(Ordering::Relaxed)
    }

    /// Gives no number up to this one any more.
    pub(super) fn skip_to(&self, number: u64) {
        self.last_number.fetch_max(number, Ordering::Relaxed);
    }

    /// How much waits.
    pub(super) fn backlog(&self) -> MutexGuard<'_, Backlog> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn handle(&self) -> RwLockReadGuard<'_, Handle> {
        self.handle.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps all readers out.
    pub(super) fn handle_alone(&self) -> RwLockWriteGuard<'_, Handle> {
        self.handle.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads. What is read is never half of a commit; it may be a commit that is a moment short of being on
    /// the disk, and whatever is decided from it reaches the disk after it.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&::sled::Tree) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        match &*self.handle() {
            Handle::Open(database) => look(database.tree()).map_err(|fault| {
                if fault.is_fatal() {
                    self.suspect.store(true, Ordering::Relaxed);
                }
                fault.into()
            }),
            Handle::Shut(why) => Err(why.clone()),
        }
    }

    /// Closes the database; what is asked of it is answered with `why` until it is opened again.
    pub(super) fn shut(&self, why: StoreError) {
        let handle = std::mem::replace(&mut *self.handle_alone(), Handle::Shut(why));
        // sled's clean-up writes and waits: not under the lock.
        drop(handle);
    }

    /// Opens the database anew if it is shut or not to be trusted any more.
    pub(super) fn ensure_open(&self) -> Result<(), StoreError> {
        if self.suspect.swap(false, Ordering::Relaxed) {
            self.shut(StoreError::Unwritable("the disk failed while it was read".to_owned()));
        }
        if matches!(*self.handle(), Handle::Open(_)) {
            return Ok(());
        }
        let opened = Database::open(&self.place, &self.options).map_err(store_error).and_then(|database| {
            let (backlog, last_number) = first_look(&database)?;
            Ok((database, backlog, last_number))
        });
        match opened {
            Ok((database, backlog, last_number)) => {
                self.skip_to(last_number);
                *self.backlog() = backlog;
                *self.handle_alone() = Handle::Open(Box::new(database));
                self.reopened.fetch_add(1, Ordering::Relaxed);
                tracing::info!("the store is open again");
                Ok(())
            }
            Err(why) => {
                *self.handle_alone() = Handle::Shut(why.clone());
                Err(why)
            }
        }
    }
}

/// Counts what waits and finds the last number. Only the queues are looked through, not what is linked.
fn first_look(database: &Database) -> Result<(Backlog, u64), Fault> {
    let tree = database.tree();
    let mut last_number: u64 = view::value(tree, &keys::numbers())?.unwrap_or(0);
    let mut count = |kind: u8, numbered: bool| -> Result<u64, Fault> {
        let mut count = 0;
        let mut last = None;
        for key in tree.scan_prefix([kind]).keys() {
            last = Some(key?);
            count += 1;
        }
        if numbered && let Some(key) = last {
            last_number = last_number.max(view::number_in(&key)?);
        }
        Ok(count)
    };
    let backlog = Backlog {
        inbox: count(kind::ENTRY, true)?,
        edges: count(kind::EDGE, true)?,
        stale: count(kind::STALE, false)?,
        dead: count(kind::LETTER, true)?,
    };
    Ok((backlog, last_number))
}

fn store_error(error: OpenError) -> StoreError {
    match error {
        OpenError::Damaged { what, .. } => StoreError::Damaged(what),
        OpenError::Io { error, .. } => StoreError::Unwritable(error.to_string()),
        error => StoreError::Unwritable(error.to_string()),
    }
}
