//! What the admin listener knows of the rest of the house.

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

use super::api_letter::QueueItem;
use super::api_types::{
    AddressProof, LettersDealt, LinksChange, LinksChanged, LinksPage, Queue, Reloaded, Status,
};
use crate::domain::Noteable;
use crate::pipeline::{HookChoice, HookDone, HookReport, HookTested, How, Which};
use crate::store::StoreError;

/// The daemon, as far as the admin listener knows it.
#[async_trait]
pub trait AdminView: Send + Sync + 'static {
    /// What keeps flaglink from doing its work, one line each; empty: it is ready.
    async fn readiness(&self) -> Vec<String>;

    /// The metrics in Prometheus' text format.
    fn metrics(&self) -> String;

    /// How the daemon is.
    async fn status(&self) -> Status;

    /// What waits: the first `limit` of each kind. [`view::queue`](super::view::queue) makes it from a store.
    async fn queue(&self, limit: usize) -> Result<Queue, StoreError>;

    /// Takes the flags of a provider for gone that it does not know any more. Returns how many; `None`: nothing was doubted.
    async fn believe(&self, provider: &str) -> Result<Option<usize>, StoreError>;

    /// What is worth a look and keeps flaglink from nothing, one line each; told beside the readiness. It does not count against
    /// it: what takes an instance that is not ready out of service would keep it from ever being well again.
    async fn remarks(&self) -> Vec<String>;

    /// Asks under the public address, from outside, whether this flaglink answers there.
    async fn prove_address(&self) -> AddressProof;

    /// Reads the configuration again and works by it, or says why the one from before stays in force.
    async fn reload(&self) -> Result<Reloaded, String>;

    /// What has that number, whether it waits or was given up.
    /// [`letter_view::queue_item`](super::letter_view::queue_item) makes it from a store.
    async fn queue_item(&self, id: u64) -> Result<Option<QueueItem>, StoreError>;

    /// Takes dead letters back or drops them.
    async fn deal(&self, how: How, which: Which) -> Result<LettersDealt, StoreError>;

    /// How the registered webhooks stand; `Err` says why it cannot be said. Here and with those below.
    async fn hooks(&self, _choice: HookChoice) -> Result<Vec<HookReport>, String> {
        Ok(Vec::new())
    }

    /// Brings registered webhooks into step.
    async fn sync_hooks(&self, _choice: HookChoice, _dry_run: bool) -> Result<Vec<HookDone>, String> {
        Ok(Vec::new())
    }

    /// Removes registered webhooks.
    async fn remove_hooks(&self, _choice: HookChoice, _dry_run: bool) -> Result<Vec<HookDone>, String> {
        Ok(Vec::new())
    }

    /// Tests registered webhooks.
    async fn test_hooks(&self, _choice: HookChoice) -> Result<Vec<HookTested>, String> {
        Ok(Vec::new())
    }

    /// Makes links or takes them off, or says what would become of them. [`Hand`](crate::pipeline::by_hand::Hand) does it.
    async fn change_links(&self, change: LinksChange) -> LinksChanged;

    /// A page of links. [`view::links_page`](super::view::links_page) makes it from a store.
    async fn links(&self, after: Option<&Noteable>, limit: usize) -> Result<LinksPage, StoreError>;

    /// Sends the export, some lines at a time, and returns when all of it is sent. A closed channel means that
    /// nobody wants the rest. [`view::export`](super::view::export) makes it from a store.
    async fn export(&self, pieces: mpsc::Sender<Bytes>) -> Result<(), StoreError>;
}
