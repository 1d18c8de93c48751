//! The instance itself, its users and their tokens.

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How the whole instance is set up.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Version, such as `18.5.1`: decides which headers and fields there are.
    pub version: String,
    /// Whether it is the Enterprise Edition.
    pub enterprise: bool,
    /// Its URL as it shows itself in links, without a slash at the end.
    pub url: String,
    /// How many comments a user may write in a time; `None`: as many as they like (the default of self-managed).
    pub notes_limit: Option<NotesLimit>,
    /// How long a webhook's receiver may take (`webhook_timeout`, 10 s).
    pub webhook_timeout: Duration,
    /// Whether hooks that fail are switched off for a while (on at gitlab.com, off by default elsewhere).
    pub auto_disable_hooks: bool,
    /// Whether hooks may point at this machine or a private network. A real GitLab refuses that by default.
    pub local_hooks: bool,
    /// Whether groups can have webhooks: Premium.
    pub group_hooks: bool,
    /// How points in time are written in webhook bodies.
    pub hook_times: HookTimes,
    /// Whether GraphQL is there; otherwise it is a 404.
    pub graphql: bool,
    /// How far the instance's clock is ahead of this machine's.
    pub clock_ahead: SignedDuration,
}

/// A limit on comments by one user (`notes_create_limit`).
#[derive(Debug, Clone, Copy)]
pub struct NotesLimit {
    /// How many.
    pub count: u32,
    /// In which time; GitLab's own is a minute.
    pub window: Duration,
}

/// How points in time are written in webhook bodies (facts, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookTimes {
    /// `2025-05-16 15:14:33 UTC`.
    Utc,
    /// `2025-05-16T15:14:33Z`.
    Iso,
    /// `2025-05-16T15:14:33.123Z`.
    IsoMillis,
}

impl Settings {
    /// The instance's version as two numbers, to compare with.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        let mut parts = self.version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (major, minor)
    }
}

/// A user, a person or a bot.
#[derive(Debug, Clone)]
pub struct User {
    /// Id.
    pub id: u64,
    /// Name without `@`.
    pub username: String,
    /// Full name.
    pub name: String,
    /// Whether it is a bot (project access tokens have one each).
    pub bot: bool,
    /// Whether it is an administrator.
    pub admin: bool,
    /// Whether it is blocked: it can do nothing then.
    pub blocked: bool,
    /// The mail address that everybody may know.
    pub public_email: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An access token.
#[derive(Clone)]
pub struct Token {
    /// Id.
    pub id: u64,
    /// What is sent.
    pub secret: String,
    /// Whose it is.
    pub user: u64,
    /// What it is good for: `api`, `read_api`, …
    pub scopes: Vec<String>,
    /// Whether it was taken back.
    pub revoked: bool,
    /// The first day on which it is no longer good, such as `2027-01-31`.
    pub expires_at: Option<jiff::civil::Date>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("id", &self.id)
            .field("user", &self.user)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
