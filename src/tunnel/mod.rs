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

    /// The address, if there is one.
    pub fn now(&self) -> Option<Url> {
        self.known.borrow().clone()
    }
}
