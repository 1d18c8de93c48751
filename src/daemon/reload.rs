//! The configuration is read again while the daemon runs.
//!
//! Whatever is wrong with it, the old one stays in force as a whole. Where it is good, everything that is taken up from then on
//! goes by the new one; what is being carried out at that moment ends as it began.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::build::Lasting;
use super::door::FrontDoor;
use super::shift::{Gear, Search, Shift};
use super::start_error::StartError;
use super::tried::{self, Prints};
use super::{notify, renamed};
use crate::config::{Config, ConfigError};
use crate::http::TcpGate;
use crate::http::api_types::{FilesRead, Reloaded};
use crate::pipeline::rules_changed;
use crate::tunnel::Prover;

/// Reads the configuration again.
pub type Reader = Box<dyn Fn() -> Result<Config, ConfigError> + Send + Sync>;

/// How long GitLab's time is waited for when there are new rules. Without it the time of this machine has to do.
const GITLABS_TIME: Duration = Duration::from_secs(3);

/// What runs by the present configuration.
struct Present {
    config: Config,
    /// How its providers' tables and their secrets were when it was read.
    prints: Prints,
    /// `None` when the daemon has ended.
    shift: Option<Shift>,
    /// `None` where the public address is written.
    search: Option<Search>,
}

/// Which reading of the configuration is in force.
pub(super) struct Reading {
    pub(super) read_at: Timestamp,
    pub(super) digest: String,
    pub(super) files: FilesRead,
}

impl Reading {
    fn of(config: &Config, lasting: &Lasting) -> Arc<Self> {
        let files = lasting.files_read(config);
        Arc::new(Self { read_at: config.read_at, digest: config.digest.clone(), files })
    }
}

/// Puts another configuration in the place of the present one.
pub(super) struct Reloader {
    pub(super) lasting: Lasting,
    gear: Gear,
    door: Arc<FrontDoor>,
    gate: TcpGate,
    prover: Prover,
    read: Reader,
    present: Mutex<Present>,
    /// The keys that were other ones when it was last read. Beside the present one, which is held for as long as a change takes.
    waiting: ArcSwap<Vec<String>>,
    reading: ArcSwap<Reading>,
}

impl Reloader {
    pub(super) fn begin(
        config: Config,
        lasting: Lasting,
        gear: Gear,
        door: Arc<FrontDoor>,
        gate: TcpGate,
        prover: Prover,
        read: Reader,
    ) -> Arc<Self> {
        let (shift, search) = (Some(Shift::begin(&gear, &config)), Search::begin(&gear, &config));
        let prints = tried::prints(&lasting, &config);
        let reading = ArcSwap::new(Reading::of(&config, &lasting));
        let present = Mutex::new(Present { config, prints, shift, search });
        Arc::new(Self {
            lasting,
            gear,
            door,
            gate,
            prover,
            read,
            present,
            waiting: ArcSwap::default(),
            reading,
        })
    }

    /// Which reading is in force.
    pub(super) fn reading(&self) -> Arc<Reading> {
        self.reading.load_full()
    }

    /// The keys that wait for the next start.
    pub(super) fn at_the_next_start(&self) -> Vec<String> {
        self.waiting.load().to_vec()
    }

    /// Reads the configuration again and works by it, or says why not. One after the other.
    pub(super) async fn reload(&self) -> Result<Reloaded, String> {
        let mut present = self.present.lock().await;
        let _again = notify::reloading();
        match self.change(&mut present).await {
            Ok(reloaded) => {
                self.waiting.store(Arc::new(reloaded.at_the_next_start.clone()));
                tracing::info!(
                    rules = reloaded.rules,
                    providers = reloaded.providers,
                    "the configuration was read again and is in force"
                );
                for warning in &reloaded.warnings {
                    tracing::warn!("{warning}");
                }
                if !reloaded.at_the_next_start.is_empty() {
                    let keys = reloaded.at_the_next_start.join(", ");
                    tracing::warn!(keys, "these cannot change while flaglink runs: start it again for them");
                }
                Ok(reloaded)
            }
            Err(error) => {
                tracing::error!(%error, "the configuration was read again and is not used: the one from before stays in force");
                Err(error.to_string())
            }
        }
    }

