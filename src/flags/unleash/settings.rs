//! What stands about an Unleash in the configuration.

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use crate::config::Span;
use crate::flags::settings::{SettingError, check_poll, default_poll, web_address};

/// Unleash 8, your own or hosted, over its admin API.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnleashSettings {
    /// The address of Unleash, such as `https://unleash.example.com`.
    pub url: String,
    /// File with a token for the admin API: a personal access token, or that of a service account.
    #[serde(default)]
    pub api_token_file: Option<String>,
    /// Name of the environment variable with that token, instead of a file.
    #[serde(default)]
    pub api_token_env: Option<String>,
    /// File with the whole value of the `Authorization` header that Unleash's webhook integration is set to send. Several lines
    /// are several values that all count, so that one can be replaced. Without it flaglink takes no webhooks from here and
    /// relies on `poll`.
    #[serde(default)]
    pub webhook_secret_file: Option<String>,
    /// Name of the environment variable with that value, instead of a file.
    #[serde(default)]
    pub webhook_secret_env: Option<String>,
    /// The id of the Unleash project whose flags can be named.
    #[serde(default = "default_project")]
    pub project: String,
    /// How long between two polls, in which Unleash is asked what has happened and all linked flags are compared with what was
    /// last seen. The safety net behind webhooks, and all there is without them. At least `5s`.
    #[serde(default = "default_poll")]
    pub poll: Span,
    /// File with further certificates (PEM) to trust, for an Unleash behind a certificate authority of your own.
    #[serde(default)]
    pub ca_file: Option<String>,
}

fn default_project() -> String {
    "default".to_owned()
}

/// What is secret about an Unleash.
#[derive(Debug, Clone)]
pub struct UnleashSecrets {
    /// The token for the admin API.
    pub api_token: SecretString,
    /// What webhooks have in their `Authorization` header; any of them counts. Empty: no webhooks are taken.
    pub webhook: Vec<SecretString>,
}

impl UnleashSettings {
    /// The address without a slash at its end, if the settings can be used.
    pub(super) fn checked(&self) -> Result<String, SettingError> {
        check_poll(self.poll)?;
        if self.project.trim().is_empty() {
            return Err(SettingError::new("project", "the id of a project is needed"));
        }
        let address = web_address("url", &self.url, "https://unleash.example.com")?;
        // People paste the address that Unleash shows for its API.
        let bare = address.strip_suffix("/api/admin").or_else(|| address.strip_suffix("/api"));
        Ok(bare.unwrap_or(&address).to_owned())
    }
}
