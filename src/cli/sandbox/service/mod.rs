//! The flag services that can stand beside the GitLab of the stage: one file each.
//!
//! Each has the flags `checkout_v2` and `dark_mode` in the environments development, staging and production, and
//! Tobias, who changes them. What the demo says of a service is asked of its model, not of flaglink.

mod flagsmith;
mod gitlab;
mod unleash;

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::error::StageError;

pub(in crate::cli) use flagsmith::Flagsmith;
pub(in crate::cli) use gitlab::GitlabFlags;
pub(in crate::cli) use unleash::Unleash;

/// The flag of the story. Off in production and in staging at the beginning.
pub(in crate::cli) const FLAG: &str = "checkout_v2";

/// A flag whose key is easily mistyped.
const OTHER_FLAG: &str = "dark_mode";

/// A flag service on the stage.
#[async_trait]
pub(in crate::cli) trait Service: Send + Sync {
    /// What people call it.
    fn name(&self) -> &'static str;

    /// Its address; `None` where it is part of GitLab.
    fn url(&self) -> Option<String>;

    /// The files with its secrets: their names, and what is in them.
    fn secrets(&self) -> Vec<(&'static str, String)>;

    /// Its table in the configuration.
    fn table(&self) -> String;

    /// Lets it send its webhooks to a daemon, where it has any beside those of GitLab.
    fn send_webhooks_to(&self, address: SocketAddr);

    /// How many webhooks about flags the daemon has taken from it so far.
    fn webhooks_taken(&self) -> usize;

    /// Whether it sends a webhook for every change of a flag, those of the bot too.
    fn tells_of_every_change(&self) -> bool;

    /// How Tobias switches [`FLAG`] on in production: a sentence without its end.
    fn how_tobias_switches(&self) -> &'static str;

    /// Tobias switches [`FLAG`] on in production.
    fn tobias_switches_on(&self) -> Result<(), StageError>;

    /// Whether [`FLAG`] is on in an environment, by the service's own model.
    fn is_on(&self, environment: &str) -> Result<bool, StageError>;

    /// The pages that [`FLAG`] links to. `None` where flags have no place for links.
    fn back_links(&self) -> Result<Option<Vec<String>>, StageError>;

    /// Waits until no webhook of its own is on its way.
    async fn settled(&self, within: Duration) -> Result<(), StageError>;
}
