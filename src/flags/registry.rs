//! The providers as configured, by name, and what kinds of provider there are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use schemars::{Schema, schema_for};
use secrecy::SecretString;

use super::FlagProvider;
use super::flagsmith::{Flagsmith, FlagsmithSecrets, FlagsmithSettings};
use super::gitlab::{GitlabFlags, GitlabSettings};
use super::setup::Setup;
use super::unleash::{Unleash, UnleashSecrets, UnleashSettings};
use crate::config::{ConfigError, ProviderTable};
use crate::gitlab::GitlabApi;
use crate::net::{HttpClient, HttpOptions, Peers};

/// One kind of provider: `kind` in a `[providers.NAME]` table.
#[derive(Debug, Clone, Copy)]
pub struct KindDoc {
    /// As it is written in the configuration.
    pub kind: &'static str,
    /// What people call the service.
    pub service: &'static str,
    /// Its settings beside `kind`, as a JSON schema whose descriptions document them.
    pub schema: fn() -> Schema,
    /// How it is set up.
    pub setup: Setup,
    build: Build,
}

/// What providers may need of the house beside their own table.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Makes the clients for services of their own.
    pub peers: Peers,
    /// Clients of the GitLab that flaglink works with: the instance's own token first, then those of rules that have one.
    pub gitlab: Vec<GitlabApi>,
}

/// Reads a provider's table and makes the provider.
type Build = fn(&ProviderTable, &Surroundings) -> Result<Arc<dyn FlagProvider>, ConfigError>;

/// Every kind that there is. A new provider is one more entry.
const KINDS: &[KindDoc] = &[
    KindDoc {
        kind: "flagsmith",
        service: "Flagsmith",
        schema: || schema_for!(FlagsmithSettings),
        setup: super::flagsmith::SETUP,
        build: flagsmith,
    },
    KindDoc {
        kind: "unleash",
        service: "Unleash",
        schema: || schema_for!(UnleashSettings),
        setup: super::unleash::SETUP,
        build: unleash,
    },
    KindDoc {
        kind: "gitlab",
        service: "GitLab",
        schema: || schema_for!(GitlabSettings),
        setup: super::gitlab::SETUP,
        build: gitlab,
    },
];

/// Kinds that a later version will have, so that who asks for them is not told of a typing error.
const LATER: &[&str] = &[];

/// The kinds of provider, for the reference and for whoever sets one up.
pub fn kinds() -> &'static [KindDoc] {
    KINDS
}

/// Whether flags of that kind are a part of GitLab itself: the bot then needs the role for them there, and changes come with
/// GitLab's own webhooks.
pub fn lives_in_gitlab(kind: &str) -> bool {
    KINDS.iter().any(|one| one.kind == kind && one.setup.own.is_none())
}

/// The providers as configured.
#[derive(Clone, Default)]
pub struct Registry {
    providers: Vec<Arc<dyn FlagProvider>>,
    /// What providers were called before, by the name that they have now.
    former: HashMap<String, Vec<String>>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.providers.iter().map(|provider| provider.name())).finish()
    }
}

impl Registry {
    /// Makes a provider of every `[providers.NAME]` table. Nothing is sent yet.
    pub fn build(tables: &[ProviderTable], around: &Surroundings) -> Result<Self, ConfigError> {
        let mut providers = Vec::with_capacity(tables.len());
        for table in tables {
            let Some(kind) = KINDS.iter().find(|kind| kind.kind == table.kind) else {
                let known: Vec<&str> = KINDS.iter().map(|kind| kind.kind).collect();
                return Err(table.unknown_kind(&known, LATER));
            };
            providers.push((kind.build)(table, around)?);
        }
        let former = tables.iter().map(|table| (table.name.clone(), table.formerly.clone())).collect();
        Ok(Self { providers, former })
    }

    /// A registry of providers that are made already.
    pub fn of(providers: Vec<Arc<dyn FlagProvider>>) -> Self {
        Self { providers, former: HashMap::new() }
    }

