//! What a kind of provider says of itself to whoever sets flaglink up: how it is reached, what its key is called, and what a
//! project of it is.

use url::Url;

use super::pasted::Pasted;

/// What `flaglink init` asks by, and what it writes by.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// What the service is, where the kind's name alone does not say it.
    pub remark: Option<&'static str>,
    /// How it is reached. `None`: it is a part of the GitLab that flaglink works with, and needs no address, key or project.
    pub own: Option<OwnService>,
}

/// A service with an address and a key of its own.
#[derive(Debug, Clone, Copy)]
pub struct OwnService {
    /// The address that is proposed, where most have the same one.
    pub proposed: Option<&'static str>,
    /// Understands an address that was pasted, of the API or of a page.
    pub read: fn(&Url) -> Pasted,
    /// What is asked below that address to see, before there is a key, whether the service is there: it refuses that without one.
    pub sign: &'static str,
    /// What the settings with the key are called, without `_file` and `_env`.
    pub key: &'static str,
    /// Where people find the key, one sentence or two.
    pub key_help: &'static str,
    /// What `project` is; `None` where there is no such setting.
    pub project: Option<ProjectSetting>,
    /// Whether it has a `webhook_secret_file`.
    pub webhook_secret: bool,
}

/// The setting `project`.
#[derive(Debug, Clone, Copy)]
pub struct ProjectSetting {
    /// What stands there, for people: `a number`.
    pub what: &'static str,
    /// Whether it is written as a number; otherwise as text.
    pub number: bool,
    /// What stands there while address and key are tried and the project is not chosen yet; `None` where it may then be left out.
    pub meanwhile: Option<&'static str>,
}

impl OwnService {
    /// The setting that names the file with the key.
    pub fn key_file(&self) -> String {
        format!("{}_file", self.key)
    }

    /// The setting that names the environment variable with the key.
    pub fn key_env(&self) -> String {
        format!("{}_env", self.key)
    }
}
