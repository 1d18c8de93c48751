//! Places for things that are done at the same time, of which no share takes more than half.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Shares that are remembered before those that nobody is in are forgotten.
const REMEMBERED: usize = 256;

/// So many places. What hangs for one share (a project, a flag service) must not take what all others need, so each share
/// has at most half of them.
#[derive(Debug)]
pub struct Places<K> {
    all: Arc<Semaphore>,
    half: usize,
    /// Gone as soon as nobody is in or waits.
    shares: Mutex<HashMap<K, Weak<Semaphore>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _share: Option<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

impl<K: Eq + Hash> Places<K> {
    /// So many places (at least one).
    pub fn new(many: usize) -> Self {
        let many = many.clamp(1, Semaphore::MAX_PERMITS);
        Self { all: Arc::new(Semaphore::new(many)), half: many.div_ceil(2), shares: Mutex::default() }
    }

    /// Waits for a place. What belongs to no share waits only for one of all.
    ///
    /// `None`: the places are closed. They never are; but there is nothing to be had by waiting if they were.
    pub async fn take(&self, share: Option<K>) -> Option<Place> {
        let share = match share {
            Some(key) => Some(self.share(key).acquire_owned().await.ok()?),
            None => None,
        };
        let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
        Some(Place { _share: share, _all: all })
    }

    fn share(&self, key: K) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&key).and_then(Weak::upgrade) {
            return share;
        }
        if shares.len() >= REMEMBERED {
            shares.retain(|_, share| share.strong_count() > 0);
        }
        let share = Arc::new(Semaphore::new(self.half));
        shares.insert(key, Arc::downgrade(&share));
        share
    }
}
