//! What these stories ask of a town beyond what every story asks.

use std::time::Duration;

use flaglink::sandbox::flagsmith::signature;
use flaglink::sandbox::gitlab::{Note, NoteableRef};
use serde_json::Value;

use crate::town::{FLAGSMITH_SECRET, PATIENCE, Town};

/// What waits and what was given up, as the admin listener tells it.
pub(crate) async fn queue(admin: std::net::SocketAddr) -> Option<Value> {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{admin}/api/v1/queue")).send().await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    serde_json::from_slice(&answer.bytes().await.ok()?).ok()
}

/// The dead letters: what and why.
pub(crate) async fn dead(town: &Town) -> Vec<String> {
    let queue = queue(town.daemon().admin()).await.unwrap();
    let dead = queue["dead"].as_array().unwrap();
    dead.iter()
        .map(|dead| format!("{}: {}", dead["what"].as_str().unwrap(), dead["reason"].as_str().unwrap()))
        .collect()
}

/// As [`Town::rest`], for what takes longer by design.
pub(crate) async fn rest_within(town: &Town, patience: Duration) {
    let settled = tokio::time::timeout(patience, async {
        loop {
            town.gitlab.until(patience, |model| model.all_delivered()).await.unwrap();
            town.flagsmith.settled(patience).await.unwrap();
            town.daemon().settled().await;
            if town.gitlab.read(|model| model.all_delivered()) && town.daemon().in_lanes() == 0 {
                return;
            }
        }
    });
    if settled.await.is_err() {
        let queue = queue(town.daemon().admin()).await;
        panic!("not at rest: {queue:#?}\n{}", town.gitlab.faults().describe());
    }
}

/// Waits until what waits in the daemon is as wanted.
pub(crate) async fn until_queue(town: &Town, mut wanted: impl FnMut(&Value) -> bool) {
    let waiting = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            if queue(town.daemon().admin()).await.is_some_and(|queue| wanted(&queue)) {
                return;
            }
        }
    };
    assert!(
        tokio::time::timeout(PATIENCE, waiting).await.is_ok(),
        "{:#?}",
        queue(town.daemon().admin()).await
    );
}

/// Sends a webhook as Flagsmith would, with this signature. Returns the status.
pub(crate) async fn post_flag_hook(town: &Town, body: &str, signature: &str) -> u16 {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .post(format!("http://{}/hooks/providers/flagsmith", town.address()))
        .header("content-type", "application/json")
        .header("x-flagsmith-signature", signature)
        .body(body.to_owned());
    request.send().await.unwrap().status().as_u16()
}

/// Sends a webhook as Flagsmith would, rightly signed.
pub(crate) async fn flag_hook(town: &Town, body: &Value) {
    let body = body.to_string();
    let status = post_flag_hook(town, &body, &signature(FLAGSMITH_SECRET, &body).unwrap()).await;
    assert_eq!(status, 200);
}

/// How often the bot changed a comment on a page.
pub(crate) fn edits(town: &Town, on: NoteableRef) -> usize {
    town.gitlab.faults().count("PUT", &format!(r"/projects/{}/[a-z_]+/{}/notes/\d+$", on.project, on.iid))
}

/// The one panel's text.
pub(crate) fn panel(town: &Town, on: NoteableRef) -> String {
    let panel: Option<Note> = town.panel(on);
    panel.unwrap_or_else(|| panic!("no panel:\n{}", town.gitlab.transcript(on))).body
}

/// The row of a flag in a panel's table, cell by cell, without the flag's own cell.
pub(crate) fn cells(panel: &str, flag: &str) -> Vec<String> {
    let row = panel.lines().find(|line| line.starts_with('|') && line.contains(flag));
    let row = row.unwrap_or_else(|| panic!("`{flag}` is not in the table:\n{panel}"));
    row.trim_matches('|').split(" | ").skip(1).map(|cell| cell.trim().to_owned()).collect()
}

/// The lines of a panel's fold that have all of these words.
pub(crate) fn history(panel: &str, words: &[&str]) -> Vec<String> {
    let lines = panel.lines().filter(|line| line.starts_with("- "));
    lines.filter(|line| words.iter().all(|word| line.contains(word))).map(str::to_owned).collect()
}
