//! The real program in a process of its own: started, killed, ended, and asked.

use std::fs::{File, OpenOptions};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::place::Place;
use crate::kit::queue;
use crate::town::PATIENCE;

/// A process that ends with this value, also in a panic.
pub(super) struct Process(Child);

impl Process {
    /// Kills it with SIGKILL, if it has not ended before; says how it ended.
    pub(super) fn kill(mut self) -> ExitStatus {
        self.0.kill().unwrap();
        self.0.wait().unwrap()
    }

    /// Tells it to end, as systemd does.
    pub(super) fn tell_to_end(&self) {
        let told = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// Waits for its end.
    pub(super) fn ended(mut self) -> ExitStatus {
        self.0.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Place {
    /// Starts the daemon.
    pub(super) fn start(&self) -> Process {
        self.run(&["run"])
    }

    /// Starts the program with these arguments. What it says goes into the log.
    pub(super) fn run(&self, arguments: &[&str]) -> Process {
        let log: File = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_flaglink"))
            .args(arguments)
            .arg("--config")
            .arg(self.folder.path().join("flaglink.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Process(child)
    }

    /// Starts the daemon and waits until it takes webhooks.
    pub(super) async fn up(&self) -> Process {
        let mut daemon = self.start();
        let up = async {
            let mut tick = tokio::time::interval(Duration::from_millis(5));
            loop {
                tick.tick().await;
                if let Some(ended) = daemon.0.try_wait().unwrap() {
                    panic!("{}", self.failed(&format!("it does not start: {ended}")));
                }
                if queue(self.admin).await.is_some() {
                    return;
                }
            }
        };
        assert!(tokio::time::timeout(PATIENCE, up).await.is_ok(), "{}", self.failed("it does not come up"));
        daemon
    }

    /// How much of a kind waits, or was given up.
    pub(super) async fn waiting(&self, kinds: &[&str]) -> Option<u64> {
        let queue = queue(self.admin).await?;
        Some(kinds.iter().map(|kind| queue["counts"][*kind].as_u64().unwrap()).sum())
    }

    /// How often it has looked at everything that no webhook told, since it was started.
    pub(super) async fn looks(&self) -> u64 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(format!("http://{}/metrics", self.admin)).send().await.unwrap();
        let text = answer.text().await.unwrap();
        let complete = r#"flaglink_catch_up_runs_total{outcome="complete"} "#;
        let line = text.lines().find_map(|line| line.strip_prefix(complete));
        line.map_or(0, |count| count.trim().parse().unwrap())
    }
}
