//! From the configuration to the parts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpListener;

use super::{identity, renamed};
use crate::bot::{Trouble, World, WorldParts};
use crate::config::{Config, ConfigError};
use crate::flags::{Registry, Surroundings};
use crate::gitlab::{GitlabApi, Pace};
use crate::markdown::MarkerKey;
use crate::net::{ClientError, HttpClient, HttpOptions};
use crate::store::sled::{OpenError, SledStore, StoreOptions};
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;

/// Time for a whole request. GitLab may be at work on it longer: `request_ceiling` is what counts then.
const REQUEST: Duration = Duration::from_secs(30);
/// Time to connect.
const CONNECT: Duration = Duration::from_secs(10);
/// Requests in flight to one host.
const IN_FLIGHT: usize = 16;

/// Room on the disk that is kept for when it is full, in bytes.
const RESERVE: u64 = 4 * 1024 * 1024;

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
    /// The system gives no random numbers.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
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

/// The parts.
pub(super) struct Built {
    pub(super) world: World,
    pub(super) store: Arc<SledStore>,
    pub(super) metrics: Arc<Metrics>,
}

pub(super) async fn build(config: &Config) -> Result<Built, StartError> {
    let metrics = Arc::new(Metrics::default());
    // First, since it needs nothing but the configuration: a mistake there is told before anything is touched.
    let (gitlab, gitlab_by_rule) = clients(config, &metrics)?;
    let mut seeing = vec![gitlab.clone()];
    seeing.extend(gitlab_by_rule.values().cloned());
    let flags =
        Registry::build(&config.providers, &Surroundings { metrics: Arc::clone(&metrics), gitlab: seeing })?;
    let path = config.store.path.clone();
    let options =
        StoreOptions { backlog: config.limits.backlog, reserve: RESERVE, ..StoreOptions::default() };
    // Opening reads the disk; it does not belong on a thread that serves others.
    let store = tokio::task::spawn_blocking(move || SledStore::open(&path, options))
        .await
        .map_err(|error| StoreError::Damaged(error.to_string()))??;
    let store = Arc::new(store);
    let store_is_new = store.register().await?.value.is_none();
    let marker_key = config.store.marker_key.read_or_make(store_is_new)?;
    let markers = MarkerKey::new(marker_key.expose_secret());
    let instance = identity::instance(store.as_ref(), &config.gitlab.url, &config.gitlab.formerly).await?;
    renamed::follow(store.as_ref(), config).await?;

    let world = World::new(WorldParts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        instance,
        gitlab,
        gitlab_by_rule,
        rules: config.rules.clone(),
        flags,
        markers,
        request_ceiling: config.gitlab.request_ceiling.duration(),
        metrics: Arc::clone(&metrics),
    });
    world.load_bots().await?;
    Ok(Built { world, store, metrics })
}

/// GitLab's clients: with the instance's own token, and with those of rules that have one, by the rule's pattern.
pub(super) fn clients(
    config: &Config,
    metrics: &Arc<Metrics>,
) -> Result<(GitlabApi, HashMap<String, GitlabApi>), ClientError> {
    let http = HttpClient::new(
        HttpOptions {
            peer: "gitlab".to_owned(),
            timeout: REQUEST,
            connect_timeout: CONNECT,
            in_flight: IN_FLIGHT,
            ca_file: config.gitlab.ca_file.clone(),
        },
        Arc::clone(metrics),
    )?;
    // GitLab counts by user: who has the same token is the same.
    let mut paces: Vec<(SecretString, Arc<Pace>)> = Vec::new();
    let mut client = |token: &SecretString| {
        let known = paces.iter().find(|(known, _)| known.expose_secret() == token.expose_secret());
        let pace = match known {
            Some((_, pace)) => Arc::clone(pace),
            None => {
                let pace = Pace::new(config.limits.notes_per_minute, Arc::clone(metrics));
                paces.push((token.clone(), Arc::clone(&pace)));
                pace
            }
        };
        GitlabApi::new(&config.gitlab.url, token.clone(), http.clone()).paced(pace)
    };
    let own = client(&config.gitlab.token);
    let rules = config.rules.rules.iter();
    let by_rule = rules.filter_map(|rule| Some((rule.pattern.clone(), client(rule.token.as_ref()?))));
    Ok((own, by_rule.collect()))
}

pub(super) async fn bind(address: SocketAddr, key: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Address { address, key, error })
}

pub(super) fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Socket(error.to_string()))
}
