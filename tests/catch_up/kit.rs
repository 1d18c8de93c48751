//! What these stories ask of a town beyond what every story asks.

use flaglink::sandbox::gitlab::NoteableRef;

use crate::town::{PATIENCE, Town};

/// A page of the admin listener: its status and its text.
pub(crate) async fn admin(town: &Town, path: &str) -> (u16, String) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{}{path}", town.daemon().admin())).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// What a metric counts; 0 where it was not counted yet.
pub(crate) async fn metric(town: &Town, name: &str) -> u64 {
    let (_, text) = admin(town, "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |count| count.parse().unwrap())
}

/// How much was caught up in each way: deliveries, comments, descriptions, changes of linked work.
pub(crate) async fn caught(town: &Town) -> [u64; 4] {
    let mut found = [0; 4];
    for (place, way) in ["deliveries", "comments", "descriptions", "changes"].into_iter().enumerate() {
        found[place] = metric(town, &format!("flaglink_caught_up_total{{way=\"{way}\"}}")).await;
    }
    found
}

/// Waits until catching up has looked `times` more, and everything has come to rest.
pub(crate) async fn caught_up(town: &Town, times: u64) {
    let wanted = town.daemon().times_caught_up() + times;
    let looked = tokio::time::timeout(PATIENCE, town.daemon().caught_up(wanted)).await;
    assert!(looked.is_ok(), "it did not catch up:\n{}", town.gitlab.faults().describe());
    town.rest().await;
}

/// Starts flaglink again, and waits until it has caught up.
pub(crate) async fn back(town: &mut Town) {
    town.start().await;
    let looked = tokio::time::timeout(PATIENCE, town.daemon().caught_up(1)).await;
    assert!(looked.is_ok(), "it did not catch up:\n{}", town.gitlab.faults().describe());
    town.rest().await;
}

/// A command ran once, and went well.
pub(crate) fn assert_done(town: &Town, on: NoteableRef, note: u64) {
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "{}", town.gitlab.transcript(on));
}

/// Nobody has looked at this comment.
pub(crate) fn assert_unread(town: &Town, on: NoteableRef, note: u64) {
    let transcript = town.gitlab.transcript(on);
    assert!(town.reactions(note).is_empty(), "{transcript}");
    let link = format!("#note_{note})");
    assert!(!town.bot_notes(on).iter().any(|said| said.body.contains(&link)), "{transcript}");
}
