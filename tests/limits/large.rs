//! Many large deliveries wait: on the disk, and not in memory.
//!
//! `FLAGLINK_LARGE=200 cargo test --test limits -- large` sends that many of 20 MB in place of an ordinary run's smaller ones.

use crate::place::{Daemon, Place, letters};

const MIB: usize = 1024 * 1024;

/// What the daemon may hold when deliveries of that size come one after the other, in KiB. The one that comes in: as it came,
/// packed, in the batch that is written, and in the database's buffers. Of those that wait two at a time, each packed and
/// unpacked. The database's cache (32 MiB), and what the program is without any of that.
fn bound(size: usize) -> u64 {
    let (coming, waiting, cache, program) = (4 * size, 2 * 2 * size, 32 * MIB, 96 * MIB);
    u64::try_from((coming + waiting + cache + program) / 1024).unwrap()
}

fn assert_small(daemon: &Daemon, size: usize, waits: usize) {
    let (most, now) = (daemon.memory("VmHWM"), daemon.memory("VmRSS"));
    println!("at most {} MiB, now {} MiB, while {} MiB wait", most / 1024, now / 1024, waits * size / MIB);
    let bound = bound(size);
    assert!(
        most < bound,
        "{most} KiB, and not more than {bound} were to be; {} MiB wait",
        waits * size / MIB
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn large_deliveries_wait_on_the_disk_and_not_in_memory() {
    let long: Option<usize> = std::env::var("FLAGLINK_LARGE").ok().and_then(|n| n.parse().ok());
    let (count, size) = long.map_or((36, 5 * MIB), |count| (count, 20 * 1000 * 1000));
    assert!(u64::try_from(count * size / 1024).unwrap() > bound(size), "or it could all be in memory");
    let place = Place::new("").await;
    let daemon = place.start().await;
    place.until_ready(200).await;
    let hangs = place.gitlab_hangs();
    let more = letters(size, 7);
    let mut notes = Vec::new();
    for _ in 0..count {
        let (note, webhook) = place.comment("/flag link checkout_v2", &more);
        assert_eq!(place.sends(&webhook).await, (200, false), "{}", place.log());
        notes.push(note);
    }
    drop(more);
    assert!(place.waits().await.0 >= count as u64);
    assert_small(&daemon, size, count);

    // At the start all that waits is looked through.
    daemon.tell("KILL");
    daemon.ended().await;
    place.gitlab_is_back(hangs);
    place.gitlab.faults().clear();
    let hangs = place.gitlab_hangs();
    let daemon = place.start().await;
    assert!(place.waits().await.0 >= count as u64);
    assert_small(&daemon, size, count);
    place.gitlab_is_back(hangs);
    place.until_done(&notes).await;
    assert_small(&daemon, size, count);
    daemon.stop().await;
}
