//! What stands about a Flagsmith in the configuration.

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

use crate::config::Span;
use crate::flags::settings::{SettingError, check_poll, default_poll, web_address};

/// An address as people should write it.
const EXAMPLE: &str = "https://flagsmith.example.com";

/// Flagsmith, hosted or your own, over its Admin API.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlagsmithSettings {
    /// The address of Flagsmith's API: `https://api.flagsmith.com`, or the address of your own Flagsmith.
    pub url: String,
    /// The address of the dashboard, for links in comments. Default: `https://app.flagsmith.com` where `url` is
    /// `https://api.flagsmith.com`, else the same as `url`.
    #[serde(default)]
    pub site_url: Option<String>,
    /// File with the key for the Admin API: an organisation's API key (it has a dot in it) or a user's token.
    #[serde(default)]
    pub api_key_file: Option<String>,
    /// Name of the environment variable with that key, instead of a file.
    #[serde(default)]
    pub api_key_env: Option<String>,
    /// File with the secret that Flagsmith signs its webhooks with. Several lines are several secrets that all
    /// count, so that a secret can be replaced. Without it flaglink takes no webhooks from here and relies on `poll`.
    #[serde(default)]
    pub webhook_secret_file: Option<String>,
    /// Name of the environment variable with that secret, instead of a file.
    #[serde(default)]
    pub webhook_secret_env: Option<String>,
    /// The number of the Flagsmith project whose flags can be named; it stands in the address of the dashboard, after
    /// `/project/`.
    pub project: u64,
    /// How long between two polls, in which all linked flags are compared with what was last seen. The safety net
    /// behind webhooks, and all there is without them. At least `5s`.
    #[serde(default = "default_poll")]
    pub poll: Span,
    /// File with further certificates (PEM) to trust, for a Flagsmith behind a certificate authority of your own.
    #[serde(default)]
    pub ca_file: Option<String>,
}

/// What is secret about a Flagsmith.
#[derive(Debug, Clone)]
pub struct FlagsmithSecrets {
    /// The key for the Admin API.
    pub api_key: SecretString,
    /// What webhooks are signed with; any of them counts. Empty: no webhooks are taken.
    pub webhook: Vec<SecretString>,
}

/// The settings, checked.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    /// Address of the API without `/api/v1` and without a slash at the end.
    pub(super) base: String,
    /// Address of the dashboard without a slash at the end.
    pub(super) site: String,
}

impl FlagsmithSettings {
    pub(super) fn checked(&self) -> Result<Checked, SettingError> {
        check_poll(self.poll)?;
        let base = web_address("url", &self.url, EXAMPLE)?;
        // People paste the address from Flagsmith's own documentation, which ends in the version of the API.
        let base = base.strip_suffix("/api/v1").unwrap_or(&base).to_owned();
        let site = match &self.site_url {
            Some(site) => web_address("site_url", site, EXAMPLE)?,
            None if base == "https://api.flagsmith.com" => "https://app.flagsmith.com".to_owned(),
            None => base.clone(),
        };
        Ok(Checked { base, site })
    }
}
