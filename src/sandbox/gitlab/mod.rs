//! A small GitLab: a plain model, its REST and GraphQL API over real HTTP, its webhooks, and the people who use it.
//!
//! ```no_run
//! # use flaglink::sandbox::gitlab::{Gitlab, Visibility, level};
//! # use std::time::Duration;
//! # async fn story() -> Result<(), Box<dyn std::error::Error>> {
//! let gitlab = Gitlab::start().await?;
//! let alice = gitlab.user("alice");
//! let shop = gitlab.project("shop/checkout", Visibility::Private);
//! gitlab.member(shop, alice, level::DEVELOPER);
//! let issue = gitlab.issue(alice, shop, "Checkout is slow", "")?;
//! let note = gitlab.comment(alice, issue, "/flag link checkout_v2")?;
//! gitlab.until(Duration::from_secs(5), |model| !model.awards_on(note.into()).collect::<Vec<_>>().is_empty()).await?;
//! # Ok(())
//! # }
//! ```

mod access;
mod bring;
mod delivery;
mod execute;
mod feature_flags;
mod groups;
mod hooks;
mod http;
mod mentions;
mod model;
mod notes;
mod payloads;
mod people;
mod press;
mod quick_actions;
mod setup;
mod shared;
mod transcript;
mod work;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub use access::Refusal;
pub use delivery::Order;
pub use feature_flags::FlagEdit;
pub use hooks::signature;
pub use mentions::mentioned;
pub use model::{
    Award, Awardable, Courier, Delivery, Edit, Environment, Executed, Fate, FeatureFlag, FlagEdited,
    FlagScope, FlagStrategy, Group, Hook, HookTimes, IssueType, Kind, Label, Member, Model, Note, NoteKind,
    Noteable, NoteableRef, NotesLimit, Outcome, Project, Settings, State, Token, User, Visibility, level,
};
pub use press::NotPressed;
pub use quick_actions::{Found, NAMES as QUICK_ACTIONS, Reading, read as read_quick_actions};
pub use setup::{HookSpec, ProjectBot};

use self::shared::Shared;
use super::faults::Faults;
use super::server::Server;

impl From<u64> for Awardable {
    fn from(note: u64) -> Self {
        Self::Note(note)
    }
}

impl From<NoteableRef> for Awardable {
    fn from(noteable: NoteableRef) -> Self {
        Self::Noteable(noteable)
    }
}

/// A running GitLab. Clones are the same one; it ends when the last is dropped.
#[derive(Clone, Debug)]
pub struct Gitlab {
    shared: Arc<Shared>,
    server: Arc<Server>,
    client: reqwest::Client,
}

impl Gitlab {
    /// Starts on a free port of 127.0.0.1, with nobody on it.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start() -> io::Result<Self> {
        Self::start_at(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0)).await
    }

    /// Starts on a given loopback address.
    ///
    /// # Errors
    ///
    /// When the address is not loopback or is taken.
    pub async fn start_at(address: SocketAddr) -> io::Result<Self> {
        Self::start_trusting(address, &[]).await
    }

    /// Starts there, and trusts these authorities' certificates (PEM) where it sends webhooks, as an administrator can have it.
    ///
    /// # Errors
    ///
    /// When the address is not loopback or is taken, or no certificate can be read.
    pub async fn start_trusting(address: SocketAddr, authorities: &[u8]) -> io::Result<Self> {
        let authorities = reqwest::Certificate::from_pem_bundle(authorities).map_err(io::Error::other)?;
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .tls_certs_merge(authorities)
            .build()
            .map_err(io::Error::other)?;
        let shared = Arc::new(Shared::new(Model::new(String::new())));
        let api = http::Api::new(Arc::clone(&shared), client.clone());
        let server = Server::start_at(address, Arc::new(api), Faults::new()).await?;
        shared.change(|model| model.settings.url = server.url());
        tokio::spawn(hooks::carry(Arc::downgrade(&shared), client.clone()));
        Ok(Self { shared, server: Arc::new(server), client })
    }

    /// Its base URL without a slash at the end.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Where it listens: it can go away and come back.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// What it is told to do wrong, and the requests it received.
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// Looks at the model.
    pub fn read<R>(&self, look: impl FnOnce(&Model) -> R) -> R {
        self.shared.quietly(|model| look(model))
    }

    /// Changes the model in any way, past all rights and without webhooks: for what nobody can do, such as notes from last
    /// year.
    pub fn change<R>(&self, change: impl FnOnce(&mut Model) -> R) -> R {
        self.shared.change(change)
    }

    /// Waits until the model is as wanted.
    ///
    /// # Errors
    ///
    /// The state of everything as text, when that takes longer than `within`.
    pub async fn until(
        &self,
        within: Duration,
        mut wanted: impl FnMut(&Model) -> bool,
    ) -> Result<(), String> {
        let mut changed = self.shared.watch();
        let waiting = async {
            while !self.read(&mut wanted) {
                if changed.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(within, waiting).await.is_ok() {
            return Ok(());
        }
        Err(format!(
            "not as wanted within {within:?}\n\n{}\nrequests:\n{}",
            self.read(Model::describe),
            self.faults().describe()
        ))
    }

    /// What stands on an issue or merge request, as text.
    pub fn transcript(&self, on: NoteableRef) -> String {
        self.read(|model| model.transcript(on))
    }
}
