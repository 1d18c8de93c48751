//! Why the daemon cannot start.

use std::net::SocketAddr;

use crate::bot::Trouble;
use crate::config::ConfigError;
use crate::net::ClientError;
use crate::store::StoreError;
use crate::store::sled::OpenError;

/// Why the daemon cannot start; for an admin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A certificate file.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An address.
    #[error("cannot listen on {address} (`{key}`): {}", words_of(error))]
    Address {
        /// Which.
        address: SocketAddr,
        /// The key of the configuration.
        key: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
    /// The socket.
    #[error("{0}")]
    Socket(String),
    /// The store belongs to another GitLab.
    #[error(
        "the store belongs to the GitLab at {known}, and the configuration names {configured}. If that is the same GitLab \
         with a new address, write `formerly = [\"{known}\"]` under [gitlab]; if it is another one, give it a store of its own \
         (`[store] path`)"
    )]
    OtherInstance {
        /// What the store knows.
        known: String,
        /// What is configured.
        configured: String,
    },
    /// Links of a provider that is not configured.
    #[error(
        "there are links to flags of `{name}`, and no such provider is configured (there are: {known}). If it has a new name, \
         write `formerly = [\"{name}\"]` under that provider; if it is gone for good, write \
         `retired_providers = [\"{name}\"]` under [store]: its links stay, and their panels say that nobody watches them"
    )]
    OrphanedProvider {
        /// Its name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// What the configuration wants cannot be done while flaglink runs.
    #[error("{0}")]
    Running(String),
    /// Something that is read at the start could not be read.
    #[error("{0}")]
    Trouble(#[from] Trouble),
}

/// Why an address cannot be listened on, and what to look at.
fn words_of(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            "it is taken. Is another program there, or another flaglink?".to_owned()
        }
        std::io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address. For every network of it write 0.0.0.0 (or [::])".to_owned()
        }
        std::io::ErrorKind::PermissionDenied => {
            "no permission. Ports below 1024 are for root; take a higher one and let a proxy stand before it"
                .to_owned()
        }
        _ => error.to_string(),
    }
}
