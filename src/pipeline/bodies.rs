//! Bodies of deliveries in memory: few at a time, and only for as long as it takes to see what they mean.
//!
//! As many things are carried out side by side as there are lanes with something to do, and each may wait for GitLab for
//! minutes. With its body in hand each of them could hold tens of megabytes.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Pipeline;
use crate::bot::World;
use crate::domain::{Inbound, InboxEntry, InboxId};
use crate::store::StoreError;

/// So many entries are looked at at a time. Looking takes a moment, so that more would not be faster on few processors.
const AT_A_TIME: usize = 2;

/// Larger bodies are taken apart off the async threads, in bytes.
const LARGE: usize = 64 * 1024;

/// Places for entries that are being looked at.
pub(super) struct Bodies(Semaphore);

impl Default for Bodies {
    fn default() -> Self {
        Self(Semaphore::new(AT_A_TIME))
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
        let _place = self.bodies.0.acquire().await.ok();
        let Some(entry) = world.store().inbox_entry(id).await? else { return Ok(None) };
        if size(&entry) < LARGE {
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

fn size(entry: &InboxEntry) -> usize {
    match &entry.what {
        Inbound::Delivery(delivery) => delivery.body.len(),
        Inbound::Event(_) => 0,
    }
}
