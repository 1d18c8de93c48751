//! The configuration: whether it can be read, what it warns of, and who else can read its secrets.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Group, Id, Repair};
use crate::cli::proxy_words::{WRITE_IT, unusable};
use crate::cli::{Context, show};
use crate::config::{Config, ConfigError, MarkerKeySource};
use crate::flags::{Registry, Surroundings};

const TITLE: &str = "Configuration";

/// What is found where there is no good configuration.
pub(super) fn unread(error: &ConfigError) -> Group {
    let said = error.to_string();
    let has = |words: &str| said.contains(words);
    let remedy = if has("there is no configuration") {
        "`flaglink init` writes one by asking"
    } else if has("there is no file") && has("`ca_file`") {
        "put the certificate of your CA there, or take `ca_file` out where GitLab's certificate needs none"
    } else if has("there is no file") {
        "put the file there. Under systemd secrets are given to the service alone: then run this as root with \
         CREDENTIALS_DIRECTORY=/etc/flaglink/secrets in front"
    } else if has("ermission denied") {
        "run this as the user that runs flaglink, for example with `sudo -u flaglink`, or as root where systemd hands the secrets over"
    } else if has("is empty; it should hold") {
        "write the secret into that file, on one line"
    } else if has("write the token alone") {
        "take away what does not belong to it; when you are not sure, make a new token and write it there on one line"
    } else if has("_file`") && (has("it is a directory") || has("UTF-8")) {
        "write the secret itself into the file that is named, as one line of text, or name the file that has it"
    } else if has(" cannot be read: ") {
        "is it the right file? Name it with `--config FILE`; `flaglink init` writes one by asking"
    } else {
        "mend that line; docs/configuration.md says what can be written. The rest is looked at when it can be read"
    };
    Group::new(TITLE, vec![Finding::wrong(Id::ConfigFile, said, remedy)])
}

/// Reads the file, and has the providers check their own tables.
pub(super) fn load(context: &Context, file: &Path) -> Result<Config, ConfigError> {
    let config = Config::load(file, &context.env)?;
    Registry::build(&config.providers, &Surroundings::default())?;
    Ok(config)
}

/// What is found about a good one, and about the environment.
pub(super) fn look(config: &Config, env: &BTreeMap<String, String>) -> Group {
    let rules = config.rules.rules.len();
    let names: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    let mut findings = vec![Finding::good(
        Id::ConfigFile,
        format!(
            "{} is good: GitLab at {}, flags from {}, {}",
            show(&config.path),
            config.gitlab.url,
            names.join(", "),
            crate::cli::words::count(rules, "rule", "rules")
        ),
    )];
    // Of files and of plain http more is said elsewhere.
    let told_elsewhere = |warning: &&String| {
        !warning.contains("everybody on this machine can read") && !warning.contains("is plain http")
    };
    findings.extend(config.warnings.iter().filter(told_elsewhere).map(|warning| {
        Finding::look(
            Id::ConfigWarning,
            warning.clone(),
            "it works as it is; the sentence says what is better",
        )
    }));
    let unusable = unusable(env).into_iter();
    findings.extend(unusable.map(|says| Finding::look(Id::ConfigWarning, says, WRITE_IT)));
    findings.extend(modes(config));
    Group::new(TITLE, findings)
}

/// The files that hold secrets, and what names them.
fn secret_files(config: &Config) -> Vec<(PathBuf, String)> {
    let named = config.secret_files.iter().map(|file| (file.path.clone(), file.named_by.clone()));
    let mut all: Vec<(PathBuf, String)> = named.collect();
    if let MarkerKeySource::File(path) = &config.store.marker_key
        && path.exists()
    {
        all.push((path.clone(), "`marker_key_file` in [store]".to_owned()));
    }
    all.sort();
    all.dedup_by(|a, b| a.0 == b.0);
    all
}

fn modes(config: &Config) -> Vec<Finding> {
    let all = secret_files(config);
    let mut findings: Vec<Finding> = all
        .iter()
        .filter_map(|(path, named_by)| {
            let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
            // The group may read: it can be that of an admin. Nobody else may, and only the owner may write.
            if mode & 0o027 == 0 {
                return None;
            }
            let who =
                if mode & 0o004 != 0 { "everybody on this machine can read" } else { "others can change" };
            Some(
                Finding::wrong(
                    Id::FileModes,
                    format!("{who} {}, the secret that {named_by} names", show(path)),
                    format!("`chmod 600 {}`, or `flaglink doctor --fix`", show(path)),
                )
                .repaired_by(Repair::Mode(path.clone(), 0o600)),
            )
        })
        .collect();
    if findings.is_empty() && !all.is_empty() {
        findings.push(Finding::good(
            Id::FileModes,
            format!(
                "{} for their owner alone",
                crate::cli::words::count(all.len(), "secret file is", "secret files are")
            ),
        ));
    }
    findings
}
