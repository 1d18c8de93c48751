//! The instance and the token as they say themselves: which version, which scopes, until when.

use std::fmt;

use jiff::civil::Date;
use serde::Deserialize;

use super::api::GitlabApi;
use super::endpoints::Plain;
use super::error::{GitlabError, GitlabResult};
use super::lenient::{Object, lenient};

/// The GitLab that answers: its version, as far as it decides what can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// As GitLab writes it: `18.5.1-ee`.
    pub text: String,
    /// The first two numbers of it.
    pub number: (u32, u32),
}

impl Release {
    /// The oldest version that flaglink works with.
    pub const OLDEST: (u32, u32) = (16, 11);
    /// From this one on, webhooks have names and descriptions.
    pub const HOOK_NAMES: (u32, u32) = (17, 1);
    /// From this one on, deliveries that failed can be read back.
    pub const FAILED_DELIVERIES: (u32, u32) = (17, 3);
    /// From this one on, deliveries carry an idempotency key.
    pub const DELIVERY_KEYS: (u32, u32) = (17, 4);
    /// From this one on, deliveries can be signed.
    pub const SIGNING: (u32, u32) = (19, 0);

    /// Reads what GitLab writes; `None` where it begins with no two numbers.
    pub fn read(text: &str) -> Option<Self> {
        let mut parts = text.trim().split(['.', '-']);
        let number = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { text: text.trim().chars().take(40).collect(), number })
    }

    /// Whether it is this version or a later one.
    pub fn at_least(&self, number: (u32, u32)) -> bool {
        self.number >= number
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// An access token, as it tells of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnToken {
    /// What it may be used for: `api`, `read_api` …
    pub scopes: Vec<String>,
    /// The first day on which it is no longer good; `None`: it does not end.
    pub expires_at: Option<Date>,
}

#[derive(Debug, Deserialize)]
struct RawVersion {
    #[serde(default, deserialize_with = "lenient")]
    version: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RawToken {
    #[serde(default, deserialize_with = "lenient")]
    scopes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "lenient")]
    expires_at: Option<String>,
}

impl GitlabApi {
    /// GitLab's version: `GET /version`.
    pub async fn release(&self) -> GitlabResult<Release> {
        let Object(raw) = self.client.get::<Object<RawVersion>, _>(&Plain("version")).await?;
        let text = raw.version.unwrap_or_default();
        Release::read(&text).ok_or_else(|| GitlabError::Strange("GitLab does not say its version".to_owned()))
    }

    /// The token itself: `GET /personal_access_tokens/self`. `None` where GitLab knows it under no such name, as it does with
    /// tokens of other kinds.
    pub async fn own_token(&self) -> GitlabResult<Option<OwnToken>> {
        let raw = self.client.find::<Object<RawToken>, _>(&Plain("personal_access_tokens/self")).await?;
        Ok(raw.map(|Object(raw)| OwnToken {
            scopes: raw.scopes.unwrap_or_default(),
            expires_at: raw.expires_at.and_then(|day| day.get(..10)?.parse().ok()),
        }))
    }
}
