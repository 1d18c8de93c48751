//! GitLab, Flagsmith and Unleash, the daemon between them, and the program that looks at all of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use flaglink::config::Config;
use flaglink::daemon::Daemon;
use flaglink::sandbox::flagsmith::Flagsmith;
use flaglink::sandbox::gitlab::{Gitlab, HookSpec, NoteableRef, Visibility, level};
use flaglink::sandbox::unleash::Unleash;
use serde_json::Value;
use tempfile::TempDir;

use crate::loopback::free_port;

pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Secrets that nothing may show.
const HOOK: &str = "a-secret-of-gitlabs-webhook";
const OF_FLAGSMITH: &str = "a-secret-of-flagsmiths-webhook";
const OF_UNLEASH: &str = "Bearer a-secret-of-unleashs-webhook";

pub(crate) struct Place {
    pub(crate) gitlab: Gitlab,
    pub(crate) flagsmith: Flagsmith,
    pub(crate) unleash: Unleash,
    pub(crate) unleash_token: String,
    pub(crate) bot: u64,
    pub(crate) token: String,
    pub(crate) shop: u64,
    pub(crate) hook: u64,
    pub(crate) mara: u64,
    /// Where flaglink is from outside.
    pub(crate) address: String,
    folder: TempDir,
    daemon: Option<Daemon>,
}

/// What the program said.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// What it found, from `--json`.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) code: i32,
    pub(crate) report: Value,
}

impl Place {
    /// Where all is well, and flaglink runs.
    pub(crate) async fn new() -> Self {
        let mut place = Self::quiet().await;
        place.start().await;
        place
    }

    /// Where all is well, and flaglink does not run yet.
    pub(crate) async fn quiet() -> Self {
        let gitlab = Gitlab::start().await.unwrap();
        let flagsmith = Flagsmith::start().await.unwrap();
        let unleash = Unleash::start().await.unwrap();
        flagsmith.take_private_addresses(true);
        unleash.take_private_addresses(true);
        let bot = gitlab.bot("flag-bot");
        let token = gitlab.token(bot, &["api"]);
        let shop = gitlab.project("shop/web", Visibility::Private);
        let mara = gitlab.user("mara");
        gitlab.member(shop, bot, level::MAINTAINER);
        gitlab.member(shop, mara, level::DEVELOPER);
        let project = flagsmith.new_project("Web shop");
        let ada = flagsmith.person("ada@example.com", project);
        for environment in ["staging", "production"] {
            ada.new_environment(environment).unwrap();
        }
        ada.new_flag("checkout_v2", false, "blue").unwrap();
        let webhooks = free_port();
        let address = format!("http://{webhooks}");
        let hook = gitlab.hook(shop, HookSpec::everything(&format!("{address}/hooks/gitlab"), HOOK));
        flagsmith.organisation_webhook(&format!("{address}/hooks/providers/flagsmith"), OF_FLAGSMITH);
        unleash.webhook(&format!("{address}/hooks/providers/unleash"), OF_UNLEASH);
        let unleash_token = unleash.token();

        let folder = tempfile::tempdir().unwrap();
        let config = format!(
            r#"
            [listen]
            webhooks = "{webhooks}"
            public_url = "{address}"
            admin = "127.0.0.1:0"
            socket = "flaglink.sock"

            [store]
            path = "store"

            [gitlab]
            url = "{gitlab}"
            token_file = "gitlab-token"
            webhook_secret_file = "webhook-secret"
            catch_up = "1h"

            [providers.flagsmith]
            kind = "flagsmith"
            url = "{flagsmith}"
            api_key_file = "flagsmith-key"
            webhook_secret_file = "flagsmith-webhook"
            project = {project}
            poll = "1h"

            [providers.unleash]
            kind = "unleash"
            url = "{unleash}"
            api_token_file = "unleash-token"
            webhook_secret_file = "unleash-webhook"
            poll = "1h"

            [[projects]]
            match = "shop/**"
            "#,
            gitlab = gitlab.url(),
            flagsmith = flagsmith.url(),
            unleash = unleash.url(),
        );
        let place = Self {
            flagsmith,
            unleash,
            unleash_token,
            bot,
            token,
            shop,
            hook,
            mara,
            address,
            folder,
            daemon: None,
            gitlab,
        };
        place.write("flaglink.toml", &config);
        for (name, secret) in place.secrets() {
            place.write(name, &secret);
        }
        place
    }

    /// Where flaglink registers its webhooks itself, and does not run yet.
    pub(crate) async fn registering() -> Self {
        let place = Self::quiet().await;
        place.gitlab.change(|model| {
            model.settings.local_hooks = true;
            model.hooks.clear();
        });
        place.rewrite("webhook_secret_file = \"webhook-secret\"\n", "");
        place
    }

