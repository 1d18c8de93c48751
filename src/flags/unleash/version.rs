//! Which Unleash it is.

use super::Unleash;
use super::wire::UiConfig;
use crate::flags::{Provided, TooOld};

/// The oldest that flaglink is made for: what it asks for was measured on this one.
const LEAST: u64 = 8;

impl Unleash {
    /// Its version, where that is older. One that cannot be read is none to complain of.
    pub(super) async fn older_than_known(&self) -> Provided<Option<TooOld>> {
        let UiConfig { version } = self.api.get("ui-config").await?;
        let first = version.trim_start_matches('v').split('.').next().and_then(|first| first.parse().ok());
        let is_older = first.is_some_and(|first: u64| first < LEAST);
        Ok(is_older.then_some(TooOld { version, least: "8" }))
    }
}
