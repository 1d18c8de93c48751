//! The daemon: builds the parts, joins them, and drains them when it is told to stop.

mod admin;
mod build;
mod door;
mod dry_run;
mod health;
mod hooks;
mod identity;
mod notify;
mod renamed;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bot::World;
use crate::config::Config;
use crate::http::{
    Admin, Gate, Listener, MAX_BODY, ServeOptions, SocketFile, TcpGate, Webhooks, bind_socket, serve,
};
use crate::pipeline::{
    CatchingUp, HookSettings, HooksOff, KeepingInStep, OwnAddress, Pipeline, Upkeep, catch_up,
    keep_hooks_in_step, keep_up, poll, remind, watch_visibility,
};
use crate::store::export::save_links;
use crate::store::sled::SledStore;
use crate::tunnel::{Nonces, Prover, PublicAddress};

pub use build::StartError;
pub use dry_run::{Planned, planned_reminders};
pub use hooks::HookDesk;
pub use notify::heartbeat;

/// How long, when lanes and webhooks are drained, everything else may take: the last export, and whoever asks the admin
/// listener at that moment.
const LAST: Duration = Duration::from_secs(5);
/// Connections to the admin listener, and to the socket. With those of the webhook listener and those to the outside they stay
/// within the 1024 files that a process may have open by default.
const ADMIN_CONNECTIONS: usize = 128;
/// How many bytes of webhook bodies may be held at a time: five of the largest, or thousands of the usual ones.
const BODY_MEMORY: usize = 5 * MAX_BODY;

/// How long GitLab's time is waited for when there are new rules. Without it the time of this machine has to do.
const GITLABS_TIME: Duration = Duration::from_secs(3);

/// A daemon that runs in this process.
pub struct Daemon {
    pipeline: Arc<Pipeline>,
    stop: CancellationToken,
    /// Stops the admin listener and the socket: last, so that whoever asks while lanes drain hears that it stops.
    stop_admin: CancellationToken,
    tasks: JoinSet<()>,
    webhooks: std::net::SocketAddr,
    admin: std::net::SocketAddr,
    drain: Duration,
    caught_up: watch::Receiver<u64>,
    in_step: watch::Receiver<u64>,
    /// Removed with the daemon.
    _socket: SocketFile,
}

impl Daemon {
    /// Builds everything and starts to listen. GitLab and the flag services need not be there.
    ///
    /// # Errors
    /// Whatever an admin has to mend first, in words for them: a store in use, an address that is taken,
    /// links of a provider that is not configured any more.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let started_at = Timestamp::now();
        let built = build::build(&config).await?;
        let world = Arc::new(built.world);
        let pipeline = Pipeline::new(Arc::clone(&world));
        let (stop, stop_admin) = (CancellationToken::new(), CancellationToken::new());
        let drain = config.limits.drain.duration();

        let webhooks = build::bind(config.listen.webhooks, "listen.webhooks").await?;
        let admin = build::bind(config.listen.admin, "listen.admin").await?;
        let (socket, socket_file) = bind_socket(&config.listen.socket)
            .await
            .map_err(|error| StartError::Socket(error.to_string()))?;
        let webhooks_at = build::local(&webhooks)?;
        let admin_at = build::local(&admin)?;

        world.begin_rules(GITLABS_TIME).await?;
        let address = PublicAddress::fixed(config.listen.public_url.clone());
        let nonces = Nonces::default();
        let prover = Prover::new(nonces.clone(), webhooks_at, config.gitlab.ca_file.clone())?;
        let health = Arc::new(health::Health::default());
        let hooks_off = Arc::new(HooksOff::default());
        let hooks = HookSettings { address: address.clone(), register: config.gitlab.register_hooks };
        let kept = world.store().hooks().await?;
        pipeline.hooks().load(&kept, world.markers(), config.gitlab.require_signature);
        let door = Arc::new(door::FrontDoor::new(Arc::clone(&pipeline), &config));
        let view: Arc<dyn crate::http::AdminView> = Arc::new(admin::View {
            pipeline: Arc::clone(&pipeline),
            health: Arc::clone(&health),
            hooks_off: Arc::clone(&hooks_off),
            metrics: Arc::clone(&built.metrics),
            started_at,
            stop: stop.clone(),
            backlog: config.limits.backlog,
            gitlab_url: config.gitlab.url.clone(),
            address: address.clone(),
            prover,
            hooks: HookDesk::new(Arc::clone(&pipeline), hooks.clone()),
        });
        let tcp_gate =
            TcpGate::new(admin_at, &config.listen.admin.to_string(), config.listen.admin_token.clone());

