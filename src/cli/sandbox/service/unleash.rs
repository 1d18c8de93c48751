//! A small Unleash on the stage. Its flags have strategies, and no values.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;

use super::super::error::StageError;
use super::{FLAG, OTHER_FLAG, Service};
use crate::sandbox::unleash::{self as sandbox, Outcome, Person};

/// The whole `Authorization` header of its webhooks.
const WEBHOOK_AUTHORIZATION: &str = "Bearer sandbox-webhook-secret-of-unleash";

/// The Unleash, and who is on it.
pub(in crate::cli) struct Unleash {
    unleash: sandbox::Unleash,
    tobias: Person,
}

impl Unleash {
    /// Starts it on this address; port 0 takes a free one.
    pub(in crate::cli) async fn set(address: SocketAddr) -> Result<Self, StageError> {
        let unleash = sandbox::Unleash::start_at(address).await?;
        unleash.take_private_addresses(true);
        let tobias = unleash.person("tobias@example.com");
        // Development and production are in its project from the beginning.
        tobias.new_environment("staging", "preproduction")?;
        tobias.new_flag(FLAG, "The new checkout")?;
        tobias.new_flag(OTHER_FLAG, "")?;
        tobias.switch(FLAG, "development", true)?;
        Ok(Self { unleash, tobias })
    }
}

#[async_trait]
impl Service for Unleash {
    fn name(&self) -> &'static str {
        "Unleash"
    }

    fn url(&self) -> Option<String> {
        Some(self.unleash.url())
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        vec![("unleash-token", self.unleash.token()), ("unleash-webhook", WEBHOOK_AUTHORIZATION.to_owned())]
    }

    fn table(&self) -> String {
        format!(
            r#"[providers.unleash]
kind = "unleash"
url = "{url}"
api_token_file = "unleash-token"
webhook_secret_file = "unleash-webhook""#,
            url = self.unleash.url(),
        )
    }

    fn send_webhooks_to(&self, address: SocketAddr) {
        let url = format!("http://{address}/hooks/providers/unleash");
        self.unleash.webhook(&url, WEBHOOK_AUTHORIZATION);
    }

    fn webhooks_taken(&self) -> usize {
        let all = self.unleash.deliveries();
        all.iter().filter(|delivery| matches!(delivery.outcome, Outcome::Answered(200..=299))).count()
    }

    fn tells_of_every_change(&self) -> bool {
        true
    }

    fn how_tobias_switches(&self) -> &'static str {
        "In Unleash, Tobias switches the flag on in production"
    }

    fn tobias_switches_on(&self) -> Result<(), StageError> {
        Ok(self.tobias.switch(FLAG, "production", true)?)
    }

    fn is_on(&self, environment: &str) -> Result<bool, StageError> {
        Ok(self.tobias.is_on(FLAG, environment)?)
    }

    fn back_links(&self) -> Result<Option<Vec<String>>, StageError> {
        Ok(Some(self.tobias.links(FLAG)?.into_iter().map(|link| link.url).collect()))
    }

    async fn settled(&self, within: Duration) -> Result<(), StageError> {
        self.unleash.settled(within).await.map_err(|_| StageError::Undelivered(self.name()))
    }
}
