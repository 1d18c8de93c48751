//! What the admin listener and the socket show of the daemon.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::door::{FrontDoor, takes_webhooks};
use super::health::Health;
use super::hooks::HookDesk;
use super::reload::Reloader;
use crate::domain::Noteable;
use crate::http::AdminView;
use crate::http::api_letter::QueueItem;
use crate::http::api_types::{
    AddressProof, GitlabStatus, LettersDealt, LinksChange, LinksChanged, LinksPage, ProviderStatus, Queue,
    Reloaded, Status, WebhookAddress,
};
use crate::http::{letter_view, link_view, view};
use crate::pipeline::by_hand::Hand;
use crate::pipeline::{HookChoice, HookDone, HookReport, HookTested, HooksOff, How, Pipeline, Which};
use crate::store::StoreError;
use crate::telemetry::Metrics;
use crate::tunnel::{Prover, PublicAddress, Remark, Trouble};

pub(super) struct View {
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) reloader: Arc<Reloader>,
    pub(super) health: Arc<Health>,
    pub(super) door: Arc<FrontDoor>,
    pub(super) hooks_off: Arc<HooksOff>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) started_at: Timestamp,
    pub(super) stop: CancellationToken,
    /// `[limits] backlog`.
    pub(super) backlog: u64,
    pub(super) gitlab_url: Url,
    pub(super) address: PublicAddress,
    pub(super) hooks: HookDesk,
    pub(super) prover: Prover,
    /// Where the address is to be found: what is the matter with that.
    pub(super) tunnel: Option<Remark>,
}

/// Something that has waited longer than this does not move.
const STUCK_SECONDS: u64 = 15 * 60;

impl View {
    /// Why new webhooks are refused, if they are.
    fn refuses(&self) -> Option<String> {
        Some(match self.pipeline.world().store().takes().err()? {
            StoreError::Full(waits) => format!(
                "{waits} deliveries and commands wait, and `backlog` in [limits] is {}: new webhooks are answered 503 until \
                 fewer wait",
                self.backlog
            ),
            error => format!("new webhooks are answered 503: {error}"),
        })
    }

    /// What keeps the queues from moving: the oldest thing in each, where it has waited for long.
    async fn stuck(&self) -> Vec<String> {
        let Ok(queue) = self.queue(1).await else { return Vec::new() };
        let oldest = [queue.inbox.first(), queue.edges.first(), queue.levels.first()];
        oldest
            .into_iter()
            .flatten()
            .filter_map(|waiting| {
                let seconds = waiting.age_seconds.filter(|age| *age >= STUCK_SECONDS)?;
                let why = waiting.reason.as_deref().unwrap_or("it was not tried yet");
                Some(format!("{} has waited for {} min: {why}", waiting.what, seconds / 60))
            })
            .collect()
    }
}

#[async_trait]
impl AdminView for View {
    async fn readiness(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.stop.is_cancelled() {
            problems.push("flaglink is stopping".to_owned());
        }
        if let Err(error) = self.pipeline.world().store().check().await {
            problems.push(error.to_string());
        }
        problems.extend(self.refuses());
        self.health.look_again(&self.pipeline).await;
        problems.extend(self.health.troubles());
        problems.extend(self.stuck().await);
        problems
    }

    fn metrics(&self) -> String {
        self.metrics.text()
    }