        pipeline.load().await?;
        let mut tasks = JoinSet::new();
        let listen = |tasks: &mut JoinSet<()>, listener, handler, options, stop: &CancellationToken| {
            let stop = stop.clone();
            tasks.spawn(async move {
                serve(listener, handler, options, stop).await;
            });
        };
        let door = Webhooks::new(door, Arc::clone(&built.metrics));
        let door = Arc::new(
            door.reached_at(address.clone()).proving(nonces).trusting(config.listen.trusted_proxies.clone()),
        );
        let options = ServeOptions {
            name: "webhooks",
            drain_timeout: drain,
            body_memory: BODY_MEMORY,
            ..ServeOptions::default()
        };
        // Webhooks are taken no more as soon as the end begins, also while lanes still drain.
        listen(&mut tasks, Listener::Tcp(webhooks), door, options, &stop);
        let options = |name| ServeOptions {
            name,
            connections: ADMIN_CONNECTIONS,
            drain_timeout: LAST / 2,
            ..ServeOptions::default()
        };
        let handler = Arc::new(Admin::new(Arc::clone(&view), Gate::Tcp(tcp_gate)));
        listen(&mut tasks, Listener::Tcp(admin), handler, options("admin"), &stop_admin);
        let handler = Arc::new(Admin::new(view, Gate::Socket));
        listen(&mut tasks, Listener::Unix(socket), handler, options("socket"), &stop_admin);

        for provider in world.flags().iter() {
            tasks.spawn(poll(Arc::clone(&pipeline), Arc::clone(provider), stop.clone()));
        }
        let (runs, caught_up) = watch::channel(0);
        let plan = CatchingUp {
            every: config.gitlab.catch_up.duration(),
            address: OwnAddress { public: address, listener: webhooks_at },
            hooks_off,
            runs,
        };
        tasks.spawn(catch_up(Arc::clone(&pipeline), plan, stop.clone()));
        let (runs, in_step) = watch::channel(0);
        let plan = KeepingInStep { settings: hooks, every: config.gitlab.catch_up.duration(), runs };
        tasks.spawn(keep_hooks_in_step(Arc::clone(&pipeline), plan, stop.clone()));
        tasks.spawn(remind(Arc::clone(&pipeline), config.reminders.clone(), stop.clone()));
        tasks.spawn(watch_visibility(Arc::clone(&pipeline), stop.clone()));
        tasks.spawn(health::watch(Arc::clone(&pipeline), health, stop.clone()));
        tasks.spawn(keep_up(Arc::clone(&pipeline), upkeep(&built.store), stop.clone()));
        say_where(&config, webhooks_at, admin_at, &world);
        Ok(Self {
            pipeline,
            stop,
            stop_admin,
            tasks,
            webhooks: webhooks_at,
            admin: admin_at,
            drain,
            caught_up,
            in_step,
            _socket: socket_file,
        })
    }

    /// Where webhooks come in.
    pub fn webhooks(&self) -> std::net::SocketAddr {
        self.webhooks
    }

    /// Where the admin listener is.
    pub fn admin(&self) -> std::net::SocketAddr {
        self.admin
    }

    /// Returns when everything that came in is decided and every effect is carried out.
    pub async fn settled(&self) {
        self.pipeline.settled().await;
    }

    /// Returns when catching up has looked that many times since the start, whether or not it could look at everything.
    pub async fn caught_up(&self, times: u64) {
        // The sender lives as long as the daemon's tasks; without it there is nothing to wait for.
        let _ = self.caught_up.clone().wait_for(|runs| *runs >= times).await;
    }

    /// How often catching up has looked since the start.
    pub fn times_caught_up(&self) -> u64 {
        *self.caught_up.borrow()
    }

    /// Returns when the registered webhooks have been looked at that many times since the start. At once where flaglink
    /// registers none.
    pub async fn hooks_looked_at(&self, times: u64) {
        let _ = self.in_step.clone().wait_for(|runs| *runs >= times).await;
    }

    /// How often the registered webhooks have been looked at since the start.
    pub fn times_hooks_looked_at(&self) -> u64 {
        *self.in_step.borrow()
    }

    /// How many things wait or are being carried out.
    pub fn in_lanes(&self) -> usize {
        self.pipeline.in_lanes()
    }

    /// Takes nothing new, finishes what runs, and returns. What could not be finished in time is on disk.
    pub async fn stop(mut self) {
        let began = Instant::now();
        self.stop.cancel();
        let left = self.pipeline.drain(self.drain).await;
        if left > 0 {
            tracing::warn!(left, "not everything was finished in time; the rest goes on at the next start");
        }
        // What came in at the last moment is kept and answered before nobody hears any more how things stand.
        let rest = self.drain.saturating_sub(began.elapsed()) + LAST;
        self.stop_admin.cancel();
        let ended =
            tokio::time::timeout(rest, async { while self.tasks.join_next().await.is_some() {} }).await;
        if ended.is_err() {
            tracing::warn!("the time is up; what still runs is left as it is on disk");
            self.tasks.shutdown().await;
        }
    }
}

