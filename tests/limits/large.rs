//! Many large deliveries wait: on the disk, and not in memory.
//!
//! `FLAGLINK_LARGE=200 cargo test --test limits -- large` sends that many of 20 MB in place of an ordinary run's smaller ones.

use flaglink::sandbox::faults::{Fault, Received, Rule};

use crate::place::{Daemon, PATIENCE, Place, letters};

const MIB: usize = 1024 * 1024;

/// What the daemon may hold when so many deliveries of that size come one after the other, in KiB. The one that comes in: as it
/// came, packed, in the batch that is written, and in the database's buffers. Of those that wait two at a time, each packed
/// and unpacked. The database's cache (32 MiB), what it knows of where each piece of 4 KiB lies (about 60 bytes), and what the
/// program is without any of that.
fn bound(size: usize, count: usize) -> u64 {
    let (coming, waiting, cache, program) = (4 * size, 2 * 2 * size, 32 * MIB, 96 * MIB);
    let places = size * count / 64;
    u64::try_from((coming + waiting + cache + places + program) / 1024).unwrap()
}

fn assert_small(daemon: &Daemon, size: usize, waits: usize) {
    let (most, now) = (daemon.memory("VmHWM"), daemon.memory("VmRSS"));
    println!("at most {} MiB, now {} MiB, while {} MiB wait", most / 1024, now / 1024, waits * size / MIB);
    let bound = bound(size, waits);
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
    assert!(u64::try_from(count * size / 1024).unwrap() > bound(size, count), "or it could all be in memory");
    let mut place = Place::new("").await;
    if long.is_some() {
        // All of it is read at the start, and taken away in the end.
        place.patience = 20 * PATIENCE;
    }
    let daemon = place.start().await;
    place.until_ready(200).await;
    let hangs = place.gitlab_hangs();
    let more = letters(size, 7);
    let mut notes = Vec::new();
    for _ in 0..count {
        // Each on a page of its own: they are all tried side by side.
        let (note, webhook) = place.comment_on(place.issue(), "/flag link checkout_v2", &more);
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
    let down = place.gitlab.faults().add(Rule::everything(Fault::status(503)));
    let daemon = place.start().await;
    let tried = |times: usize| {
        let asked = format!("/projects/{}", place.shop());
        move |log: &[Received]| log.iter().filter(|one| one.path.contains(&asked)).count() >= times * count
    };
    place.gitlab.faults().until(2 * place.patience, tried(1)).await.unwrap();
    assert!(place.waits().await.0 >= count as u64);
    assert_small(&daemon, size, count);
    // Nor are they read again each time that they are tried.
    let before = daemon.has_read();
    place.gitlab.faults().until(2 * place.patience, tried(4)).await.unwrap();
    let read = daemon.has_read() - before;
    assert!(read < u64::try_from(count * size / 2).unwrap(), "{read} bytes of {}", count * size);
    place.gitlab.faults().remove(down);
    place.until_done(&notes).await;
    assert_small(&daemon, size, count);
    daemon.stop().await;
}
