//! The real program is killed, again and again, while people go on working with three flag services; in the end everything
//! that was asked for has happened once.
//!
//! What random means is said by a seed, which is printed. `FLAGLINK_SEED=N` runs that one again (as far as the machine's timing
//! lets it), `FLAGLINK_KILLS=100` goes on for longer than an ordinary run.

mod chance;
mod daemon;
mod flags;
mod moments;
mod people;
mod place;
mod rest;
mod truth;

use chance::{any_seed, number};
use moments::Moment;
use place::Place;

/// How many moments an ordinary run has.
const ORDINARY: u64 = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_and_everything_happens_once() {
    let seed = number("FLAGLINK_SEED").unwrap_or_else(any_seed);
    let kills = number("FLAGLINK_KILLS").unwrap_or(ORDINARY);
    println!("FLAGLINK_SEED={seed} FLAGLINK_KILLS={kills}");
    let mut place = Place::new(seed).await;
    // The first comments come after its first start: what is older than a rule is none of its business.
    place.up().await.kill();

    for moment in Moment::plan(&mut place.chance, usize::try_from(kills).unwrap()) {
        place.kill_at(moment).await;
    }

    let daemon = place.up().await;
    place.rest().await;
    daemon.tell_to_end();
    let ended = daemon.ended();
    assert!(ended.success(), "{}", place.failed(&format!("it ended with {ended}")));
    let mut wrong = place.wrong();
    wrong.extend(place.wrong_in_the_store().await);
    assert!(wrong.is_empty(), "{}", place.failed(&wrong.join("\n")));
    let (written, pages) = (place.model.written.len(), place.model.pages.len());
    println!("{written} comments on {pages} pages, {} kills, all true", place.killed);
}
