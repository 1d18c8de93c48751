//! Where the answers come from: the running daemon, or the store itself where none runs.

use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;

use crate::config::Places;
use crate::domain::Noteable;
use crate::http::api_letter::QueueItem;
use crate::http::api_types::{Believed, Letters, LettersDealt, LinksPage, Missing, Queue};
use crate::http::{MAX_LIMIT, letter_view, view};
use crate::pipeline::{Desk, How, Which};
use crate::store::StoreError;
use crate::store::export::{ExportError, write_links};
use crate::store::sled::{OpenError, SledStore, StoreOptions};

pub(super) use crate::store::sled::user_name;

use super::client::Client;
use super::trouble::remark;
use super::{Context, Trouble, show};

/// Somebody who knows the links and the queues.
pub(super) enum Source {
    /// The running daemon.
    Daemon(Client),
    /// The store, opened by ourselves.
    Store(SledStore),
}

impl Source {
    /// The daemon if it runs, else its store.
    pub(super) async fn open(context: &Context) -> Result<Self, Trouble> {
        let Places { socket, store } = Places::load(&context.config_file()?, &context.env)?;
        if let Some(client) = Client::connect(&socket).await? {
            return Ok(Self::Daemon(client));
        }
        let store = open_store(&socket, &store)?;
        remark("flaglink is not running; this is what its store holds.");
        Ok(Self::Store(store))
    }

    /// Every linked noteable, as one page.
    pub(super) async fn links(&mut self) -> Result<LinksPage, Trouble> {
        let mut all = LinksPage::default();
        let mut after: Option<String> = None;
        loop {
            let page = self.links_page(after.as_deref()).await?;
            all.noteables.extend(page.noteables);
            match page.next {
                // A page that leads back to itself would never end.
                Some(next) if after.as_ref() != Some(&next) => after = Some(next),
                _ => return Ok(all),
            }
        }
    }

    async fn links_page(&mut self, after: Option<&str>) -> Result<LinksPage, Trouble> {
        match self {
            Self::Daemon(client) => {
                let mut query = url::form_urlencoded::Serializer::new(String::new());
                query.append_pair("limit", &MAX_LIMIT.to_string());
                if let Some(after) = after {
                    query.append_pair("after", after);
                }
                client.read(&format!("/api/v1/links?{}", query.finish())).await
            }
            Self::Store(store) => {
                let after = after.map(str::parse::<Noteable>).transpose();
                let after = after.map_err(|error| Trouble::World(error.to_string()))?;
                Ok(view::links_page(store, after.as_ref(), MAX_LIMIT).await?)
            }
        }
    }

    /// Takes a provider's missing flags for gone.
    pub(super) async fn believe(&mut self, provider: String) -> Result<Believed, Trouble> {
        match self {
            Self::Daemon(client) => client.change("/api/v1/providers/believe", &Missing { provider }).await,
            Self::Store(_) => Err(Trouble::World(
                "what is missing is asked about by the running flaglink: start it, and say it again when it asks.".to_owned(),
            )),
        }
    }

    /// Writes all links as JSON Lines.
    pub(super) async fn export(&mut self, out: &mut (impl Write + Send)) -> Result<(), Trouble> {
        match self {
            Self::Daemon(client) => client.copy("/api/v1/links/export", out).await,
            Self::Store(store) => match write_links(store, Timestamp::now(), out).await {
                Ok(_) => Ok(()),
                Err(ExportError::Store(error)) => Err(error.into()),
                Err(ExportError::Write(error)) => Err(error.into()),
            },
        }
    }

    /// What waits.
    pub(super) async fn queue(&mut self) -> Result<Queue, Trouble> {
        match self {
            Self::Daemon(client) => client.read(&format!("/api/v1/queue?limit={MAX_LIMIT}")).await,
            Self::Store(store) => Ok(view::queue(store, MAX_LIMIT, Timestamp::now()).await?),
        }
    }

