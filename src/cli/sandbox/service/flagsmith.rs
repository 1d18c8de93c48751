//! A small Flagsmith on the stage. Its flags have values.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::super::error::StageError;
use super::{FLAG, OTHER_FLAG, Service};
use crate::sandbox::flagsmith::{self as sandbox, Outcome, Person, Value, World};

const WEBHOOK_SECRET: &str = "sandbox-webhook-secret-of-flagsmith";

/// The Flagsmith, and who is on it.
pub(in crate::cli) struct Flagsmith {
    flagsmith: sandbox::Flagsmith,
    /// Its id of the project with the flags.
    pub(in crate::cli) project: u64,
    tobias: Person,
}

impl Flagsmith {
    /// Starts it on this address; port 0 takes a free one.
    pub(in crate::cli) async fn set(address: SocketAddr) -> Result<Self, StageError> {
        let flagsmith = sandbox::Flagsmith::start_at(address).await?;
        flagsmith.take_private_addresses(true);
        let project = flagsmith.new_project("Web shop");
        let tobias = flagsmith.person("tobias@example.com", project);
        for environment in ["development", "staging", "production"] {
            tobias.new_environment(environment)?;
        }
        tobias.new_flag(FLAG, false, "blue")?;
        tobias.new_flag(OTHER_FLAG, false, Value::Nothing)?;
        tobias.switch(FLAG, "development", true)?;
        Ok(Self { flagsmith, project, tobias })
    }

    /// Its address.
    pub(in crate::cli) fn address(&self) -> String {
        self.flagsmith.url()
    }

    /// The key for its Admin API.
    pub(in crate::cli) fn api_key(&self) -> String {
        self.flagsmith.api_key()
    }

    /// The key of an environment in its addresses.
    pub(in crate::cli) fn key_of(&self, environment: &str) -> Option<String> {
        let key = |world: &World| Some(world.environment_named(self.project, environment)?.api_key.clone());
        self.flagsmith.read(key)
    }
}

#[async_trait]
impl Service for Flagsmith {
    fn name(&self) -> &'static str {
        "Flagsmith"
    }

    fn url(&self) -> Option<String> {
        Some(self.address())
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        vec![("flagsmith-key", self.api_key()), ("flagsmith-webhook", WEBHOOK_SECRET.to_owned())]
    }

    fn table(&self) -> String {
        format!(
            r#"[providers.flagsmith]
kind = "flagsmith"
url = "{url}"
api_key_file = "flagsmith-key"
webhook_secret_file = "flagsmith-webhook"
project = {project}"#,
            url = self.address(),
            project = self.project,
        )
    }

    fn send_webhooks_to(&self, address: SocketAddr) {
        let url = format!("http://{address}/hooks/providers/flagsmith");
        self.flagsmith.organisation_webhook(&url, WEBHOOK_SECRET);
    }

    fn webhooks_taken(&self) -> usize {
        let all = self.flagsmith.deliveries();
        all.iter().filter(|delivery| matches!(delivery.outcome, Outcome::Answered(200..=299))).count()
    }

    fn tells_of_every_change(&self) -> bool {
        true
    }

    fn how_tobias_switches(&self) -> &'static str {
        "In Flagsmith, Tobias switches the flag on in production"
    }

    fn tobias_switches_on(&self) -> Result<(), StageError> {
        Ok(self.tobias.switch(FLAG, "production", true)?)
    }

    fn is_on(&self, environment: &str) -> Result<bool, StageError> {
        Ok(self.tobias.state(FLAG, environment)?.0)
    }

    fn back_links(&self) -> Result<Option<Vec<String>>, StageError> {
        Ok(Some(self.tobias.links(FLAG)?))
    }

    async fn settled(&self, within: Duration) -> Result<(), StageError> {
        self.flagsmith.settled(within).await.map_err(|_| StageError::Undelivered(self.name()))
    }
}
