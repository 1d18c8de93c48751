//! The real program with a configuration, a store and perhaps a daemon of its own.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A directory to run the program in.
pub(crate) struct House {
    directory: TempDir,
}

/// What the program said.
#[derive(Debug)]
pub(crate) struct Said {
    /// Its exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// A configuration as small as it can be, with `more` under `[listen]`.
pub(crate) fn least(more: &str) -> String {
    format!(
        r#"[listen]
{more}

[store]
path = "store"

[gitlab]
url = "https://gitlab.example.com"
token_file = "gitlab-token"
webhook_secret_file = "webhook-secret"

[providers.flagsmith]
kind = "flagsmith"
url = "https://flags.example.com"
api_key_file = "flagsmith-key"
project = 12

[[projects]]
match = "shop/**"
"#
    )
}

impl House {
    /// With that configuration and no secrets.
    pub(crate) fn new(configuration: &str) -> Self {
        let house = Self { directory: tempfile::tempdir().unwrap() };
        house.write("flaglink.toml", configuration);
        house
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The program, ready to be run there.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flaglink"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Said {
        let command = self.command(arguments);
        finished(command).await
    }
}

/// Runs a command to its end.
pub(crate) async fn finished(mut command: Command) -> Said {
    let Output { status, stdout, stderr } =
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    Said {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}
