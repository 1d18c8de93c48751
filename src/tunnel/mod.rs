//! What public address the webhook listener has: fixed, or found by asking the agents of tunnels on this machine; and the
//! proof that whoever asks there is answered by this flaglink.

pub mod agents;
#[cfg(feature = "ngrok")]
mod embedded;
mod known;
mod nonce;
mod offer;
mod prove;
mod unproven;
mod watch;

use tokio::sync::watch::{Receiver, Sender, channel};
use url::Url;

#[cfg(feature = "ngrok")]
pub use embedded::run_embedded;
pub use known::{Known, Remark};
pub use nonce::{Nonces, PATH, Proving};
pub use offer::{Offer, leads_here};
pub use prove::Prover;
pub use unproven::{AT_ADMIN, Trouble, Unproven};
pub use watch::{Survey, Watch};

/// The address under which the world reaches the webhook listener, as it is known now. It ends with `/`.
#[derive(Debug, Clone)]
pub struct PublicAddress {
    known: Receiver<Option<Url>>,
}

impl PublicAddress {
    /// One that never changes: what the configuration says.
    pub fn fixed(url: Option<Url>) -> Self {
        Self { known: channel(url).1 }
    }

    /// One that is not known yet, and what says so when it is.
    pub fn found() -> (Sender<Option<Url>>, Self) {
        let (say, known) = channel(None);
        (say, Self { known })
    }

    /// The address, if there is one.
    pub fn now(&self) -> Option<Url> {
        self.known.borrow().clone()
    }

    /// Returns when the address is another one than when this handle was made or this last returned; never, where it does not
    /// change.
    pub async fn changed(&mut self) {
        if self.known.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
