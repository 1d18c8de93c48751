//! The flag service: which, where, with what key, which project. Each answer is tried at once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::cli::doctor::service_too_old;
use crate::cli::proxy_words::in_the_way;
use crate::config::Config;
use crate::flags::{
    FlagProvider, KindDoc, OwnService, ProviderError, Registry, ServiceProject, Surroundings,
};

/// How long a question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Where the key stands while it is tried.
const VARIABLE: &str = "FLAGLINK_INIT_TRIED_KEY";

/// What may be asked of a service: a provider as the daemon would make it, made of a configuration that is in memory alone.
pub(super) fn provider(
    kind: &KindDoc,
    own: &OwnService,
    url: &str,
    key: &SecretString,
    project: Option<&str>,
    ca_file: Option<&str>,
) -> Result<Arc<dyn FlagProvider>, String> {
    let mut table = toml_edit::Table::new();
    table.insert("kind", toml_edit::value(kind.kind));
    table.insert("url", toml_edit::value(url));
    table.insert(&own.key_env(), toml_edit::value(VARIABLE));
    if let Some(file) = ca_file {
        table.insert("ca_file", toml_edit::value(file));
    }
    if let Some(setting) = &own.project
        && let Some(project) = project.or(setting.meanwhile)
    {
        let project = if setting.number {
            let number = project.parse::<i64>().map_err(|_| {
                format!("a {} project is a number; it stands in its page's address", kind.service)
            })?;
            toml_edit::value(number)
        } else {
            toml_edit::value(project)
        };
        table.insert("project", project);
    }
    let mut document = toml_edit::DocumentMut::new();
    let mut providers = toml_edit::Table::new();
    providers.insert("tried", toml_edit::Item::Table(table));
    document.insert("providers", toml_edit::Item::Table(providers));
    let text = format!(
        "{document}\n[gitlab]\nurl = \"http://127.0.0.1\"\ntoken_env = \"{VARIABLE}\"\nwebhook_secret_env = \"{VARIABLE}\"\n\n\
         [[projects]]\nmatch = \"**\"\n"
    );
    let env = BTreeMap::from([(VARIABLE.to_owned(), key.expose_secret().to_owned())]);
    let config =
        Config::parse(&text, Path::new("flaglink.toml"), &env).map_err(|error| short(&error.to_string()))?;
    let registry = Registry::build(&config.providers, &Surroundings::default());
    let registry = registry.map_err(|error| short(&error.to_string()))?;
    registry.get("tried").cloned().ok_or_else(|| "this service is not known".to_owned())
}

/// Without the place in a file that nobody has.
fn short(said: &str) -> String {
    said.split_once("[providers.tried]: ").map_or(said, |(_, why)| why).to_owned()
}

/// The projects that the key sees, or why the service gives none. A service that has no projects is asked whether it answers.
pub(super) async fn projects(
    provider: &dyn FlagProvider,
    own: &OwnService,
    url: &str,
) -> Result<Vec<ServiceProject>, Wrong> {
    let asked = async {
        match own.project {
            Some(_) => provider.projects().await,
            None => provider.check().await.map(|_| Vec::new()),
        }
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Err(_) => Err(Wrong::Address(format!("{url} does not answer within {} s", PATIENCE.as_secs()))),
        Ok(Ok(projects)) => Ok(projects),
        Ok(Err(error)) => Err(wrong(&error, provider.service(), own, url)),
    }
}

/// That the service is older than what flaglink is made for, and what to do.
pub(super) async fn too_old(provider: &dyn FlagProvider) -> Option<String> {
    let old = tokio::time::timeout(PATIENCE, provider.too_old()).await.ok()?.ok()??;
    Some(service_too_old(provider.service(), &old))
}

/// The names of the project's environments, as far as they can be had.
pub(super) async fn environments(provider: &dyn FlagProvider) -> Vec<String> {
    match tokio::time::timeout(PATIENCE, provider.environment_names()).await {
        Ok(Ok(names)) => names,
        _ => Vec::new(),
    }
}

/// Which answer does not do, and why.
pub(super) enum Wrong {
    /// The address.
    Address(String),
    /// The key.
    Key(String),
}

fn wrong(error: &ProviderError, service: &str, own: &OwnService, url: &str) -> Wrong {
    if let ProviderError::Failed(failure) = error
        && let Some(proxy) = Url::parse(url).ok().and_then(|url| in_the_way(&failure.into(), &url, service))
    {
        return Wrong::Address(format!("{}; {}", proxy.says, proxy.remedy));
    }
    match error {
        ProviderError::Failed(failure) if failure.is_unauthorized() => {
            Wrong::Key(format!("{service} does not accept this key: is it whole, and of this {service}?"))
        }
        ProviderError::Failed(failure) if failure.status == Some(403) => {
            let said = match failure.said.as_str() {
                "" => String::new(),
                said => format!(" ({said})"),
            };
            Wrong::Key(format!(
                "{service} knows this key, and it may not do what flaglink needs{said}; give one that may. {}",
                own.key_help
            ))
        }
        ProviderError::Failed(failure) => Wrong::Address(format!(
            "{service} gives no good answer at {url}: {}; is that the address of its API?",
            failure.message
        )),
        other => Wrong::Address(other.to_string()),
    }
}
