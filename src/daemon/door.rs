//! The webhook listener's door into the house.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use crate::bot::World;
use crate::config::Config;
use crate::domain::{Delivery, DeliverySource, Kept};
use crate::flags::{FlagProvider, Verdict, WebhookRequest};
use crate::gitlab::{Classified, Standing, WebhookSecrets, classify};
use crate::http::{Door, Headers, Taken};
use crate::pipeline::Pipeline;
use crate::store::StoreError;

/// Knows the secrets of the paths, and what is worth keeping.
pub(super) struct FrontDoor {
    pipeline: Arc<Pipeline>,
    /// For the path that hooks made by hand use. Hooks that flaglink registers have paths and secrets of their own.
    by_hand: WebhookSecrets,
    /// For large bodies that are being taken apart: what is made of one can be many times as large as it.
    large: Semaphore,
}

/// Bodies from this size on, in bytes, are taken apart off the async threads, and two at a time.
const LARGE: usize = 256 * 1024;

impl FrontDoor {
    pub(super) fn new(pipeline: Arc<Pipeline>, config: &Config) -> Self {
        let by_hand = WebhookSecrets {
            tokens: config.gitlab.webhook_secrets.clone(),
            signing: config.gitlab.signing_tokens.clone(),
            require_signature: config.gitlab.require_signature,
        };
        Self { pipeline, by_hand, large: Semaphore::new(2) }
    }

    fn secrets(&self, hook: &str) -> Option<&WebhookSecrets> {
        (hook.is_empty() && !self.by_hand.is_empty()).then_some(&self.by_hand)
    }

    fn provider(&self, name: &str) -> Option<Arc<dyn FlagProvider>> {
        self.pipeline.world().flags().get(name).cloned()
    }

    /// Why a delivery need not be kept; `None`: it is worth keeping.
    async fn useless(&self, delivery: &Delivery) -> Option<Taken> {
        let world = self.pipeline.world();
        if delivery.body.len() < LARGE {
            return useless(&world, &delivery.source, &delivery.body);
        }
        let _place = self.large.acquire().await.ok();
        let (source, body) = (delivery.source.clone(), delivery.body.clone());
        let looked = tokio::task::spawn_blocking(move || useless(&world, &source, &body)).await;
        looked.unwrap_or_else(|fault| {
            tracing::error!(%fault, "a large delivery could not be looked at");
            Some(Taken::Unwritable)
        })
    }
}

fn useless(world: &World, source: &DeliverySource, body: &[u8]) -> Option<Taken> {
    if let DeliverySource::Provider { name } = source {
        let says_nothing =
            world.flags().get(name).is_some_and(|provider| provider.read_webhook(body).is_empty());
        return says_nothing.then_some(Taken::Ignored("no_flag_in_it"));
    }
    let name = world.only_name();
    match classify(body, &world.bots(), name.as_deref()) {
        Classified::NotJson => Some(Taken::NotJson),
        // The rules are about work: a project that holds nothing but flags needs none.
        Classified::Ignored(_) if world.flags().hears_in_gitlab(body) => None,
        Classified::Ignored(reason) => Some(Taken::Ignored(reason)),
        Classified::Event { project_path: Some(path), .. } if world.rules().for_project(&path).is_none() => {
            Some(Taken::Ignored("no_rule"))
        }
        Classified::Event { .. } => None,
    }
}

/// Whether a provider has a secret to check webhooks with.
pub(super) fn takes_webhooks(provider: &dyn FlagProvider) -> bool {
    let nothing = Headers::new();
    provider.verify_webhook(&WebhookRequest { headers: &nothing, body: b"" }) != Verdict::NoSecret
}

#[async_trait]
impl Door for FrontDoor {
    fn gitlab_before_body(&self, hook: &str, headers: &Headers) -> Option<Standing> {
        Some(self.secrets(hook)?.before_body(headers))
    }

    fn gitlab_with_body(
        &self,
        hook: &str,
        headers: &Headers,
        body: &[u8],
        now: Timestamp,
    ) -> Option<Standing> {
        Some(self.secrets(hook)?.with_body(headers, body, now))
    }

    fn provider_verdict(&self, provider: &str, request: &WebhookRequest<'_>) -> Verdict {
        self.provider(provider).map_or(Verdict::NoSecret, |provider| provider.verify_webhook(request))
    }

    fn provider_key(&self, provider: &str, request: &WebhookRequest<'_>) -> Option<String> {
        self.provider(provider)?.webhook_key(request)
    }

    async fn take(&self, delivery: Delivery) -> Taken {
        if let Some(useless) = self.useless(&delivery).await {
            return useless;
        }
        let world = self.pipeline.world();
        match world.store().keep(delivery).await {
            Ok(Kept::Before) => Taken::Before,
            Ok(Kept::New(id) | Kept::Revived(id)) => {
                if let Err(error) = self.pipeline.accept(id).await {
                    // It is on disk, and taken up as soon as the store is well.
                    tracing::error!(%error, entry = id.0, "a delivery was kept and cannot be read back");
                }
                Taken::Kept
            }
            Err(StoreError::Full(_)) => Taken::Full,
            Err(error) => {
                tracing::error!(%error, "a delivery could not be kept");
                self.pipeline.note_refusal();
                Taken::Unwritable
            }
        }
    }
}