    /// What the provider of that name was called before.
    pub fn former_names(&self, name: &str) -> &[String] {
        self.former.get(name).map_or(&[], Vec::as_slice)
    }

    /// The provider of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn FlagProvider>> {
        self.providers.iter().find(|provider| provider.name() == name)
    }

    /// The providers that also read what GitLab sends to flaglink's own GitLab paths.
    pub fn hearing_gitlab(&self) -> impl Iterator<Item = &Arc<dyn FlagProvider>> {
        self.iter().filter(|provider| provider.hears_gitlab())
    }

    /// Whether one of them finds a flag to look at in that body.
    pub fn hears_in_gitlab(&self, body: &[u8]) -> bool {
        self.hearing_gitlab().any(|provider| !provider.read_webhook(body).is_empty())
    }

    /// All providers, in the order of the configuration.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<dyn FlagProvider>> {
        self.providers.iter()
    }
}

impl<'a> IntoIterator for &'a Registry {
    type Item = &'a Arc<dyn FlagProvider>;
    type IntoIter = std::slice::Iter<'a, Arc<dyn FlagProvider>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn gitlab(table: &ProviderTable, around: &Surroundings) -> Result<Arc<dyn FlagProvider>, ConfigError> {
    let settings: GitlabSettings = table.read()?;
    let provider = GitlabFlags::new(&table.name, &settings, around.gitlab.clone())
        .map_err(|(key, message)| table.error(key, &message))?;
    Ok(Arc::new(provider))
}

fn flagsmith(table: &ProviderTable, around: &Surroundings) -> Result<Arc<dyn FlagProvider>, ConfigError> {
    let settings: FlagsmithSettings = table.read()?;
    let api_key =
        one_key(table, "api_key", "a key for Flagsmith's API is needed: `api_key_file` or `api_key_env`")?;
    let secrets = FlagsmithSecrets { api_key, webhook: table.secrets("webhook_secret")?.unwrap_or_default() };
    let provider = Flagsmith::new(&table.name, &settings, secrets, http(table, around)?)
        .map_err(|error| table.error(error.key, &error.message))?;
    Ok(Arc::new(provider))
}

fn unleash(table: &ProviderTable, around: &Surroundings) -> Result<Arc<dyn FlagProvider>, ConfigError> {
    let settings: UnleashSettings = table.read()?;
    let needed = "a token for Unleash's admin API is needed: `api_token_file` or `api_token_env`";
    let api_token = one_key(table, "api_token", needed)?;
    let secrets = UnleashSecrets { api_token, webhook: table.secrets("webhook_secret")?.unwrap_or_default() };
    let provider = Unleash::new(&table.name, &settings, secrets, http(table, around)?)
        .map_err(|error| table.error(error.key, &error.message))?;
    Ok(Arc::new(provider))
}

/// The one secret that `<what>_file` or `<what>_env` names; where there is none, `needed` says what to write.
fn one_key(table: &ProviderTable, what: &str, needed: &str) -> Result<SecretString, ConfigError> {
    let [key] = <[_; 1]>::try_from(table.secrets(what)?.unwrap_or_default()).map_err(|keys: Vec<_>| {
        let why = if keys.is_empty() { needed } else { "there must be one key, on one line" };
        table.error(&format!("{what}_file"), why)
    })?;
    table.check_token(what, &key)?;
    Ok(key)
}

/// The client for a service of its own.
fn http(table: &ProviderTable, around: &Surroundings) -> Result<HttpClient, ConfigError> {
    let options = HttpOptions {
        peer: table.name.clone(),
        timeout: Duration::from_secs(30),
        connect_timeout: Duration::from_secs(10),
        in_flight: 4,
        ca_file: table.file("ca_file")?,
    };
    around.peers.client(options).map_err(|error| table.error("ca_file", &error.to_string()))
}
