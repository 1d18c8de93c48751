//! From a comment's webhook to the answered comment, less the time that GitLab and Flagsmith take themselves: the bot's
//! own share. Beside it, what one wait for the disk costs, since every step is on disk before the next one begins.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails says so")]

mod support;

use std::time::{Duration, Instant};

use flaglink::sandbox::faults::Received;
use support::load::{connect, send};
use support::world::World;
use support::{Table, ms, note, only_asked, setting, times};

const PATIENCE: Duration = Duration::from_secs(20);

fn main() {
    if only_asked() {
        return;
    }
    let samples = setting("FLAGLINK_BENCH_SAMPLES", 300);
    tokio::runtime::Runtime::new().unwrap().block_on(all(samples));
}

async fn all(samples: u64) {
    let world = World::new().await;
    let (daemon, _) = world.house.run().await;
    let mut webhooks = connect(world.house.webhooks).await;
    let mut table = Table::new(&[
        "comment",
        "whole p50 ms",
        "servers' p50",
        "own share p50",
        "own share p99",
        "requests",
        "waits for the disk p50",
    ]);
    for text in ["/flag help", "/flag list", "/flag status checkout_v2"] {
        let [mut whole, mut theirs, mut own, mut disk] = [times(), times(), times(), times()];
        let mut requests = 0;
        for sample in 0..samples + 20 {
            let issue = world.issue();
            let comment = world.gitlab.comment(world.mara, issue, text).unwrap();
            world.gitlab.faults().clear_log();
            world.flagsmith.faults().clear_log();
            let request = world.webhook(issue, comment, text);
            let begun = Instant::now();
            send(&mut webhooks, request).await;
            let answered = |log: &[Received]| {
                log.iter()
                    .any(|one| one.method == "POST" && one.path.ends_with("/notes") && one.status.is_some())
            };
            world.gitlab.faults().until(PATIENCE, answered).await.unwrap();
            let took = begun.elapsed();
            // What came after the answer (a reaction that says "done") is not part of it.
            let log = world.gitlab.faults().log();
            let last =
                log.iter().position(|one| one.method == "POST" && one.path.ends_with("/notes")).unwrap();
            let asked: Vec<Received> =
                log.into_iter().take(last + 1).chain(world.flagsmith.faults().log()).collect();
            let servers: Duration = asked.iter().filter_map(|one| one.took).sum();
            // The rest of it (✅) is not to run into the next sample.
            let done = |log: &[Received]| {
                log.iter().filter(|one| one.path.contains("/award_emoji") && one.status.is_some()).count()
                    >= 2
            };
            world.gitlab.faults().until(PATIENCE, done).await.unwrap();
            if sample < 20 {
                continue;
            }
            requests = asked.len();
            note(&mut whole, took);
            note(&mut theirs, servers);
            note(&mut own, took.saturating_sub(servers));
            note(&mut disk, wait_for_disk(&world));
        }
        table.row([
            format!("`{text}`"),
            format!("{:.2}", ms(&whole, 0.5)),
            format!("{:.2}", ms(&theirs, 0.5)),
            format!("{:.2}", ms(&own, 0.5)),
            format!("{:.2}", ms(&own, 0.99)),
            requests.to_string(),
            format!("{:.2}", ms(&disk, 0.5)),
        ]);
    }
    table.print(&format!("From a webhook to the answered comment, {samples} each"));
    daemon.end().await;
}

/// What one small append and `fdatasync` take where the store lies.
fn wait_for_disk(world: &World) -> Duration {
    use std::io::Write as _;
    let mut file =
        std::fs::OpenOptions::new().create(true).append(true).open(world.house.path().join("probe")).unwrap();
    let begun = Instant::now();
    file.write_all(&[7; 1024]).unwrap();
    file.sync_data().unwrap();
    begun.elapsed()
}
