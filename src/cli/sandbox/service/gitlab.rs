//! The feature flags of the stage's GitLab itself. They are on where a strategy is for that environment, have no
//! values and no place for links.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::super::error::StageError;
use super::super::stage::Stage;
use super::{FLAG, OTHER_FLAG, Service};
use crate::sandbox::gitlab::{Gitlab, Model, Refusal, level};

/// The flags of the stage's project, and who changes them.
pub(in crate::cli) struct GitlabFlags {
    gitlab: Gitlab,
    project: u64,
    tobias: u64,
}

impl GitlabFlags {
    /// Makes them.
    pub(in crate::cli) fn set(stage: &Stage) -> Result<Self, StageError> {
        let (gitlab, project) = (stage.gitlab.clone(), stage.project);
        let tobias = gitlab.user("tobias");
        gitlab.member(project, tobias, level::DEVELOPER);
        for environment in ["development", "staging", "production"] {
            // The tiers have these names, too.
            gitlab.environment(project, environment, environment);
        }
        // GitLab sends a webhook only where a flag is switched as a whole: its strategy is there before.
        let for_production =
            json!({ "name": "default", "parameters": {}, "scopes": [{ "environment_scope": "production" }] });
        gitlab.new_feature_flag(tobias, project, FLAG, false, vec![for_production])?;
        gitlab.new_feature_flag(tobias, project, OTHER_FLAG, false, Vec::new())?;
        Ok(Self { gitlab, project, tobias })
    }
}

#[async_trait]
impl Service for GitlabFlags {
    fn name(&self) -> &'static str {
        "GitLab"
    }

    fn url(&self) -> Option<String> {
        None
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    fn table(&self) -> String {
        "[providers.gitlab]\nkind = \"gitlab\"".to_owned()
    }

    fn send_webhooks_to(&self, _: SocketAddr) {}

    fn webhooks_taken(&self) -> usize {
        self.gitlab.read(|model| {
            let of_flags = model.deliveries.values().filter(|one| one.trigger == "feature_flag_events");
            of_flags.filter(|one| one.fate.is_success()).count()
        })
    }

    fn tells_of_every_change(&self) -> bool {
        false
    }

    fn how_tobias_switches(&self) -> &'static str {
        "Under Operate → Feature flags, Tobias switches the flag on: its one strategy is for production"
    }

    fn tobias_switches_on(&self) -> Result<(), StageError> {
        Ok(self.gitlab.set_flag_active(self.tobias, self.project, FLAG, true)?)
    }

    fn is_on(&self, environment: &str) -> Result<bool, StageError> {
        let on = |model: &Model| {
            let flag = model.feature_flag(self.project, FLAG)?;
            let mut scopes = flag.strategies.iter().flat_map(|strategy| &strategy.scopes);
            Some(flag.active && scopes.any(|scope| scope.environment_scope == environment))
        };
        Ok(self.gitlab.read(on).ok_or(Refusal::NOT_FOUND)?)
    }

    fn back_links(&self) -> Result<Option<Vec<String>>, StageError> {
        Ok(None)
    }

    async fn settled(&self, within: Duration) -> Result<(), StageError> {
        let delivered = self.gitlab.until(within, Model::all_delivered).await;
        delivered.map_err(|_| StageError::Undelivered(self.name()))
    }
}
