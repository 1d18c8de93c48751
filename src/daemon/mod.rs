//! The daemon: builds the parts, joins them, and drains them when it is told to stop.

mod admin;
mod build;
mod door;
mod health;
mod identity;
mod notify;
mod renamed;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::bot::World;
use crate::config::Config;
use crate::http::{Admin, Gate, Listener, ServeOptions, SocketFile, TcpGate, Webhooks, bind_socket, serve};
use crate::pipeline::{
    CatchingUp, HooksOff, OwnAddress, Pipeline, Upkeep, catch_up, keep_up, poll, watch_visibility,
};
use crate::store::export::save_links;
use crate::store::sled::SledStore;

pub use build::StartError;

/// How long what runs is waited for at the end. systemd kills after 90 s by default; the unit allows 40.
pub const DRAIN: Duration = Duration::from_secs(25);

/// How long GitLab's time is waited for when there are new rules. Without it the time of this machine has to do.
const GITLABS_TIME: Duration = Duration::from_secs(3);

/// A daemon that runs in this process.
pub struct Daemon {
    pipeline: Arc<Pipeline>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
    webhooks: std::net::SocketAddr,
    admin: std::net::SocketAddr,
    drain: Duration,
    caught_up: watch::Receiver<u64>,
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
        let stop = CancellationToken::new();

        let webhooks = build::bind(config.listen.webhooks, "listen.webhooks").await?;
        let admin = build::bind(config.listen.admin, "listen.admin").await?;
        let (socket, socket_file) = bind_socket(&config.listen.socket)
            .await
            .map_err(|error| StartError::Socket(error.to_string()))?;
        let webhooks_at = build::local(&webhooks)?;
        let admin_at = build::local(&admin)?;

        world.begin_rules(GITLABS_TIME).await?;
        let health = Arc::new(health::Health::default());
        let hooks_off = Arc::new(HooksOff::default());
        let door = Arc::new(door::FrontDoor::new(Arc::clone(&pipeline), &config));
        let view: Arc<dyn crate::http::AdminView> = Arc::new(admin::View {
            pipeline: Arc::clone(&pipeline),
            health: Arc::clone(&health),
            hooks_off: Arc::clone(&hooks_off),
            metrics: Arc::clone(&built.metrics),
            started_at,
            stop: stop.clone(),
            gitlab_url: config.gitlab.url.clone(),
            public_url: config.listen.public_url.clone(),
        });
        let tcp_gate =
            TcpGate::new(admin_at, &config.listen.admin.to_string(), config.listen.admin_token.clone());

        pipeline.load().await?;
        let mut tasks = JoinSet::new();
        // Their own token: listeners take no more as soon as the end begins, also while lanes still drain.
        let listen = |tasks: &mut JoinSet<()>, listener, handler, name| {
            let options = ServeOptions { name, drain_timeout: DRAIN, ..ServeOptions::default() };
            let stop = stop.clone();
            tasks.spawn(async move {
                serve(listener, handler, options, stop).await;
            });
        };
        listen(
            &mut tasks,
            Listener::Tcp(webhooks),
            Arc::new(Webhooks::new(door, Arc::clone(&built.metrics))),
            "webhooks",
        );
        listen(
            &mut tasks,
            Listener::Tcp(admin),
            Arc::new(Admin::new(Arc::clone(&view), Gate::Tcp(tcp_gate))),
            "admin",
        );
        listen(&mut tasks, Listener::Unix(socket), Arc::new(Admin::new(view, Gate::Socket)), "socket");

        for provider in world.flags().iter() {
            tasks.spawn(poll(Arc::clone(&pipeline), Arc::clone(provider), stop.clone()));
        }
        let (runs, caught_up) = watch::channel(0);
        let plan = CatchingUp {
            every: config.gitlab.catch_up.duration(),
            address: OwnAddress { public_url: config.listen.public_url.clone(), listener: webhooks_at },
            hooks_off,
            runs,
        };
        tasks.spawn(catch_up(Arc::clone(&pipeline), plan, stop.clone()));
        tasks.spawn(watch_visibility(Arc::clone(&pipeline), stop.clone()));
        tasks.spawn(health::watch(Arc::clone(&pipeline), health, stop.clone()));
        tasks.spawn(keep_up(Arc::clone(&pipeline), upkeep(&built.store), stop.clone()));
        say_where(&config, webhooks_at, admin_at, &world);
        Ok(Self {
            pipeline,
            stop,
            tasks,
            webhooks: webhooks_at,
            admin: admin_at,
            drain: DRAIN,
            caught_up,
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

    /// How many things wait or are being carried out.
    pub fn in_lanes(&self) -> usize {
        self.pipeline.in_lanes()
    }

    /// Takes nothing new, finishes what runs, and returns. What could not be finished in time is on disk.
    pub async fn stop(mut self) {
        self.stop.cancel();
        let left = self.pipeline.drain(self.drain).await;
        if left > 0 {
            tracing::warn!(left, "not everything was finished in time; the rest goes on at the next start");
        }
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Runs the daemon until `stop`.
///
/// # Errors
/// As [`Daemon::start`].
pub async fn run(config: Config, stop: CancellationToken) -> Result<(), StartError> {
    let daemon = Daemon::start(config).await?;
    notify::ready();
    let watchdog = notify::watchdog();
    stop.cancelled().await;
    notify::stopping();
    daemon.stop().await;
    watchdog.abort();
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
    tracing::info!("GitLab's webhook address: {base}/hooks/gitlab");
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
