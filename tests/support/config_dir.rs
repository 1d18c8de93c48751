//! A directory with a configuration and the secrets that it names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flaglink::config::Config;
use tempfile::TempDir;

/// The least that a configuration needs.
pub(crate) const LEAST: &str = r#"
[gitlab]
url = "https://gitlab.example.com"
token_file = "gitlab-token"
webhook_secret_file = "webhook-secret"

[providers.flagsmith]
kind = "flagsmith"
url = "https://flags.example.com"

[[projects]]
match = "shop/**"
"#;

/// The directory.
pub(crate) struct ConfigDir {
    dir: TempDir,
    env: BTreeMap<String, String>,
}

impl ConfigDir {
    /// With the secrets that [`LEAST`] names.
    pub(crate) fn new() -> Self {
        // As it is where no service manager hands out credentials.
        let this = Self { dir: tempfile::tempdir().unwrap(), env: BTreeMap::new() };
        let this = this.set("CREDENTIALS_DIRECTORY", "");
        this.write("gitlab-token", "a-token-of-the-bot\n");
        this.write("webhook-secret", "a-secret-of-the-webhook\n");
        this
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path().join("flaglink.toml")
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }

    /// Sets a variable of the environment.
    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Loads that text as the file.
    pub(crate) fn load(&self, text: &str) -> Result<Config, String> {
        self.write("flaglink.toml", text);
        Config::load(&self.file(), &self.env).map_err(|error| error.to_string())
    }

    /// Loads a text that is in order.
    pub(crate) fn good(&self, text: &str) -> Config {
        self.load(text).unwrap()
    }

    /// Loads a text that is not, and returns the error without the directory's own path.
    pub(crate) fn bad(&self, text: &str) -> String {
        match self.load(text) {
            Ok(_) => panic!("this was taken for a good configuration:\n{text}"),
            Err(error) => error.replace(&format!("{}/", self.path().display()), ""),
        }
    }
}
