//! The daemon: builds the parts, joins them, and drains them when it is told to stop.

mod admin;
mod build;
mod by_hand;
mod clients;
mod door;
mod dry_run;
mod health;
mod hooks;
mod identity;
mod notify;
mod public;
mod reload;
mod renamed;
mod shift;
mod start_error;
mod tried;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::http::api_types::Reloaded;
use crate::http::{
    Admin, Gate, Listener, MAX_BODY, ServeOptions, SocketFile, TcpGate, Webhooks, bind_socket, serve,
};
use crate::pipeline::{
    HookSettings, HooksOff, OwnAddress, Pipeline, Upkeep, keep_up, rules_changed, watch_visibility,
};
use crate::store::Store;
use crate::store::export::save_links;
use crate::store::sled::SledStore;
use crate::tunnel::{Nonces, Prover};

pub use build::could_start;
pub use by_hand::ByHand;
pub use dry_run::{Asking, Planned, planned_reminders};
pub use hooks::HookDesk;
pub use notify::heartbeat;
pub use reload::Reader;
pub use start_error::StartError;

/// How long, when lanes and webhooks are drained, everything else may take: the last export, and whoever asks the admin
/// listener at that moment.
const LAST: Duration = Duration::from_secs(5);
/// Connections to the admin listener, and to the socket. With those of the webhook listener and those to the outside they stay
/// within the 1024 files that a process may have open by default.
const ADMIN_CONNECTIONS: usize = 128;
/// How long an admin's work may take: a look at the webhooks of a thousand projects, or links of an export.
const LONGEST_WORK: Duration = Duration::from_secs(11 * 60);
/// How many bytes of webhook bodies may be held at a time: five of the largest, or thousands of the usual ones.
const BODY_MEMORY: usize = 5 * MAX_BODY;

/// How long GitLab's time is waited for when there are new rules. Without it the time of this machine has to do.
const GITLABS_TIME: Duration = Duration::from_secs(3);

