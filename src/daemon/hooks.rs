//! The webhooks that flaglink registers, for whoever asks: the admin listener, or the command line where no daemon runs.

use std::sync::Arc;

use super::build;
use super::start_error::StartError;
use crate::config::Config;
use crate::pipeline::{
    HookChoice, HookDone, HookReport, HookSettings, HookTested, Pipeline, remove_hooks, report_hooks,
    sync_hooks, test_hooks,
};
use crate::tunnel::PublicAddress;

/// Knows the webhooks, and can bring them into step. What cannot be done at all is told in words.
pub struct HookDesk {
    pipeline: Arc<Pipeline>,
    settings: HookSettings,
    /// Only a running daemon finds the public address, and this is none.
    is_in_the_dark: bool,
}

impl HookDesk {
    pub(super) fn new(pipeline: Arc<Pipeline>, settings: HookSettings) -> Self {
        Self { pipeline, settings, is_in_the_dark: false }
    }

    /// One that opens the store itself: for when no daemon runs. A daemon can start while GitLab is asked. A public address that only
    /// the daemon finds out is not known then.
    ///
    /// # Errors
    /// What keeps a daemon from starting, too.
    pub async fn alone(config: &Config) -> Result<Self, StartError> {
        let pipeline = Pipeline::new(Arc::new(build::alone(config).await?));
        let world = pipeline.world();
        let kept = world.store().hooks().await?;
        pipeline.hooks().load(&kept, world.markers());
        pipeline.hooks().configure(config.gitlab.register_hooks, config.gitlab.require_signature);
        let address = PublicAddress::fixed(config.listen.public_url.clone());
        let apart = config.gitlab.catch_up.duration();
        let is_in_the_dark = config.gitlab.register_hooks && config.listen.public_auto;
        Ok(Self { is_in_the_dark, ..Self::new(pipeline, HookSettings { address, apart }) })
    }

    fn knows_the_address(&self) -> Result<(), String> {
        if self.is_in_the_dark {
            return Err("with `public_url = \"auto\"` only the running daemon knows its address: start flaglink, and try again.".to_owned());
        }
        Ok(())
    }

    /// How webhooks stand. Changes nothing.
    ///
    /// # Errors
    /// Why it cannot be said, for people.
    pub async fn report(&self, choice: &HookChoice) -> Result<Vec<HookReport>, String> {
        self.knows_the_address()?;
        report_hooks(&self.pipeline, &self.settings, choice).await.map_err(|trouble| trouble.to_string())
    }

    /// Brings webhooks into step, or says what would be done.
    ///
    /// # Errors
    /// Why it cannot be done at all, for people.
    pub async fn sync(&self, choice: &HookChoice, dry_run: bool) -> Result<Vec<HookDone>, String> {
        if !self.pipeline.hooks().registers() {
            return Err(
                "flaglink registers no webhooks itself: write `register_hooks = true` under [gitlab], and \
                        `public_url` under [listen]"
                    .to_owned(),
            );
        }
        self.knows_the_address()?;
        let done = sync_hooks(&self.pipeline, &self.settings, choice, dry_run, true).await;
        done.map_err(|trouble| trouble.to_string())
    }

    /// Removes webhooks of ours, or says which would be.
    ///
    /// # Errors
    /// Why it cannot be done at all, for people.
    pub async fn remove(&self, choice: &HookChoice, dry_run: bool) -> Result<Vec<HookDone>, String> {
        let done = remove_hooks(&self.pipeline, &self.settings, choice, dry_run).await;
        done.map_err(|trouble| trouble.to_string())
    }

    /// Has GitLab send each webhook once. Only where the daemon runs it can be seen whether it comes.
    ///
    /// # Errors
    /// Why it cannot be done at all, for people.
    pub async fn test(&self, choice: &HookChoice) -> Result<Vec<HookTested>, String> {
        test_hooks(&self.pipeline, &self.settings, choice).await.map_err(|trouble| trouble.to_string())
    }
}
