//! What is logged at the most talkative level, while everything happens that can: no secret is in it, no title.

use std::io::Write;
use std::sync::{Arc, Mutex};

use flaglink::sandbox::faults::{Fault, Rule};
use tracing_subscriber::fmt::MakeWriter;

use crate::town::{FLAGSMITH_SECRET, GITLAB_SECRET, Plan, Town};

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Kept {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

const TITLE: &str = "Zaphod leaves the company";

#[tokio::test]
async fn no_secret_and_no_title_is_logged_at_any_level() {
    let kept = Kept::default();
    // The database library writes its own pages to the log at its most talkative level; what it is handed is not secret.
    let filter = tracing_subscriber::EnvFilter::new("trace,sled=info");
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(kept.clone());
    logs.init();

    let mut town = Town::planned(Plan { rule: "tell = [\"*\"]".to_owned(), ..Plan::default() }).await;
    let issue = town.gitlab.issue(town.mara, town.shop, TITLE, "").unwrap();
    town.gitlab.set_confidential(town.mara, issue, true).unwrap();
    town.gitlab.faults().add(Rule::new("GET", "/notes/", Fault::status(500)).times(1));
    town.flagsmith.faults().add(Rule::new("GET", "/features/", Fault::WorkThenClose).times(1));
    town.says(issue, "/flag link checkout_v2").await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert_eq!(town.post("a-guess-at-the-secret", &serde_json::json!({"object_kind": "note"})).await, 401);
    let secrets: Vec<String> = ["gitlab-token", "flagsmith-key", "marker-key"]
        .iter()
        .map(|name| std::fs::read_to_string(town.folder().join(name)).unwrap().trim().to_owned())
        .chain([GITLAB_SECRET, FLAGSMITH_SECRET, "a-guess-at-the-secret", TITLE].map(str::to_owned))
        .collect();
    town.stop().await;

    let logged = String::from_utf8_lossy(&kept.0.lock().unwrap()).into_owned();
    assert!(logged.contains("TRACE") && logged.contains("flaglink"), "nothing was logged");
    for (place, secret) in secrets.iter().enumerate() {
        let line = logged.lines().find(|line| line.contains(secret.as_str()));
        assert!(line.is_none(), "secret {place} in the log: {}", line.unwrap_or_default());
    }
}
