//! The real program, with a configuration and a store of its own.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The secret of GitLab's webhook.
pub(crate) const GITLAB_SECRET: &str = "benchmark-webhook-secret";
/// The secret of Flagsmith's webhook.
pub(crate) const FLAGSMITH_SECRET: &str = "benchmark-flagsmith-secret";

/// What the configuration names.
pub(crate) struct Around {
    pub(crate) gitlab: String,
    pub(crate) gitlab_token: String,
    pub(crate) flagsmith: String,
    pub(crate) flagsmith_key: String,
    pub(crate) flagsmith_project: u64,
}

impl Around {
    /// Everything is at that address, where nobody answers.
    pub(crate) fn hanging(address: &str) -> Self {
        Self {
            gitlab: address.to_owned(),
            gitlab_token: "benchmark-token".to_owned(),
            flagsmith: address.to_owned(),
            flagsmith_key: "benchmark-key".to_owned(),
            flagsmith_project: 1,
        }
    }
}

/// A server that takes connections and never answers.
pub(crate) async fn hanging_server() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    format!("http://{address}")
}

/// A folder with a configuration.
pub(crate) struct House {
    folder: TempDir,
    pub(crate) webhooks: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl House {
    pub(crate) fn new(around: &Around) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
        };
        file("gitlab-token", &around.gitlab_token);
        file("webhook-secret", GITLAB_SECRET);
        file("flagsmith-key", &around.flagsmith_key);
        file("flagsmith-webhook", FLAGSMITH_SECRET);
        let [webhooks, admin] = free_addresses();
        let config = format!(
            r#"
            [listen]
            webhooks = "{webhooks}"
            admin = "{admin}"
            socket = "flaglink.sock"

            [store]
            path = "store"
            marker_key_file = "marker-key"

            [gitlab]
            url = "{gitlab}"
            token_file = "gitlab-token"
            webhook_secret_file = "webhook-secret"

            # What is measured is flaglink, not the pace that it keeps.
            [limits]
            notes_per_minute = 0

            [providers.flagsmith]
            kind = "flagsmith"
            url = "{flagsmith}"
            api_key_file = "flagsmith-key"
            project = {project}
            poll = "1h"
            webhook_secret_file = "flagsmith-webhook"

            [[projects]]
            match = "shop/**"
            "#,
            gitlab = around.gitlab,
            flagsmith = around.flagsmith,
            project = around.flagsmith_project,
        );
        file("flaglink.toml", &config);
        Self { folder, webhooks, admin }
    }

    /// Where the store lies.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the daemon; returns when it answers, and how long that took.
    pub(crate) async fn run(&self) -> (Daemon, Duration) {
        let started = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_flaglink"))
            .args(["run", "--log", "error"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut daemon = Daemon(child);
        // It listens before it answers.
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let health = format!("http://{}/healthz", self.webhooks);
        while !client.get(&health).send().await.is_ok_and(|answer| answer.status().is_success()) {
            assert!(daemon.0.try_wait().unwrap().is_none(), "the daemon ended");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        (daemon, started.elapsed())
    }
}

/// Two addresses that are free at this moment.
fn free_addresses() -> [SocketAddr; 2] {
    let listeners = [(); 2].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.each_ref().map(|listener| listener.local_addr().unwrap())
}

/// The daemon in a process of its own, which ends with this value.
pub(crate) struct Daemon(Child);

impl Daemon {
    /// Memory of its own that is resident now, in MB (`RssAnon` of Linux), and with the files that it has mapped (`VmRSS`).
    pub(crate) fn memory(&self) -> (f64, f64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap_or_default();
        let field = |name: &str| -> f64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kb =
                line.and_then(|line| line.trim_start_matches(':').split_whitespace().next()?.parse().ok());
            kb.unwrap_or(f64::NAN) / 1024.0
        };
        (field("RssAnon"), field("VmRSS"))
    }

    /// Ends it as systemd does.
    pub(crate) async fn end(mut self) {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(told.success());
        let ended = tokio::task::spawn_blocking(move || self.0.wait().unwrap()).await.unwrap();
        assert!(ended.success(), "the daemon ended with {ended}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
