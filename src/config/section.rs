//! One table of the configuration together with what is around it: where its secrets are looked for, and how
//! an error about one of its keys is worded.

use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::ConfigError;
use super::content::Content;
use super::read;
use super::secret::{Surroundings, around_token};
use super::tree::Node;

/// A file with a secret, and what names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFile {
    /// Where it is.
    pub path: std::path::PathBuf,
    /// The key and the table that name it.
    pub named_by: String,
    /// Whether it is in `$CREDENTIALS_DIRECTORY`: of what is there, systemd gives a service copies when it starts.
    pub is_credential: bool,
    /// What was in it; `None` where it could not be read.
    pub content: Option<Content>,
}

impl SecretFile {
    /// Whether it is the marker key, which flaglink makes itself where there is none, after its configuration is read.
    pub fn is_marker_key(&self) -> bool {
        self.named_by.starts_with("`marker_key_file`")
    }
}

/// One table.
#[derive(Clone)]
pub(crate) struct Section {
    /// What it is called in errors: `[gitlab]`.
    pub(crate) name: String,
    node: Node,
    around: Arc<Surroundings>,
}

impl Section {
    pub(crate) fn new(name: impl Into<String>, node: Node, around: Arc<Surroundings>) -> Self {
        Self { name: name.into(), node, around }
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    pub(crate) fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }

    pub(crate) fn around(&self) -> &Surroundings {
        &self.around
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, ConfigError> {
        read::read(&self.node, &self.name)
    }

    /// An error about one key, with its place; about the whole table where the key is not written.
    pub(crate) fn error(&self, key: &str, message: impl std::fmt::Display) -> ConfigError {
        match self.node.entry(key) {
            Some(entry) => ConfigError(format!("{}: `{key}` in {}: {message}", entry.value.place, self.name)),
            None => ConfigError(format!("{}: `{key}` in {}: {message}", self.node.place, self.name)),
        }
    }

    /// An error about a key that belongs to a later version.
    pub(crate) fn later(&self, key: &str, what: &str) -> ConfigError {
        self.error(key, format_args!("{what} is not in this version of flaglink"))
    }

    /// The secrets that `<what>_file` or `<what>_env` names, one a line.
    pub(crate) fn secrets(&self, what: &str) -> Result<Option<Vec<SecretString>>, ConfigError> {
        let (file_key, env_key) = (format!("{what}_file"), format!("{what}_env"));
        match (self.node.text(&file_key), self.node.text(&env_key)) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => {
                Err(self
                    .error(&env_key, format_args!("`{file_key}` is given as well; take one of them away")))
            }
            (Some(file), None) => {
                self.around.secrets_in_file(file).map(Some).map_err(|why| self.error(&file_key, why))
            }
            (None, Some(name)) => {
                self.around.secrets_in_variable(name).map(Some).map_err(|why| self.error(&env_key, why))
            }
        }
    }

    /// The secret in the variable that `<what>_env` names, for secrets whose file may still have to be made.
    pub(crate) fn secret_in_variable(&self, what: &str) -> Result<Option<SecretString>, ConfigError> {
        let env_key = format!("{what}_env");
        match self.node.text(&env_key) {
            None => Ok(None),
            Some(_) => self.secret(what),
        }
    }

    /// The one secret, on the first line.
    pub(crate) fn secret(&self, what: &str) -> Result<Option<SecretString>, ConfigError> {
        Ok(self.secrets(what)?.and_then(|secrets| secrets.into_iter().next()))
    }

    /// The same, where it is a token or key that is sent in a header: with nothing around it.
    pub(crate) fn token(&self, what: &str) -> Result<Option<SecretString>, ConfigError> {
        let token = self.secret(what)?;
        token.as_ref().map_or(Ok(()), |token| self.check_token(what, token))?;
        Ok(token)
    }

    /// That there is nothing around a token that `<what>_file` or `<what>_env` names.
    pub(crate) fn check_token(&self, what: &str, token: &SecretString) -> Result<(), ConfigError> {
        let Some(why) = around_token(token.expose_secret()) else { return Ok(()) };
        let (file_key, env_key) = (format!("{what}_file"), format!("{what}_env"));
        Err(match self.node.text(&file_key) {
            Some(file) => {
                let path = self.around.find(file).unwrap_or_else(|| file.into());
                self.error(&file_key, format_args!("what stands in {} {why}", path.display()))
            }
            None => self.error(&env_key, format_args!("what is in that environment variable {why}")),
        })
    }

    /// The secret files that this table names and that are there.
    pub(crate) fn secret_files(&self) -> Vec<SecretFile> {
        let secret = |key: &str| key.ends_with("_file") && key != "ca_file";
        let named = self.node.entries().iter().filter(|entry| secret(&entry.key));
        named
            .filter_map(|entry| {
                let path = self.around.find(self.node.text(&entry.key)?)?;
                let is_credential = self.around.is_credential(&path);
                Some(SecretFile {
                    content: Content::of_file(&path),
                    path,
                    named_by: format!("`{}` in {}", entry.key, self.name),
                    is_credential,
                })
            })
            .collect()
    }

    /// Warnings about secret files of this table that everybody on the machine can read.
    pub(crate) fn open_files(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for entry in self.node.entries() {
            if !entry.key.ends_with("_file") || entry.key == "ca_file" {
                continue;
            }
            let Some(path) = self.node.text(&entry.key).and_then(|file| self.around.find(file)) else {
                continue;
            };
            if everybody_reads(&path) {
                warnings.push(format!(
                    "{}: everybody on this machine can read {}, which `{}` in {} names; `chmod 600` it",
                    entry.value.place,
                    path.display(),
                    entry.key,
                    self.name,
                ));
            }
        }
        warnings
    }

    /// The base URL at that key: with `/` at its end, so that paths can be joined to it.
    pub(crate) fn base_url(&self, key: &str, text: &str) -> Result<Url, ConfigError> {
        base_url(text).map_err(|why| self.error(key, why))
    }
}

#[cfg(unix)]
fn everybody_reads(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn everybody_reads(_: &std::path::Path) -> bool {
    false
}

fn base_url(text: &str) -> Result<Url, String> {
    const SHAPE: &str = "this should be the address of the service, such as \"https://gitlab.example.com\"";
    let mut url = Url::parse(text.trim()).map_err(|why| format!("{SHAPE} ({why})"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(format!("{SHAPE}, with http or https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{SHAPE}, without a user name or password in it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("{SHAPE}, without anything from `?` or `#` on"));
    }
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

/// Whether what is sent to that address in the clear may be read on its way: plain http to another machine.
pub(crate) fn travels_in_the_clear(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "http" && !loopback
}
