//! The model behind its lock, with word to those who wait for it to change.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::model::Model;

/// The model and who waits for it.
#[derive(Debug)]
pub(super) struct Shared {
    model: Mutex<Model>,
    changed: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(model: Model) -> Self {
        Self { model: Mutex::new(model), changed: watch::Sender::new(0) }
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Changes the model and says so.
    pub(super) fn change<R>(&self, change: impl FnOnce(&mut Model) -> R) -> R {
        let result = change(&mut self.lock());
        self.tell();
        result
    }

    pub(super) fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
    }

    /// Reads the model, or changes it in a way that nobody waits for.
    pub(super) fn quietly<R>(&self, act: impl FnOnce(&mut Model) -> R) -> R {
        act(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