    /// flaglink has registered its webhook in GitLab, and one at Flagsmith.
    pub(crate) async fn until_registered(&self) {
        let own = |url: &str| url.contains("/hooks/gitlab/") && !url.ends_with("/0123-4567");
        self.gitlab.until(PATIENCE, |model| model.hooks.values().any(|hook| own(&hook.url))).await.unwrap();
        let synced = self.run(&["hooks", "sync"], &[]).await;
        assert_eq!(synced.code, 0, "{}{}", synced.out, synced.err);
    }

    fn secrets(&self) -> Vec<(&'static str, String)> {
        vec![
            ("gitlab-token", self.token.clone()),
            ("webhook-secret", HOOK.to_owned()),
            ("flagsmith-key", self.flagsmith.api_key()),
            ("flagsmith-webhook", OF_FLAGSMITH.to_owned()),
            ("unleash-token", self.unleash_token.clone()),
            ("unleash-webhook", OF_UNLEASH.to_owned()),
        ]
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file for its owner alone.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        self.mode(name, 0o600);
    }

    pub(crate) fn mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Changes the configuration.
    pub(crate) fn rewrite(&self, from: &str, to: &str) {
        let config = std::fs::read_to_string(self.path("flaglink.toml")).unwrap();
        assert!(config.contains(from), "{config}");
        self.write("flaglink.toml", &config.replace(from, to));
    }

    /// Puts a file there that brings a time from long ago along, as `cp -p` and a secret's symbolic link do.
    pub(crate) fn put_old(&self, name: &str, text: &str) {
        let draft = format!("{name}.draft");
        self.write(&draft, text);
        let file = std::fs::File::options().append(true).open(self.path(&draft)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
        std::fs::rename(self.path(&draft), self.path(name)).unwrap();
    }

    pub(crate) async fn start(&mut self) {
        self.start_in(BTreeMap::new()).await;
    }

    /// As systemd starts it, with copies of its credentials.
    pub(crate) async fn start_with_credentials(&mut self, copies: &Path) {
        let copies = copies.display().to_string();
        self.start_in(BTreeMap::from([("CREDENTIALS_DIRECTORY".to_owned(), copies)])).await;
    }

    async fn start_in(&mut self, env: BTreeMap<String, String>) {
        let path = self.path("flaglink.toml");
        let reader = Box::new(move || Config::load(&path, &env));
        let daemon = Daemon::start_with(reader().unwrap(), reader).await.unwrap();
        tokio::time::timeout(PATIENCE, daemon.caught_up(1)).await.unwrap();
        self.daemon = Some(daemon);
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.stop().await;
        }
    }

    /// Mara comments, and GitLab has sent its webhook about it.
    pub(crate) async fn comment(&self) -> NoteableRef {
        let issue = self.gitlab.issue(self.mara, self.shop, "Checkout is slow", "").unwrap();
        self.gitlab.comment(self.mara, issue, "Hello").unwrap();
        self.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
        issue
    }

    /// Runs the program.
    pub(crate) async fn run(&self, arguments: &[&str], env: &[(&str, &str)]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flaglink"));
        command.args(arguments).current_dir(self.folder.path()).env_clear().envs(env.iter().copied());
        command.stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let said = Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        };
        for (name, secret) in self.secrets() {
            let shown = said.out.contains(&secret) || said.err.contains(&secret);
            assert!(!shown, "the secret in {name} is shown:\n{}\n{}", said.out, said.err);
        }
        said
    }

    /// Has the doctor look.
    pub(crate) async fn doctor(&self, more: &[&str], env: &[(&str, &str)]) -> Found {
        let said = self.run(&[&["doctor", "--json"], more].concat(), env).await;
        let report = serde_json::from_str(&said.out);
        let report: Value = report.unwrap_or_else(|_| unreachable!("{}\n{}", said.out, said.err));
        Found { code: said.code, report }
    }
}

impl Found {
    /// Everything that stands so: `id: says → remedy`.
    pub(crate) fn all(&self, standing: &str) -> Vec<String> {
        let findings = self.report["findings"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        findings
            .filter(|finding| finding["standing"] == standing)
            .map(|found| {
                format!("{}: {} → {}", text(&found["id"]), text(&found["says"]), text(&found["remedy"]))
            })
            .collect()
    }

    /// Exactly one check is wrong, and what it says has these words.
    pub(crate) fn names(&self, id: &str, words: &[&str]) {
        let wrong = self.all("wrong");
        assert!(wrong.len() == 1 && self.code == 1, "not just {id}: {wrong:#?}\n{:#}", self.report);
        self.says("wrong", id, words);
        assert_eq!(self.report["good"], false);
    }

    /// A check stands so, and says these words.
    pub(crate) fn says(&self, standing: &str, id: &str, words: &[&str]) {
        let all = self.all(standing);
        let said = all.iter().find(|said| {
            said.starts_with(&format!("{id}: ")) && words.iter().all(|word| said.contains(word))
        });
        assert!(
            said.is_some(),
            "no {id} that is {standing} and says {words:?} in {all:#?}\n{:#}",
            self.report
        );
        let said = said.unwrap();
        assert!(standing == "good" || standing == "note" || !said.ends_with("→ "), "no remedy: {said}");
    }
}
