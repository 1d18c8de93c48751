//! The webhook listener's door into the house.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::config::Config;
use crate::domain::{Delivery, DeliverySource};
use crate::flags::{FlagProvider, Verdict, WebhookRequest};
use crate::gitlab::{Standing, WebhookSecrets, seconds_ahead};
use crate::http::{Door, Headers, Taken};
use crate::pipeline::{Intake, Pipeline, Spoiled};

/// Knows the secrets of the paths.
pub(super) struct FrontDoor {
    pipeline: Arc<Pipeline>,
    /// For the path that hooks made by hand use. Hooks that flaglink registers have paths and secrets of their own.
    by_hand: ArcSwap<WebhookSecrets>,
    gitlab: Url,
}

impl FrontDoor {
    pub(super) fn new(pipeline: Arc<Pipeline>, config: &Config) -> Self {
        let by_hand = ArcSwap::from_pointee(by_hand(config));
        let door = Self { pipeline, by_hand, gitlab: config.gitlab.url.clone() };
        door.change(config);
        door
    }

    /// From now on the secrets are those of that configuration. Those of the flag services come with the pipeline's world.
    pub(super) fn change(&self, config: &Config) {
        let new = Arc::new(by_hand(config));
        let before = self.by_hand.swap(Arc::clone(&new));
        if !are_same(&before, &new) {
            self.pipeline.hooks().by_hand().forget();
        }
        self.pipeline.hooks().configure(config.gitlab.register_hooks, config.gitlab.require_signature);
    }

    /// Whether webhooks made by hand are taken from GitLab.
    pub(super) fn takes_by_hand(&self) -> bool {
        !self.by_hand.load().is_empty()
    }

    fn secrets(&self, hook: &str) -> Option<Arc<WebhookSecrets>> {
        if !hook.is_empty() {
            return self.pipeline.hooks().secrets(hook);
        }
        let by_hand = self.by_hand.load_full();
        (!by_hand.is_empty()).then_some(by_hand)
    }

    /// Somebody may have changed the secret of a registered webhook.
    fn told(&self, hook: &str, standing: Standing) -> Standing {
        if matches!(standing, Standing::Forged(_)) {
            let spoiled = match standing {
                _ if standing.is_bare() => Some(Spoiled::Header),
                _ if standing.is_of_another_body() => Some(Spoiled::Body),
                _ => None,
            };
            self.pipeline.hooks().doubt(hook, spoiled);
        }
        standing
    }

    fn provider(&self, name: &str) -> Option<Arc<dyn FlagProvider>> {
        self.pipeline.world().flags().get(name).cloned()
    }
}

fn by_hand(config: &Config) -> WebhookSecrets {
    WebhookSecrets {
        tokens: config.gitlab.webhook_secrets.clone(),
        signing: config.gitlab.signing_tokens.clone(),
        require_signature: config.gitlab.require_signature,
    }
}

/// Whether the same requests are taken with them.
fn are_same(one: &WebhookSecrets, other: &WebhookSecrets) -> bool {
    let same = |one: &[SecretString], other: &[SecretString]| {
        one.iter().map(|secret| secret.expose_secret()).eq(other.iter().map(|secret| secret.expose_secret()))
    };
    one.require_signature == other.require_signature
        && same(&one.tokens, &other.tokens)
        && same(&one.signing, &other.signing)
}

/// Whether a request says that it comes from that GitLab.
fn names(headers: &Headers, gitlab: &Url) -> bool {
    let named = headers.get("x-gitlab-instance").and_then(|named| Url::parse(named).ok());
    named.is_some_and(|named| named.origin() == gitlab.origin())
}

/// Whether a provider has a secret to check webhooks with.
pub(super) fn takes_webhooks(provider: &dyn FlagProvider) -> bool {
    let nothing = Headers::new();
    provider.verify_webhook(&WebhookRequest { headers: &nothing, body: b"" }) != Verdict::NoSecret
}

#[async_trait]
impl Door for FrontDoor {
    fn gitlab_before_body(&self, hook: &str, headers: &Headers) -> Option<Standing> {
        Some(self.told(hook, self.secrets(hook)?.before_body(headers)))
    }

    fn gitlab_with_body(
        &self,
        hook: &str,
        headers: &Headers,
        body: &[u8],
        now: Timestamp,
    ) -> Option<Standing> {
        let standing = self.secrets(hook)?.with_body(headers, body, now);
        if standing.is_of_another_time() {
            self.pipeline.hooks().doubt_clock(hook, seconds_ahead(headers, now).unwrap_or_default());
            return Some(standing);
        }
        Some(self.told(hook, standing))
    }

    fn provider_verdict(&self, provider: &str, request: &WebhookRequest<'_>) -> Verdict {
        let Some(known) = self.provider(provider) else { return Verdict::NoSecret };
        let verdict = known.verify_webhook(request);
        let services = self.pipeline.hooks().services();
        match verdict {
            // Before the body is read it says nothing yet.
            _ if request.body.is_empty() => {}
            Verdict::Genuine => services.arrive(provider),
            Verdict::Forged => services.refuse(provider),
            Verdict::NoSecret => {}
        }
        verdict
    }

    fn refused(&self, source: &DeliverySource, headers: &Headers, standing: Standing) {
        // One that is refused for its time alone has the right secret.
        if *source == (DeliverySource::Gitlab { hook: String::new() }) && !standing.is_of_another_time() {
            self.pipeline.hooks().by_hand().refuse(names(headers, &self.gitlab));
        }
    }

    fn provider_key(&self, provider: &str, request: &WebhookRequest<'_>) -> Option<String> {
        self.provider(provider)?.webhook_key(request)
    }

    async fn take(&self, delivery: Delivery) -> Taken {
        if let DeliverySource::Gitlab { hook } = &delivery.source {
            match hook.as_str() {
                "" => self.pipeline.hooks().by_hand().arrive(),
                hook => self.pipeline.hooks().arrive(hook),
            }
        }
        match self.pipeline.take_in(delivery).await {
            Intake::Kept => Taken::Kept,
            Intake::Before => Taken::Before,
            Intake::Ignored(reason) => Taken::Ignored(reason),
            Intake::NotJson => Taken::NotJson,
            Intake::Full => Taken::Full,
            Intake::Unwritable => Taken::Unwritable,
        }
    }
}