/// Runs the daemon until `stop`.
///
/// # Errors
/// As [`Daemon::start`].
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    let starting = notify::starting();
    let daemon = Daemon::start(config).await?;
    drop(starting);
    let watchdog = notify::watchdog(daemon.pipeline.world());
    notify::ready();
    stop.cancelled().await;
    notify::stopping();
    daemon.stop().await;
    watchdog.abort();
    // It holds the store.
    let _ = watchdog.await;
    tracing::info!("stopped");
    Ok(())
}

fn upkeep(store: &Arc<SledStore>) -> Upkeep {
    let store = Arc::clone(store);
    Upkeep {
        export: Box::new(move || {
            let store = Arc::clone(&store);
            Box::pin(async move {
                let saved = save_links(store.as_ref(), Timestamp::now(), store.path()).await;
                saved.map_err(|error| error.to_string())
            })
        }),
    }
}

/// The addresses, as somebody who sets hooks up needs them.
fn say_where(config: &Config, webhooks: std::net::SocketAddr, admin: std::net::SocketAddr, world: &World) {
    let base = match &config.listen.public_url {
        Some(url) => url.to_string(),
        None => format!("http://{webhooks}/"),
    };
    let base = base.trim_end_matches('/');
    tracing::info!("webhooks come in on {webhooks}; health, metrics and the API are on {admin}");
    if config.gitlab.register_hooks {
        tracing::info!("flaglink registers its webhooks in GitLab below {base}/hooks/gitlab/");
    }
    if !config.gitlab.webhook_secrets.is_empty() || !config.gitlab.signing_tokens.is_empty() {
        tracing::info!("GitLab's webhook address: {base}/hooks/gitlab");
    }
    for provider in world.flags().iter() {
        if door::takes_webhooks(provider.as_ref()) {
            tracing::info!(
                "webhook address for {} ({}): {base}/hooks/providers/{}",
                provider.name(),
                provider.service(),
                provider.name()
            );
        } else {
            tracing::info!(
                "{} ({}) is polled every {} s; it has no webhook secret",
                provider.name(),
                provider.service(),
                provider.poll_interval().as_secs()
            );
        }
    }
}
