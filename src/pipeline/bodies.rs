//! Bodies of deliveries in memory: few at a time, and only for as long as it takes to see what they mean.
//!
//! As many things are carried out side by side as there are lanes with something to do, and each may wait for GitLab for
//! minutes. With its body in hand each of them could hold tens of megabytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::Pipeline;
use crate::bot::World;
use crate::domain::{Event, Inbound, InboxEntry, InboxId};
use crate::store::StoreError;

/// So many entries are looked at at a time. Looking takes a moment, so that more would not be faster on few processors.
const AT_A_TIME: usize = 2;

/// Larger bodies are taken apart off the async threads, and not again for each attempt; in bytes.
const LARGE: usize = 64 * 1024;

/// Places for entries that are being looked at, and what is known of large ones.
pub(super) struct Bodies {
    places: Semaphore,
    /// What large deliveries mean that could not be decided yet. Each is tried every half minute.
    known: Mutex<HashMap<InboxId, (String, Event)>>,
}

impl Default for Bodies {
    fn default() -> Self {
        Self { places: Semaphore::new(AT_A_TIME), known: Mutex::default() }
    }
}

impl Bodies {
    fn known(&self) -> MutexGuard<'_, HashMap<InboxId, (String, Event)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The source and meaning of a large delivery, if they are known.
    pub(super) fn recall(&self, id: InboxId) -> Option<(String, Event)> {
        self.known().get(&id).cloned()
    }

    /// Remembers what a large delivery means, which is to be tried again.
    pub(super) fn remember(&self, id: InboxId, source: String, event: Event) {
        self.known().insert(id, (source, event));
    }

    /// It is done with.
    pub(super) fn forget(&self, id: InboxId) {
        self.known().remove(&id);
    }
}

impl Pipeline {
    /// Reads an inbox entry and lets `look` say what is needed of it. `None` if it is done with.
    pub(super) async fn look_at<T: Send + 'static>(
        &self,
        id: InboxId,
        look: impl FnOnce(&World, InboxEntry) -> T + Send + 'static,
    ) -> Result<Option<T>, StoreError> {
        let world = self.world();
        // The semaphore is never closed; without a place it would only be as it was before there were any.
        let _place = self.bodies.places.acquire().await.ok();
        let Some(entry) = world.store().inbox_entry(id).await? else { return Ok(None) };
        if !is_large(&entry) {
            return Ok(Some(look(&world, entry)));
        }
        let world = Arc::clone(&world);
        match tokio::task::spawn_blocking(move || look(&world, entry)).await {
            Ok(seen) => Ok(Some(seen)),
            Err(fault) if fault.is_panic() => std::panic::resume_unwind(fault.into_panic()),
            Err(_) => Err(StoreError::Unwritable("flaglink is shutting down".to_owned())),
        }
    }
}

/// Whether an entry has a body that is not to be read more often than it must.
pub(super) fn is_large(entry: &InboxEntry) -> bool {
    matches!(&entry.what, Inbound::Delivery(delivery) if delivery.body.len() >= LARGE)
}
