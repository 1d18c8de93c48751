//! A list that is asked for at most once a minute.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::flags::Provided;

/// How long a list is good for.
const FRESH: Duration = Duration::from_secs(60);

/// Something that was read and is good for a minute. Whoever comes while it is being read waits for that read.
#[derive(Debug)]
pub(in crate::flags) struct Cached<T> {
    slot: Mutex<Option<(Instant, Arc<T>)>>,
    stale: AtomicBool,
}

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self { slot: Mutex::new(None), stale: AtomicBool::new(false) }
    }
}

impl<T> Cached<T> {
    /// What is kept, or what `read` brings.
    pub(in crate::flags) async fn get(&self, read: impl Future<Output = Provided<T>>) -> Provided<Arc<T>> {
        let mut slot = self.slot.lock().await;
        // Taken back before the read: what becomes stale while it is read is read again by the next.
        let stale = self.stale.swap(false, Ordering::AcqRel);
        if let Some((at, kept)) = &*slot
            && !stale
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(kept));
        }
        *slot = None;
        let new = Arc::new(read.await?);
        *slot = Some((Instant::now(), Arc::clone(&new)));
        Ok(new)
    }

    /// Says that what is kept is not true any more.
    pub(in crate::flags) fn expire(&self) {
        self.stale.store(true, Ordering::Release);
    }
}