/// A daemon that runs in this process.
pub struct Daemon {
    pipeline: Arc<Pipeline>,
    reloader: Arc<reload::Reloader>,
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
    /// Builds everything and starts to listen. GitLab and the flag services need not be there. When it is told to, it reads the
    /// file of this configuration again; what stands in the environment does not count then.
    ///
    /// # Errors
    /// Whatever an admin has to mend first, in words for them: a store in use, an address that is taken,
    /// links of a provider that is not configured any more.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let path = config.path.clone();
        Self::start_with(config, Box::new(move || Config::load(&path, &BTreeMap::new()))).await
    }

    /// The same, with a way of its own to read the configuration again.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(config: Config, reader: Reader) -> Result<Self, StartError> {
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
        let nonces = Nonces::default();
        let prover = Prover::new(nonces.clone(), webhooks_at, config.gitlab.ca_file.clone())?;
        let (address, finding) = public::address(&config, webhooks_at, &prover);
        let tunnel = finding.as_ref().map(public::Finding::remark);
        let (public, trusted_proxies) = (address.clone(), config.listen.trusted_proxies.clone());
        let health = Arc::new(health::Health::default());
        let hooks_off = Arc::new(HooksOff::default());
        let apart = config.gitlab.catch_up.duration();
        let kept = world.store().hooks().await?;
        pipeline.hooks().load(&kept, world.markers());
        let front = Arc::new(door::FrontDoor::new(Arc::clone(&pipeline), &config));
        let tcp_gate =
            TcpGate::new(admin_at, &config.listen.admin.to_string(), config.listen.admin_token.clone());

        pipeline.load().await?;
        rules_changed(&pipeline).await?;
        tracing::info!("webhooks come in on {webhooks_at}; health, metrics and the API are on {admin_at}");
        match &finding {
            None => public::say_where(address.now().as_ref(), webhooks_at, &pipeline),
            Some(_) => tracing::info!(
                "the public address is looked for; where webhooks come in is said when it is found"
            ),
        }
        let (backlog, gitlab_url) = (config.limits.backlog, config.gitlab.url.clone());
        let (metrics, store) = (Arc::clone(&built.lasting.metrics), Arc::clone(&built.lasting.store));
        let (runs, caught_up) = watch::channel(0);
        let (hook_runs, in_step) = watch::channel(0);
        let gear = shift::Gear {
            pipeline: Arc::clone(&pipeline),
            health: Arc::clone(&health),
            hooks_off: Arc::clone(&hooks_off),
            address: OwnAddress { public: address.clone(), listener: webhooks_at },
            runs,
            hook_runs,
            finding,
            stop: stop.clone(),
        };
        let reloader = reload::Reloader::begin(
            config,
            built.lasting,
            gear,
            Arc::clone(&front),
            tcp_gate.clone(),
            prover.clone(),
            reader,
        );
        let view: Arc<dyn crate::http::AdminView> = Arc::new(admin::View {
            pipeline: Arc::clone(&pipeline),
            reloader: Arc::clone(&reloader),
            health,
            door: Arc::clone(&front),
            hooks_off,
            metrics: Arc::clone(&metrics),
            started_at,
            stop: stop.clone(),
            backlog,
            gitlab_url,
            hooks: HookDesk::new(Arc::clone(&pipeline), HookSettings { address: address.clone(), apart }),
            address,
            prover,
            tunnel,
        });
        let mut tasks = JoinSet::new();
        let listen = |tasks: &mut JoinSet<()>, listener, handler, options, stop: &CancellationToken| {
            let stop = stop.clone();
            tasks.spawn(async move {
                serve(listener, handler, options, stop).await;
            });
        };
        let door = Webhooks::new(front, metrics).reached_at(public.clone()).proving(nonces);
        let door = Arc::new(door.trusting(trusted_proxies));
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
            answer_timeout: LONGEST_WORK,
            drain_timeout: LAST / 2,
            ..ServeOptions::default()
        };
        let handler = Arc::new(Admin::new(Arc::clone(&view), Gate::Tcp(tcp_gate)));
        listen(&mut tasks, Listener::Tcp(admin), handler, options("admin"), &stop_admin);
        let handler = Arc::new(Admin::new(view, Gate::Socket));
        listen(&mut tasks, Listener::Unix(socket), handler, options("socket"), &stop_admin);

        tasks.spawn(watch_visibility(Arc::clone(&pipeline), stop.clone()));
        tasks.spawn(keep_up(Arc::clone(&pipeline), upkeep(&store), stop.clone()));
        tasks.spawn(public::tell(public, webhooks_at, Arc::clone(&pipeline), stop.clone()));
        Ok(Self {
            pipeline,
            reloader,
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

    /// Reads the configuration again and works by it.
    ///
    /// # Errors
    /// Why it is not used, for an admin; the one from before stays in force.
    pub async fn reload(&self) -> Result<Reloaded, String> {
        self.reloader.reload().await
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
        let all = async {
            self.reloader.end(rest).await;
            while self.tasks.join_next().await.is_some() {}
        };
        let ended = tokio::time::timeout(rest, all).await;
        if ended.is_err() {
            tracing::warn!("the time is up; what still runs is left as it is on disk");
            self.tasks.shutdown().await;
        }
    }
}

/// Runs the daemon until `stop`; whenever `again` is told, it reads its configuration again.
///
/// # Errors
/// As [`Daemon::start`].
pub async fn run(
    config: Config,
    reader: Reader,
    again: &Notify,
    stop: CancellationToken,
) -> Result<(), StartError> {
    let starting = notify::starting();
    let daemon = Daemon::start_with(config, reader).await?;
    drop(starting);
    let watchdog = notify::watchdog(Arc::clone(&daemon.reloader.lasting.store) as Arc<dyn Store>);
    notify::ready();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = again.notified() => {}
        }
        tokio::select! {
            // Its log says what became of it.
            _ = daemon.reload() => {}
            // What it has begun is over with the daemon.
            () = stop.cancelled() => break,
        }
    }
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
