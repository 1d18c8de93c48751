//! Sending webhooks: real HTTP, headers and signature as GitLab has them (facts, section 1).

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;

use super::delivery::uuid;
use super::model::{Fate, Hook, Model};
use super::shared::Shared;

/// GitLab keeps this much of an answer, in bytes.
const KEPT_BODY: usize = 8 * 1024;

/// The signature of a webhook: `v1,` and the base64 of an HMAC-SHA256 over `id.timestamp.body`.
///
/// `None` where the token is not `whsec_` and base64.
pub fn signature(token: &str, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let key = STANDARD.decode(token.strip_prefix("whsec_")?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

/// A request ready to go.
pub(super) struct Parcel {
    delivery: u64,
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
    timeout: std::time::Duration,
}

impl Model {
    /// Marks a request as under way and packs it.
    pub(super) fn pack(&mut self, delivery: u64) -> Option<Parcel> {
        let at = self.now();
        let wanted = self.deliveries.get(&delivery)?;
        let hook = self.hooks.get(&wanted.hook)?;
        let (key, body) = (wanted.key.clone(), wanted.body.clone());
        let headers = self.headers(hook, &wanted.event, &key, &body, at);
        let parcel =
            Parcel { delivery, url: hook.url.clone(), headers, body, timeout: self.settings.webhook_timeout };
        let delivery = self.deliveries.get_mut(&delivery)?;
        delivery.headers = parcel.headers.clone();
        if let Some(secret) = delivery.headers.get_mut("X-Gitlab-Token") {
            "[REDACTED]".clone_into(secret);
        }
        delivery.fate = Fate::Sending;
        Some(parcel)
    }

    fn headers(
        &self,
        hook: &Hook,
        event: &str,
        key: &str,
        body: &str,
        at: Timestamp,
    ) -> BTreeMap<String, String> {
        let settings = &self.settings;
        let mut headers = BTreeMap::new();
        let mut set = |name: &str, value: String| {
            headers.insert(name.to_owned(), value);
        };
        set("Content-Type", "application/json".to_owned());
        set("User-Agent", format!("GitLab/{}", settings.version));
        set("X-Gitlab-Event", event.to_owned());
        set("X-Gitlab-Instance", settings.url.clone());
        set("X-Gitlab-Event-UUID", uuid());
        if settings.at_least(16, 2) {
            set("X-Gitlab-Webhook-UUID", uuid());
        }
        if settings.at_least(17, 4) {
            set("Idempotency-Key", key.to_owned());
        }
        if let Some(token) = &hook.token {
            set("X-Gitlab-Token", token.replace(['\r', '\n'], ""));
        }
        if settings.at_least(19, 0) {
            set("webhook-id", key.to_owned());
            set("webhook-timestamp", at.as_second().to_string());
            let signed =
                hook.signing_token.as_deref().and_then(|token| signature(token, key, at.as_second(), body));
            if let Some(signature) = signed {
                set("webhook-signature", signature);
            }
        }
        headers
    }

    /// The next request of each hook that has none under way: one hook's requests go one after the other.
    ///
    /// Also says whether one was given up because its hook was deleted meanwhile.
    fn due(&mut self) -> (Vec<Parcel>, bool) {
        let mut taken: Vec<u64> = self
            .deliveries
            .values()
            .filter(|delivery| delivery.fate == Fate::Sending)
            .map(|delivery| delivery.hook)
            .collect();
        let mut next = Vec::new();
        for delivery in self.deliveries.values().filter(|delivery| delivery.fate == Fate::Waiting) {
            if !taken.contains(&delivery.hook) {
                taken.push(delivery.hook);
                next.push(delivery.id);
            }
        }
        let (mut parcels, mut gone) = (Vec::new(), false);
        for id in next {
            match self.pack(id) {
                Some(parcel) => parcels.push(parcel),
                None => {
                    self.set_fate(id, Fate::Dropped("the hook is gone"));
                    gone = true;
                }
            }
        }
        (parcels, gone)
    }

    /// Counts failures in a row: the fourth switches the hook off for a minute, then twice as long each time, the fortieth
    /// for good (facts, section 1). Nothing is counted where the instance does not switch hooks off.
    fn count(&mut self, hook: u64, success: bool) {
        let now = self.now();
        let counted = self.settings.auto_disable_hooks;
        let Some(hook) = self.hooks.get_mut(&hook) else { return };
        if success || !counted {
            hook.failures = 0;
            hook.disabled_until = None;
            return;
        }
        hook.failures = hook.failures.saturating_add(1);
        hook.disabled_until = match hook.failures {
            0..=3 => None,
            4..=39 => {
                let minutes = 1_i64.checked_shl(hook.failures - 4).unwrap_or(1440).clamp(1, 1440);
                now.checked_add(SignedDuration::from_mins(minutes)).ok()
            }
            _ => Some(Timestamp::MAX),
        };
    }
}

/// Sends what is due, as long as the instance lives.
pub(super) async fn carry(shared: Weak<Shared>, client: reqwest::Client) {
    let Some(mut changed) = shared.upgrade().map(|shared| shared.watch()) else { return };
    loop {
        {
            let Some(shared) = shared.upgrade() else { return };
            let (parcels, gone) = shared.quietly(Model::due);
            if gone {
                shared.tell();
            }
            for parcel in parcels {
                let shared = Arc::clone(&shared);
                let client = client.clone();
                tokio::spawn(async move { send(&shared, &client, parcel).await });
            }
        }
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// Sends one request and logs what came of it. Redirects are not followed.
pub(super) async fn send(shared: &Shared, client: &reqwest::Client, parcel: Parcel) -> Fate {
    let started = Instant::now();
    let mut request = client.post(&parcel.url).timeout(parcel.timeout).body(parcel.body);
    for (name, value) in &parcel.headers {
        request = request.header(name, value);
    }
    let mut response_headers = BTreeMap::new();
    let answer = async {
        let response = request.send().await?;
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            response_headers.insert(name.as_str().to_owned(), value);
        }
        let status = response.status().as_u16();
        let bytes = response.bytes().await?;
        let kept = bytes.get(..KEPT_BODY).unwrap_or(&bytes);
        Ok::<_, reqwest::Error>(Fate::Answered { status, body: String::from_utf8_lossy(kept).into_owned() })
    }
    .await;
    let fate = answer.unwrap_or_else(|error| {
        Fate::Failed(if error.is_timeout() { "timeout".to_owned() } else { error.without_url().to_string() })
    });
    shared.change(|model| {
        if let Some(delivery) = model.deliveries.get_mut(&parcel.delivery) {
            delivery.fate = fate.clone();
            delivery.took = started.elapsed();
            delivery.response_headers = response_headers;
            let hook = delivery.hook;
            model.count(hook, fate.is_success());
        }
    });
    fate
}
