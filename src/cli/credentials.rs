//! The secrets that systemd hands to the service alone, for those who run flaglink by hand beside it.

use std::collections::BTreeMap;
use std::path::Path;

use super::show;
use crate::config::ConfigError;

/// The variable that names their folder.
const VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// The folder that the environment names.
pub(super) fn folder(env: &BTreeMap<String, String>) -> Option<&Path> {
    env.get(VARIABLE).filter(|folder| !folder.is_empty()).map(Path::new)
}

/// How the service's secrets are found, where the environment names no folder and there is one beside the configuration.
pub(super) fn hint(file: &Path, env: &BTreeMap<String, String>) -> Option<String> {
    let secrets = std::path::absolute(file).ok()?.parent()?.join("secrets");
    (folder(env).is_none() && secrets.is_dir()).then(|| {
        format!(
            "Under systemd secrets are given to the service alone: then run this as root with {VARIABLE}={} in front.",
            show(&secrets)
        )
    })
}

/// The same error, with that hint where a secret is not found.
pub(super) fn hinted(error: ConfigError, file: &Path, env: &BTreeMap<String, String>) -> ConfigError {
    let said = error.to_string();
    let is_secret = said.contains("there is no file") && !said.contains("`ca_file`");
    match hint(file, env).filter(|_| is_secret) {
        Some(hint) => ConfigError(format!("{said}. {hint}")),
        None => error,
    }
}
