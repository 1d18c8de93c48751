//! One change of a flag that many issues link, until all panels are true: against a bare client that reads and writes the
//! same comments, as many at a time.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails says so")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use support::world::World;
use support::{Table, median, only_asked, setting};
use tokio::sync::Semaphore;

const PATIENCE: Duration = Duration::from_secs(600);
/// As many as the daemon has in flight to one host.
const IN_FLIGHT: usize = 16;

fn main() {
    if only_asked() {
        return;
    }
    let noteables = setting("FLAGLINK_BENCH_NOTEABLES", 1000);
    let rounds = setting("FLAGLINK_BENCH_ROUNDS", 3);
    tokio::runtime::Runtime::new().unwrap().block_on(all(noteables, rounds));
}

async fn all(noteables: u64, rounds: u64) {
    let world = World::new().await;
    let (daemon, _) = world.house.run().await;
    world.send_webhooks();
    for _ in 0..noteables {
        let issue = world.issue();
        world.gitlab.comment(world.mara, issue, "/flag link checkout_v2").unwrap();
    }
    let wanted = usize::try_from(noteables).unwrap();
    panels(&world, wanted, "⚪ off").await;
    world.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();

    let [mut ours, mut floors, mut edits] = [Vec::new(), Vec::new(), Vec::new()];
    let mut on = false;
    for _ in 0..rounds {
        on = !on;
        world.gitlab.faults().clear_log();
        let begun = Instant::now();
        world.ada.switch("checkout_v2", "production", on).unwrap();
        panels(&world, wanted, if on { "🟢 on" } else { "production`, value" }).await;
        ours.push(begun.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        edits.push(world.gitlab.faults().count("PUT", r"/notes/\d+$") as f64);
        floors.push(floor(&world).await.as_secs_f64());
    }
    let ratio = median(ours.iter().zip(&floors).map(|(ours, floor)| floor / ours).collect());
    let mut table = Table::new(&["issues", "flaglink s", "bare client s", "of the floor", "edits"]);
    table.row([
        noteables.to_string(),
        format!("{:.2}", median(ours)),
        format!("{:.2}", median(floors)),
        format!("{ratio:.2}"),
        format!("{:.0}", median(edits)),
    ]);
    table.print(&format!("One change of a flag, until every panel is true, {rounds} rounds"));
    daemon.end().await;
}

/// Waits until so many panels say this in their last line about production.
async fn panels(world: &World, wanted: usize, says: &str) {
    let bot = world.bot;
    world
        .gitlab
        .until(PATIENCE, |model| {
            let panels = model.notes.values().filter(|note| note.author == bot);
            panels
                .filter(|note| row_of_production(&note.body).is_some_and(|cell| says_so(cell, says)))
                .count()
                >= wanted
        })
        .await
        .unwrap();
}

fn says_so(cell: &str, says: &str) -> bool {
    if says.starts_with('🟢') { cell.starts_with("🟢") } else { cell.starts_with("⚪") }
}

/// The last cell of the flag's row.
fn row_of_production(panel: &str) -> Option<&str> {
    let row = panel
        .lines()
        .find(|line| line.starts_with("| [`checkout_v2`]") || line.starts_with("| `checkout_v2`"))?;
    row.trim_end_matches('|').rsplit(" | ").next().map(str::trim)
}

/// Reads and writes every panel once, as it stands.
async fn floor(world: &World) -> Duration {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let notes: Vec<(String, String)> = world.gitlab.read(|model| {
        let panels = model.notes.values().filter(|note| note.author == world.bot);
        let page = |note: &flaglink::sandbox::gitlab::Note| {
            let iid = model.noteables[&note.on].place.iid;
            let url = format!(
                "{}/api/v4/projects/{}/issues/{iid}/notes/{}",
                world.gitlab.url(),
                world.shop,
                note.id
            );
            (url, note.body.clone())
        };
        panels.filter(|note| row_of_production(&note.body).is_some()).map(page).collect()
    });
    let places = Arc::new(Semaphore::new(IN_FLIGHT));
    let begun = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for (url, body) in notes {
        let (client, places, token) = (client.clone(), Arc::clone(&places), world.bot_token.clone());
        all.spawn(async move {
            let _place = places.acquire().await.unwrap();
            let read = client.get(&url).header("PRIVATE-TOKEN", &token).send().await.unwrap();
            assert!(read.status().is_success());
            read.bytes().await.unwrap();
            let json = serde_json::json!({ "body": body });
            let wrote = client.put(&url).header("PRIVATE-TOKEN", &token).json(&json).send().await.unwrap();
            assert!(wrote.status().is_success());
            wrote.bytes().await.unwrap();
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    begun.elapsed()
}
