//! What these stories ask of a town beyond what every story asks.

use std::time::Duration;

use crate::town::Town;

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
        panic!("not at rest: {}\n{}", get(town, "/api/v1/queue").await, town.flagsmith.faults().describe());
    }
}

/// The value of a metric without labels.
pub(crate) async fn metric(town: &Town, name: &str) -> f64 {
    let text = get(town, "/metrics").await;
    let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

/// What the admin listener answers.
async fn get(town: &Town, path: &str) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{}{path}", town.daemon().admin())).send().await.unwrap();
    String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap()
}
