//! Small servers, and a folder in which nothing is yet.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use flaglink::sandbox::flagsmith::Flagsmith;
use flaglink::sandbox::gitlab::{Gitlab, Visibility, level};
use flaglink::sandbox::unleash::Unleash;
use tempfile::TempDir;

use crate::loopback::free_port;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Place {
    pub(crate) gitlab: Gitlab,
    pub(crate) flagsmith: Flagsmith,
    pub(crate) unleash: Unleash,
    pub(crate) bot: u64,
    pub(crate) mara: u64,
    pub(crate) shop: u64,
    pub(crate) token: String,
    pub(crate) key: String,
    pub(crate) flags: u64,
    pub(crate) webhooks: SocketAddr,
    folder: TempDir,
}

#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) async fn new() -> Self {
        let gitlab = Gitlab::start().await.unwrap();
        let flagsmith = Flagsmith::start().await.unwrap();
        let unleash = Unleash::start().await.unwrap();
        flagsmith.take_private_addresses(true);
        unleash.take_private_addresses(true);
        gitlab.change(|model| model.settings.local_hooks = true);
        let bot = gitlab.bot("flag-bot");
        let token = gitlab.token(bot, &["api"]);
        let shop = gitlab.project("shop/web", Visibility::Private);
        let mara = gitlab.user("mara");
        gitlab.member(shop, bot, level::MAINTAINER);
        gitlab.member(shop, mara, level::DEVELOPER);
        let flags = flagsmith.new_project("Web shop");
        let ada = flagsmith.person("ada@example.com", flags);
        for environment in ["staging", "production"] {
            ada.new_environment(environment).unwrap();
        }
        ada.new_flag("checkout_v2", false, "blue").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let key = flagsmith.api_key();
        std::fs::create_dir(folder.path().join("given")).unwrap();
        std::fs::write(folder.path().join("given/token"), format!(" \"{token}\" \n")).unwrap();
        std::fs::write(folder.path().join("given/key"), &key).unwrap();
        Self { gitlab, flagsmith, unleash, bot, mara, shop, token, key, flags, webhooks: free_port(), folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Every file in the folder but those that were given, with what is in it.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(self.folder.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
        files
    }

    /// All answers as flags.
    pub(crate) fn flags(&self) -> Vec<String> {
        [
            ("--gitlab-url", self.gitlab.url()),
            ("--gitlab-token-file", "given/token".to_owned()),
            ("--projects", "shop/**".to_owned()),
            ("--service", "flagsmith".to_owned()),
            ("--service-url", self.flagsmith.url()),
            ("--service-key-file", "given/key".to_owned()),
            ("--service-project", self.flags.to_string()),
            ("--public-url", format!("http://{}", self.webhooks)),
            ("--webhooks", self.webhooks.to_string()),
        ]
        .into_iter()
        .flat_map(|(flag, value)| [flag.to_owned(), value])
        .collect()
    }

    /// The same with one of them otherwise; none where it is empty.
    pub(crate) fn flags_but(&self, flag: &str, value: &str) -> Vec<String> {
        let mut flags = self.flags();
        let at = flags.iter().position(|one| one == flag).unwrap();
        if value.is_empty() {
            flags.drain(at..at + 2);
        } else {
            flags[at + 1] = value.to_owned();
        }
        flags
    }

    /// Gives the daemon a port of its own for its admin listener: those of several stories run at once.
    pub(crate) fn own_admin(&self) {
        let file = self.path("flaglink.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text.replacen("[listen]\n", "[listen]\nadmin = \"127.0.0.1:0\"\n", 1);
        assert!(text.contains("127.0.0.1:0"), "{text}");
        std::fs::write(file, text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flaglink"));
        command.arg("init").args(arguments).current_dir(self.folder.path()).env_clear();
        command
    }

    pub(crate) async fn init(&self, arguments: &[String]) -> Said {
        self.said(self.command(arguments)).await
    }

    /// Any subcommand, with that in its environment.
    pub(crate) async fn program(&self, arguments: &[&str], env: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flaglink"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().envs(env.iter().copied());
        self.said(command).await
    }

    async fn said(&self, mut command: Command) -> Said {
        command.stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        for secret in [&self.token, &self.key] {
            assert!(!said.out.contains(secret) && !said.err.contains(secret), "a secret is shown: {said:?}");
        }
        said
    }
}
