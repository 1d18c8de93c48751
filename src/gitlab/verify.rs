//! Whether a webhook request comes from somebody who knows the secret.

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;

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

impl WebhookSecrets {
    /// Whether there is nothing to check against: then there is no such path.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty() && self.signing.is_empty()
    }

    /// What the headers (lower-case names) alone say: before the body is read.
    pub fn before_body(&self, _headers: &BTreeMap<String, String>) -> Standing {
        todo!()
    }

    /// What headers and body say.
    pub fn with_body(&self, _headers: &BTreeMap<String, String>, _body: &[u8], _now: Timestamp) -> Standing {
        todo!()
    }
}
