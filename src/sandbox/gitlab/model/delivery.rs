//! Webhook requests.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

/// What became of a webhook request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It will be sent in its turn.
    Waiting,
    /// It is held back until [`release_deliveries`](crate::sandbox::gitlab::Gitlab::release_deliveries).
    Held,
    /// It is under way.
    Sending,
    /// It was answered.
    Answered {
        /// Status.
        status: u16,
        /// The first 8 KiB of the body.
        body: String,
    },
    /// There was no answer: GitLab's `internal error`. Says why.
    Failed(String),
    /// It was never sent: over the limit of webhooks, switched off, or dropped by the test.
    Dropped(&'static str),
}

impl Fate {
    /// Whether nothing more will happen to it.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Answered { .. } | Self::Failed(_) | Self::Dropped(_))
    }

    /// GitLab's idea of success: 2xx and 3xx (facts, section 1).
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Answered { status, .. } if (200..400).contains(status))
    }
}

/// One webhook request.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Id in the log.
    pub id: u64,
    /// The hook that sends it.
    pub hook: u64,
    /// The hook's project.
    pub project: u64,
    /// What it is sent for: `note_events`, …
    pub trigger: String,
    /// `X-Gitlab-Event`.
    pub event: String,
    /// Where to.
    pub url: String,
    /// The body, byte for byte.
    pub body: String,
    /// `Idempotency-Key`, the same for everything that repeats this request.
    pub key: String,
    /// Headers as they were sent; empty before. The secret is left out.
    pub headers: BTreeMap<String, String>,
    /// Headers of the answer.
    pub response_headers: BTreeMap<String, String>,
    /// What became of it.
    pub fate: Fate,
    /// The request that this one repeats (resent, or a duplicate).
    pub repeats: Option<u64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How long its answer took.
    pub took: Duration,
}

impl Delivery {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// How webhook requests are sent.
#[derive(Debug, Clone, Default)]
pub struct Courier {
    /// Whether new ones are held back.
    pub hold: bool,
    /// Whether new ones are dropped, as GitLab does over its limit.
    pub drop: bool,
    /// How many times more each one is sent, with the same key.
    pub duplicates: u32,
}
