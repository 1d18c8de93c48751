//! What public address the webhook listener has.

use tokio::sync::watch;
use url::Url;

/// The address under which the world reaches the webhook listener, as it is known now. It ends with `/`.
#[derive(Debug, Clone)]
pub struct PublicAddress {
    known: watch::Receiver<Option<Url>>,
}

impl PublicAddress {
    /// One that never changes: what the configuration says.
    pub fn fixed(url: Option<Url>) -> Self {
        Self { known: watch::channel(url).1 }
    }

    /// One that is found out while flaglink runs, and may change.
    pub fn watched(known: watch::Receiver<Option<Url>>) -> Self {
        Self { known }
    }

    /// Returns when the address is another one than it was when this was last asked.
    pub async fn changed(&mut self) {
        // Where nobody finds it out it stays as it is.
        if self.known.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The address, if there is one.
    pub fn now(&self) -> Option<Url> {
        self.known.borrow().clone()
    }
}