    async fn change(&self, present: &mut Present) -> Result<Reloaded, StartError> {
        let config = (self.read)()?;
        if config.gitlab.url != present.config.gitlab.url {
            return Err(StartError::Running(format!(
                "`url` in [gitlab] is {} now, and flaglink works with {}: start it again for that",
                config.gitlab.url, present.config.gitlab.url
            )));
        }
        if present.shift.is_none() || self.gear.stop.is_cancelled() {
            return Err(StartError::Running("flaglink is stopping".to_owned()));
        }
        renamed::check(self.lasting.store.as_ref(), &config).await?;
        let services = self.lasting.services(&config)?;
        let prints = tried::prints(&self.lasting, &config);
        let untried = tried::check((&present.config, &present.prints), (&config, &prints), &services).await?;
        let world = self.lasting.world(&config, services).await?;
        let world = Arc::new(world.after(&self.gear.pipeline.world()));
        world.begin_rules(GITLABS_TIME).await?;
        let marker_key_is_new = self.lasting.has_another_marker_key(&config);
        self.lasting.keep_instance(&config).await?;
        self.prover.change(config.gitlab.ca_file.clone())?;

        // From here on nothing can be wrong any more.
        if let Some(shift) = present.shift.take() {
            shift.end().await;
        }
        self.gear.pipeline.change_world(world);
        self.door.change(&config);
        self.gate.change(config.listen.admin_token.clone());
        self.gear.hooks_off.forget_all();
        let shown = rules_changed(&self.gear.pipeline).await;
        let mut shift = Shift::begin(&self.gear, &config);
        if let Err(trouble) = shown {
            tracing::warn!(reason = %trouble, "what the new rules show differently is not looked at yet; trying again");
            shift.show_rules(&self.gear);
        }
        present.shift = Some(shift);
        if differ(&present.config.tunnel, &config.tunnel) {
            if let Some(search) = present.search.take() {
                search.end().await;
            }
            present.search = Search::begin(&self.gear, &config);
        }
        let reloaded = Reloaded {
            rules: config.rules.rules.len(),
            providers: config.providers.len(),
            warnings: config.warnings.iter().cloned().chain(untried).collect(),
            at_the_next_start: fixed(&present.config, &config, marker_key_is_new),
            secrets_of_the_start: config.secret_files.iter().any(|file| file.is_credential),
        };
        present.prints = prints;
        self.reading.store(Reading::of(&config, &self.lasting));
        // What cannot change stays as it is in force, so that it is told again until it is so.
        present.config = Config {
            listen: crate::config::Listen {
                admin_token: config.listen.admin_token.clone(),
                ..present.config.listen.clone()
            },
            store: present.config.store.clone(),
            limits: present.config.limits.clone(),
            ..config
        };
        Ok(reloaded)
    }

    /// Ends what runs, and whatever would begin after it.
    pub(super) async fn end(&self, patience: Duration) {
        let mut present = self.present.lock().await;
        if let Some(search) = present.search.take() {
            search.end().await;
        }
        if let Some(mut shift) = present.shift.take() {
            shift.ended(patience).await;
        }
    }
}

/// Whether two parts say something else. Secrets are the same to it.
fn differ<T: Debug>(old: &T, new: &T) -> bool {
    format!("{old:?}") != format!("{new:?}")
}

/// The keys that are different and that a running daemon cannot follow.
fn fixed(old: &Config, new: &Config, marker_key_is_new: bool) -> Vec<String> {
    let all = [
        ("listen.webhooks", old.listen.webhooks != new.listen.webhooks),
        ("listen.admin", old.listen.admin != new.listen.admin),
        ("listen.socket", old.listen.socket != new.listen.socket),
        (
            "listen.public_url",
            old.listen.public_url != new.listen.public_url
                || old.listen.public_auto != new.listen.public_auto,
        ),
        ("listen.trusted_proxies", old.listen.trusted_proxies != new.listen.trusted_proxies),
        ("store.path", old.store.path != new.store.path),
        ("store.marker_key_file", marker_key_is_new || differ(&old.store.marker_key, &new.store.marker_key)),
        ("limits", differ(&old.limits, &new.limits)),
    ];
    all.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key.to_owned()).collect()
}
