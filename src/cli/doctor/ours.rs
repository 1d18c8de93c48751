//! What the checks of webhooks go by on this side.

use url::Url;

use super::daemon::Known;
use crate::config::Config;

/// What is known of this flaglink and its webhooks.
pub(super) struct Ours<'a> {
    /// The configuration.
    pub(super) config: &'a Config,
    /// Where webhooks are to come in.
    pub(super) public: Option<&'a Url>,
    /// What the running one said.
    pub(super) known: &'a Known,
    /// Whether the marker key cannot be read though it was in use: what was made with it is not known again.
    pub(super) lost_key: bool,
    /// By how many seconds GitLab's clock is ahead of this machine's, where that is known.
    pub(super) clock_ahead: Option<i64>,
}
