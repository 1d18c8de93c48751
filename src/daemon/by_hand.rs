//! Links that are made or taken off while no daemon runs.

use super::StartError;
use super::build;
use crate::bot::World;
use crate::config::Config;
use crate::http::api_types::{LinksChange, LinksChanged};
use crate::http::link_view;
use crate::pipeline::by_hand::Hand;

/// The store and whoever is asked, without anything that runs. A daemon can start while they are asked.
pub struct ByHand {
    world: World,
}

impl ByHand {
    /// Opens the store.
    ///
    /// # Errors
    /// As for a daemon that starts.
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        Ok(Self { world: build::alone(config).await? })
    }

    /// Makes links or takes them off, or says what would become of them. What is to be seen in GitLab and on the flags follows
    /// when the daemon starts.
    pub async fn change(&self, change: LinksChange) -> LinksChanged {
        link_view::change(&Hand::of_store(&self.world), &self.world, change).await
    }
}