    /// One thing of the queues, with everything that is kept of it.
    pub(super) async fn queue_item(&mut self, id: u64) -> Result<QueueItem, Trouble> {
        match self {
            Self::Daemon(client) => client.read(&format!("/api/v1/queue/{id}")).await,
            Self::Store(store) => {
                let item = letter_view::queue_item(store, id, Timestamp::now()).await?;
                item.ok_or_else(|| {
                    Trouble::World(format!("nothing waits or is given up under the number {id}."))
                })
            }
        }
    }

    /// Takes dead letters back or drops them.
    pub(super) async fn deal(&mut self, how: How, letters: &Letters) -> Result<LettersDealt, Trouble> {
        match self {
            Self::Daemon(client) => {
                let target = match how {
                    How::Retry => "/api/v1/queue/retry",
                    How::Drop => "/api/v1/queue/drop",
                };
                client.change(target, letters).await
            }
            Self::Store(store) => {
                let which = Which::try_from(letters.clone());
                let which = which.map_err(|why| Trouble::Arguments(why.to_owned()))?;
                Ok(Desk::of_store(store).deal(how, &which).await?.into())
            }
        }
    }

    /// Whether a daemon runs.
    pub(super) fn runs(&self) -> bool {
        matches!(self, Self::Daemon(_))
    }
}

/// The running daemon. `None`: none runs, and its store is ours to open.
pub(super) async fn daemon_or_own_store(context: &Context) -> Result<Option<Client>, Trouble> {
    let Places { socket, store } = Places::load(&context.config_file()?, &context.env)?;
    if let Some(client) = Client::connect(&socket).await? {
        return Ok(Some(client));
    }
    may_open_store(&socket, &store)?;
    Ok(None)
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::World(error.to_string())
    }
}

/// Opens the store as it is.
pub(super) fn open_store(socket: &Path, path: &Path) -> Result<SledStore, Trouble> {
    may_open_store(socket, path)?;
    SledStore::open(path, StoreOptions::default()).map_err(|error| match error {
        OpenError::Locked { owner, .. } => Trouble::World(format!(
            "the store {} is in use by {owner}, but nothing answers on the socket {}. Is the flaglink that uses it run \
             with another `listen.socket`, or just starting or stopping?",
            show(path),
            show(socket)
        )),
        other => Trouble::World(other.to_string()),
    })
}

/// The user whose store it is, where there is one that is not ours. The folder of one in use tells nothing: a volume's may be anybody's.
/// Where the system does not tell who we are, the store's own permissions have to do.
pub(super) fn owner_of_store(path: &Path) -> Option<String> {
    let there = std::fs::metadata(path.join("db/db")).or_else(|_| std::fs::metadata(path)).ok()?;
    let ourselves = std::fs::metadata("/proc/self").ok()?;
    (ourselves.uid() != there.uid()).then(|| user_name(there.uid()))
}

/// Whether there is a store that is ours to open. It is not made here, and not opened as another user: files that would then
/// belong to that one would keep the daemon from starting.
pub(super) fn may_open_store(socket: &Path, path: &Path) -> Result<(), Trouble> {
    let none = || {
        Trouble::World(format!(
            "flaglink is not running (nothing answers on {}), and there is no store in {} yet. Start it with `flaglink \
             run`, or name its configuration with --config.",
            show(socket),
            show(path)
        ))
    };
    match std::fs::metadata(path) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            return Err(Trouble::World(format!(
                "flaglink is not running, and you may not look into its store {}. Run this as the user that runs \
                 flaglink, for example with `sudo -u flaglink`; where its secrets are read by systemd alone, start flaglink and ask again.",
                show(path)
            )));
        }
        Err(_) => return Err(none()),
    }
    if let Some(owner) = owner_of_store(path) {
        return Err(Trouble::World(format!(
            "flaglink is not running, and its store {} belongs to another user ({owner}). Start flaglink and ask again, or run this as \
             that one: `sudo -u '{owner}' flaglink …`, who has to be able to read its secrets then, too.",
            show(path)
        )));
    }
    if !path.join("db").exists() {
        return Err(none());
    }
    Ok(())
}
