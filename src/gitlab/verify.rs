//! Whether a webhook request comes from somebody who knows the secret.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// How far a signature's moment may be from ours, in seconds, either way (Standard Webhooks; GitLab only
/// says "recent").
const TOLERANCE: i64 = 5 * 60;

/// What a webhook request is checked against.
#[derive(Debug, Clone, Default)]
pub struct WebhookSecrets {
    /// Plain tokens (`X-Gitlab-Token`), any of which is good.
    pub tokens: Vec<SecretString>,
    /// Signing tokens (`whsec_…`), any of which is good.
    pub signing: Vec<SecretString>,
    /// Whether a signature is demanded.
    pub require_signature: bool,
}

/// What can be said about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Genuine.
    Genuine,
    /// Not genuine: 401. Says why, for the log.
    Forged(&'static str),
    /// The body has to be read first, to check its signature.
    NeedsBody,
}

/// Why a signature is not looked at that was made at another time, by this machine's clock.
const ANOTHER_TIME: &str = "a signature that is too old or from the future";

/// By how many seconds a signed webhook's moment (`webhook-timestamp`) is ahead of this machine's clock; negative: behind it. `None`
/// where it names none.
pub fn seconds_ahead(headers: &BTreeMap<String, String>, now: Timestamp) -> Option<i64> {
    let at: i64 = headers.get("webhook-timestamp")?.trim().parse().ok()?;
    Some(at.saturating_sub(now.as_second()))
}

/// The signature is not that of the body, though the plain token beside it is right: where both are GitLab's, the body is another one.
const ANOTHER_BODY: &str = "a signature of another body, beside the right token";

/// Nothing is there that could be checked.
const NO_TOKEN: &str = "no token";

impl Standing {
    /// Whether it is not genuine only because of its time: then a clock may be wrong.
    pub fn is_of_another_time(self) -> bool {
        self == Self::Forged(ANOTHER_TIME)
    }

    /// Whether it is not genuine only because of its body: that may have been changed on the way.
    pub fn is_of_another_body(self) -> bool {
        self == Self::Forged(ANOTHER_BODY)
    }

    /// Whether it has no secret at all.
    pub fn is_bare(self) -> bool {
        self == Self::Forged(NO_TOKEN)
    }
}

impl WebhookSecrets {
    /// Whether there is nothing to check against: then there is no such path.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.signing.is_empty()
    }

    /// What the headers (lower-case names) alone say: before the body is read.
    ///
    /// A signature that can be checked decides alone: the plain token is not looked at then. GitLab sends
    /// `webhook-id` and `webhook-timestamp` also where no signing token is set, so that only
    /// `webhook-signature` says that a request is signed.
    pub fn before_body(&self, headers: &BTreeMap<String, String>) -> Standing {
        if !self.signing.is_empty() && headers.contains_key("webhook-signature") {
            return Standing::NeedsBody;
        }
        if self.require_signature || self.tokens.is_empty() {
            return Standing::Forged("no signature");
        }
        match headers.get("x-gitlab-token") {
            None => Standing::Forged(NO_TOKEN),
            Some(token) if self.knows(token) => Standing::Genuine,
            Some(_) => Standing::Forged("wrong token"),
        }
    }

    /// What headers and body say.
    pub fn with_body(&self, headers: &BTreeMap<String, String>, body: &[u8], now: Timestamp) -> Standing {
        match self.before_body(headers) {
            Standing::NeedsBody => match self.signed(headers, body, now) {
                Ok(()) => Standing::Genuine,
                Err(why) => Standing::Forged(why),
            },
            decided => decided,
        }
    }

    /// Whether it is one of the plain tokens. Digests are compared, all of them, so that neither the length
    /// of a token nor its place in the list shows in the time it takes.
    fn knows(&self, token: &str) -> bool {
        let given = Sha256::digest(token.as_bytes());
        let mut good = Choice::from(0);
        for token in self.tokens.iter().map(|token| token.expose_secret()).filter(|token| !token.is_empty()) {
            good |= Sha256::digest(token.as_bytes()).as_slice().ct_eq(given.as_slice());
        }
        good.into()
    }

    /// Standard Webhooks: `v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body`; several signatures
    /// are separated by spaces, any good one will do.
    fn signed(
        &self,
        headers: &BTreeMap<String, String>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), &'static str> {
        let header =
            |name: &str| headers.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
        let id = header("webhook-id").ok_or("a signature without an id")?;
        let at = header("webhook-timestamp").ok_or("a signature without a timestamp")?;
        let signatures: Vec<Vec<u8>> = header("webhook-signature")
            .ok_or("an empty signature")?
            .split_ascii_whitespace()
            .filter_map(|signature| STANDARD.decode(signature.strip_prefix("v1,")?).ok())
            .collect();
        if signatures.is_empty() {
            return Err("a signature of a kind that is not known");
        }
        let seconds: i64 = at.parse().map_err(|_| "a timestamp that is no number")?;
        if now.as_second().abs_diff(seconds) > TOLERANCE.unsigned_abs() {
            return Err(ANOTHER_TIME);
        }
        let mut good = Choice::from(0);
        for key in self.signing.iter().filter_map(|token| key(token.expose_secret())) {
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { continue };
            for part in [id.as_bytes(), b".", at.as_bytes(), b".", body] {
                mac.update(part);
            }
            let wanted = mac.finalize().into_bytes();
            for signature in &signatures {
                good |= wanted.as_slice().ct_eq(signature.as_slice());
            }
        }
        match headers.get("x-gitlab-token") {
            _ if bool::from(good) => Ok(()),
            Some(token) if self.knows(token) => Err(ANOTHER_BODY),
            _ => Err("wrong signature"),
        }
    }
}

/// The key in a signing token. One that cannot be read, or an empty one (with which everybody could sign),
/// is no key.
fn key(token: &str) -> Option<Vec<u8>> {
    let encoded = token.trim().strip_prefix("whsec_")?;
    STANDARD.decode(encoded).ok().filter(|key| !key.is_empty())
}
