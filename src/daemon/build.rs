//! From the configuration to the parts.

use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio::net::TcpListener;

use super::clients::{Clients, Speakers};
use super::start_error::StartError;
use super::{identity, renamed};
use crate::bot::{World, WorldParts};
use crate::config::{Config, ConfigError};
use crate::domain::InstanceId;
use crate::flags::{FlagProvider, Registry, Surroundings};
use crate::gitlab::GitlabApi;
use crate::http::api_types::FilesRead;
use crate::http::files_read;
use crate::markdown::{MarkerKey, Templates, read_templates};
use crate::store::sled::{SledStore, StoreOptions, Visits};
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;

/// Room on the disk that is kept for when it is full, in bytes.
const RESERVE: u64 = 4 * 1024 * 1024;

/// The parts that last as long as the daemon, and the first world.
pub(super) struct Built {
    pub(super) world: World,
    pub(super) lasting: Lasting,
}

/// What stays as it is when the configuration is read again.
pub(super) struct Lasting {
    pub(super) store: Arc<SledStore>,
    pub(super) metrics: Arc<Metrics>,
    clients: Clients,
    instance: InstanceId,
    markers: MarkerKey,
}

pub(super) async fn build(config: &Config) -> Result<Built, StartError> {
    let metrics = Arc::new(Metrics::default());
    // First, since it needs nothing but the configuration: a mistake there is told before anything is touched.
    let clients = Clients::new(config, &metrics);
    let services = services(config, &clients)?;
    let (path, options) = (config.store.path.clone(), store_options(config));
    // Opening reads the disk; it does not belong on a thread that serves others.
    let store = tokio::task::spawn_blocking(move || SledStore::open(&path, options))
        .await
        .map_err(|error| StoreError::Damaged(error.to_string()))??;
    let store = Arc::new(store);
    let (instance, markers) = settled(config, store.as_ref()).await?;
    let lasting = Lasting { store, metrics, clients, instance, markers };
    let world = lasting.world(config, services).await?;
    Ok(Built { world, lasting })
}

/// The world for whoever does something while no daemon runs. One can start meanwhile: the store is held only while something is
/// asked of it.
pub(super) async fn alone(config: &Config) -> Result<World, StartError> {
    let metrics = Arc::new(Metrics::default());
    let clients = Clients::new(config, &metrics);
    let services = services(config, &clients)?;
    let store: Arc<dyn Store> = Arc::new(Visits::begin(&config.store.path, store_options(config)).await?);
    let (instance, markers) = settled(config, store.as_ref()).await?;
    world(config, services, (store, metrics, instance, markers)).await
}

fn store_options(config: &Config) -> StoreOptions {
    StoreOptions { backlog: config.limits.backlog, reserve: RESERVE, ..StoreOptions::default() }
}

/// Which GitLab the store belongs to, and the marker key that belongs to the store.
async fn settled(config: &Config, store: &dyn Store) -> Result<(InstanceId, MarkerKey), StartError> {
    let store_is_new = store.register().await?.value.is_none();
    let marker_key = config.store.marker_key.read_or_make(store_is_new)?;
    let markers = MarkerKey::new(marker_key.expose_secret());
    let instance = identity::instance(store, &markers, &config.gitlab.url, &config.gitlab.formerly).await?;
    renamed::follow(store, config).await?;
    Ok((instance, markers))
}

/// Who is spoken to by one configuration.
pub(super) struct Services {
    gitlab: Speakers,
    flags: Registry,
    templates: Arc<Templates>,
}

impl Services {
    /// Who speaks with the instance's own token.
    pub(super) fn gitlab(&self) -> &GitlabApi {
        &self.gitlab.own
    }

    /// Who speaks with the token of that rule, where it has one.
    pub(super) fn gitlab_of(&self, pattern: &str) -> Option<&GitlabApi> {
        self.gitlab.by_rule.get(pattern)
    }

    pub(super) fn provider(&self, name: &str) -> Option<&dyn FlagProvider> {
        self.flags.get(name).map(AsRef::as_ref)
    }
}

/// Whether flaglink could start with that configuration, as far as that can be said without touching anything.
///
/// # Errors
/// What is wrong: certificates, providers, templates.
pub fn could_start(config: &Config) -> Result<(), StartError> {
    let clients = Clients::new(config, &Arc::new(Metrics::default()));
    services(config, &clients).map(|_| ())
}

fn services(config: &Config, clients: &Clients) -> Result<Services, StartError> {
    let gitlab = clients.of(config)?;
    let around = Surroundings { peers: clients.of_flags(), gitlab: gitlab.all() };
    let flags = Registry::build(&config.providers, &around)?;
    let templates = read_templates(&config.templates).map_err(ConfigError)?;
    Ok(Services { gitlab, flags, templates })
}

impl Lasting {
    /// Whoever that configuration names. Touches nothing.
    pub(super) fn services(&self, config: &Config) -> Result<Services, StartError> {
        services(config, &self.clients)
    }

    /// A digest that nobody else can make.
    pub(super) fn print(&self, of: &str) -> [u8; 32] {
        self.markers.derived("configuration", of)
    }

    /// What was in the files that the configuration names.
    pub(super) fn files_read(&self, config: &Config) -> FilesRead {
        files_read(config, &self.markers)
    }

    /// Whether the marker key that the configuration names is another one by now, or not there any more.
    pub(super) fn has_another_marker_key(&self, config: &Config) -> bool {
        let sample = |key: &MarkerKey| key.derived("comparison", "");
        let now = config.store.marker_key.read_or_make(false).map(|key| MarkerKey::new(key.expose_secret()));
        now.map_or(true, |now| sample(&now) != sample(&self.markers))
    }

    /// Keeps the addresses of the GitLab instance as that configuration has them.
    pub(super) async fn keep_instance(&self, config: &Config) -> Result<(), StartError> {
        let (url, formerly) = (&config.gitlab.url, &config.gitlab.formerly);
        identity::instance(self.store.as_ref(), &self.markers, url, formerly).await.map(drop)
    }

    /// The world as that configuration has it.
    pub(super) async fn world(&self, config: &Config, services: Services) -> Result<World, StartError> {
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        let lasting = (store, Arc::clone(&self.metrics), self.instance.clone(), self.markers.clone());
        world(config, services, lasting).await
    }
}

async fn world(
    config: &Config,
    services: Services,
    (store, metrics, instance, markers): (Arc<dyn Store>, Arc<Metrics>, InstanceId, MarkerKey),
) -> Result<World, StartError> {
    let world = World::new(WorldParts {
        store,
        instance,
        gitlab: services.gitlab.own,
        gitlab_by_rule: services.gitlab.by_rule,
        rules: config.rules.clone(),
        flags: services.flags,
        markers,
        templates: services.templates,
        request_ceiling: config.gitlab.request_ceiling.duration(),
        metrics,
    });
    world.load_bots().await?;
    Ok(world)
}

pub(super) async fn bind(address: SocketAddr, key: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Address { address, key, error })
}

pub(super) fn local(listener: &TcpListener) -> Result<SocketAddr, StartError> {
    listener.local_addr().map_err(|error| StartError::Socket(error.to_string()))
}
