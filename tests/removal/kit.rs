//! What these stories ask of a town beyond what every story asks.

use std::time::Duration;

use flaglink::sandbox::gitlab::NoteableRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::town::{PATIENCE, Town};

/// The flags of these stories.
pub(crate) const FLAGS: [&str; 6] = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"];

/// What the admin listener answers.
pub(crate) async fn get(town: &Town, path: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{}{path}", town.daemon().admin())).send().await.unwrap();
    String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap()
}

/// Waits until what `/readyz` says is as wanted.
pub(crate) async fn until_ready_says(town: &Town, wanted: impl Fn(&str) -> bool) -> String {
    let waiting = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tick.tick().await;
            let said = get(town, "/readyz").await;
            if wanted(&said) {
                return said;
            }
        }
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(said) => said,
        Err(_) => panic!("{}{}", get(town, "/readyz").await, get(town, "/api/v1/queue").await),
    }
}

/// How many flags of a provider are doubted, by the metric.
pub(crate) async fn doubted(town: &Town, provider: &str) -> u64 {
    let text = get(town, "/metrics").await;
    let name = format!("flaglink_flags_doubted{{provider=\"{provider}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |value| value.parse().unwrap())
}

/// Says on the daemon's socket that what is missing is gone. Returns the answer's head and body.
pub(crate) async fn believe(town: &Town, provider: &str) -> String {
    let body = format!("{{\"provider\":\"{provider}\"}}");
    let mut socket = tokio::net::UnixStream::connect(town.folder().join("flaglink.sock")).await.unwrap();
    let head = format!(
        "POST /api/v1/providers/believe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The one panel's text.
pub(crate) fn panel(town: &Town, on: NoteableRef) -> String {
    town.panel(on).unwrap_or_else(|| panic!("no panel:\n{}", town.gitlab.transcript(on))).body
}

/// How often the bot changed a comment.
pub(crate) fn edits(town: &Town) -> usize {
    town.gitlab.faults().count("PUT", r"/notes/\d+$")
}

/// The flags that the panel says are not found.
pub(crate) fn not_found(panel: &str) -> Vec<&'static str> {
    let says = |flag: &&str| {
        panel.lines().any(|line| line.contains(&format!("`{flag}`")) && line.contains("not found in"))
    };
    FLAGS.into_iter().filter(says).collect()
}