    async fn status(&self) -> Status {
        let world = self.pipeline.world();
        let now = Timestamp::now();
        let reading = self.reloader.reading();
        let base = self.address.now();
        let address = |source: &str, path: String| WebhookAddress {
            url: base.as_ref().map(|base| format!("{}{path}", base.as_str().trim_end_matches('/'))),
            source: source.to_owned(),
            path,
        };
        let mut webhooks = Vec::new();
        // Those that flaglink registers have paths of their own, which `flaglink hooks list` shows.
        if self.door.takes_by_hand() {
            webhooks.push(address("gitlab", "/hooks/gitlab".to_owned()));
        }
        let mut providers = Vec::new();
        for provider in world.flags().iter() {
            if takes_webhooks(provider.as_ref()) {
                webhooks.push(address(provider.name(), format!("/hooks/providers/{}", provider.name())));
            }
            providers.push(ProviderStatus {
                name: provider.name().to_owned(),
                service: provider.service().to_owned(),
                health: self.health.of_provider(provider.name()),
                webhook_refused_at: self.pipeline.hooks().services().refused_at(provider.name()),
            });
        }
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: self.started_at,
            uptime_seconds: u64::try_from(now.as_second() - self.started_at.as_second()).unwrap_or(0),
            public_url: base.as_ref().map(Url::to_string),
            webhooks,
            gitlab: GitlabStatus {
                instance: Some(world.instance().to_string()),
                url: self.gitlab_url.to_string(),
                webhooks_refused: self.pipeline.hooks().by_hand().refused(),
                bot: world.known_me().map(|me| me.username),
                health: self.health.of_gitlab(),
            },
            providers,
            at_the_next_start: self.reloader.at_the_next_start(),
            config_read_at: Some(reading.read_at),
            config_digest: Some(reading.digest.clone()),
            config_files: Some(reading.files.clone()),
        }
    }

    async fn change_links(&self, change: LinksChange) -> LinksChanged {
        let world = self.pipeline.world();
        link_view::change(&Hand::of_pipeline(&self.pipeline, &world), &world, change).await
    }

    async fn reload(&self) -> Result<Reloaded, String> {
        self.reloader.reload().await
    }

    async fn queue(&self, limit: usize) -> Result<Queue, StoreError> {
        view::queue(self.pipeline.world().store(), limit, Timestamp::now()).await
    }

    async fn believe(&self, provider: &str) -> Result<Option<usize>, StoreError> {
        self.pipeline.believe(provider).await
    }

    async fn remarks(&self) -> Vec<String> {
        let world = self.pipeline.world();
        let mut remarks = world.doubts().told();
        remarks.extend(world.adoptions().doubts().told());
        remarks.extend(world.deletions().told());
        remarks.extend(world.refusals().told());
        remarks.extend(self.hooks_off.lines());
        remarks.extend(self.pipeline.hooks().lines());
        remarks.extend(self.tunnel.as_ref().and_then(Remark::line));
        let register = world.store().register().await.ok().and_then(|seen| seen.value).unwrap_or_default();
        remarks.extend(register.reminders.iter().flat_map(|(name, record)| record.remarks(name)));
        let dead = world.store().backlog().await.map_or(0, |backlog| backlog.dead);
        if dead == 0 {
            return remarks;
        }
        let oldest = world.store().dead_letters(1).await.unwrap_or_default();
        let since = oldest
            .first()
            .map(|letter| format!(" (the oldest since {})", letter.at.strftime("%Y-%m-%d %H:%M UTC")));
        remarks.push(format!(
            "{dead} given up{}: `flaglink queue list` says why; `flaglink queue retry --all` tries again, `flaglink queue drop --all` forgets",
            since.unwrap_or_default()
        ));
        remarks
    }

    async fn prove_address(&self) -> AddressProof {
        let Some(url) = self.address.now() else {
            let why = match &self.tunnel {
                Some(remark) => remark.line().unwrap_or_else(|| {
                    "the public address is not known yet: the agents of tunnels on this machine are being asked".to_owned()
                }),
                None => "no public address is known: write it into `public_url` of [listen], or `public_url = \"auto\"` where a \
                         tunnel's agent on this machine knows it"
                    .to_owned(),
            };
            return AddressProof {
                url: None,
                proven: false,
                why: Some(why),
                trouble: Some(Trouble::NoAddress.word().to_owned()),
            };
        };
        let unproven = self.prover.prove(&url).await.err();
        AddressProof {
            url: Some(url.to_string()),
            proven: unproven.is_none(),
            trouble: unproven.as_ref().map(|unproven| unproven.trouble.word().to_owned()),
            why: unproven.map(|unproven| unproven.why),
        }
    }

    async fn queue_item(&self, id: u64) -> Result<Option<QueueItem>, StoreError> {
        letter_view::queue_item(self.pipeline.world().store(), id, Timestamp::now()).await
    }

    async fn deal(&self, how: How, which: Which) -> Result<LettersDealt, StoreError> {
        Ok(self.pipeline.deal(how, &which).await?.into())
    }

    async fn hooks(&self, choice: HookChoice) -> Result<Vec<HookReport>, String> {
        self.hooks.report(&choice).await
    }

    async fn sync_hooks(&self, choice: HookChoice, dry_run: bool) -> Result<Vec<HookDone>, String> {
        let done = self.hooks.sync(&choice, dry_run).await;
        // Catching up would notice only with its next run.
        self.hooks_off.forget(&self.pipeline.hooks().take_switched_on());
        done
    }

    async fn remove_hooks(&self, choice: HookChoice, dry_run: bool) -> Result<Vec<HookDone>, String> {
        self.hooks.remove(&choice, dry_run).await
    }

    async fn test_hooks(&self, choice: HookChoice) -> Result<Vec<HookTested>, String> {
        self.hooks.test(&choice).await
    }

    async fn links(&self, after: Option<&Noteable>, limit: usize) -> Result<LinksPage, StoreError> {
        view::links_page(self.pipeline.world().store(), after, limit).await
    }

    async fn export(&self, pieces: mpsc::Sender<Bytes>) -> Result<(), StoreError> {
        view::export(self.pipeline.world().store(), Timestamp::now(), &pieces).await
    }
}
