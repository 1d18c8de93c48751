//! The end: what runs is finished or kept, within a time, and whoever asks hears of it.

use std::time::{Duration, Instant};

use flaglink::sandbox::faults::{Fault, Rule};

use crate::place::{Daemon, PATIENCE, Place};

/// Waits until GitLab has been asked something that it does not answer.
async fn until_it_hangs(place: &Place) {
    let caught = place.gitlab.faults().until(PATIENCE, |log| log.iter().any(|one| one.fault.is_some()));
    caught.await.unwrap();
}

/// It says that it stops, and takes no webhooks any more.
async fn seen_to_stop(place: &Place, daemon: &Daemon) {
    daemon.tell("TERM");
    let said = place.until_ready(503).await;
    assert!(said.contains("flaglink is stopping"), "{said}");
    let closed = async {
        while tokio::net::TcpStream::connect(place.webhooks).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, closed).await.expect("webhooks are still taken");
    let (status, said) = place.readyz().await.expect("it is asked while it drains, and answers");
    assert_eq!(status, 503, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_finished_in_time_is_finished_before_the_end() {
    let place = Place::new("").await;
    let daemon = place.start().await;
    place.until_ready(200).await;
    let slow = place.gitlab.faults().add(Rule::new("POST", "award_emoji", Fault::HoldAnswer).times(1));
    let note = place.says("/flag list").await;
    until_it_hangs(&place).await;
    seen_to_stop(&place, &daemon).await;
    place.gitlab_is_back(slow);
    let ended = daemon.ended().await;
    assert_eq!(ended.code(), Some(0), "{ended}\n{}", place.log());
    assert!(!place.log().contains("not everything was finished"), "{}", place.log());

    let daemon = place.start().await;
    place.until_answered(&[note]).await;
    assert_eq!(place.gitlab.faults().requests("POST", "award_emoji").len(), 2, "nothing was sent again");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_at_gitlab_is_kept_and_done_once_after_the_next_start() {
    let place = Place::new("drain = \"2s\"").await;
    let daemon = place.start().await;
    place.until_ready(200).await;
    let hangs = place.gitlab_hangs();
    let notes = [place.says("/flag list").await, place.says("/flag status checkout_v2").await];
    until_it_hangs(&place).await;
    let began = Instant::now();
    seen_to_stop(&place, &daemon).await;
    let ended = daemon.ended().await;
    assert_eq!(ended.code(), Some(0), "{ended}\n{}", place.log());
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(12), "it took {took:?}");
    assert!(place.log().contains("the rest goes on at the next start"), "{}", place.log());

    place.gitlab_is_back(hangs);
    place.gitlab.faults().clear();
    let daemon = place.start().await;
    place.until_answered(&notes).await;
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn told_twice_it_ends_at_once_and_nothing_is_lost() {
    for signal in ["TERM", "INT"] {
        let place = Place::new("").await;
        let daemon = place.start().await;
        place.until_ready(200).await;
        let hangs = place.gitlab_hangs();
        let note = place.says("/flag list").await;
        until_it_hangs(&place).await;
        seen_to_stop(&place, &daemon).await;
        let began = Instant::now();
        daemon.tell(signal);
        let ended = daemon.ended().await;
        assert_eq!(ended.code(), Some(1), "it was not finished: {ended}");
        assert!(began.elapsed() < Duration::from_secs(10), "the drain would have taken 25 s");
        place.gitlab_is_back(hangs);
        place.gitlab.faults().clear();
        let daemon = place.start().await;
        place.until_answered(&[note]).await;
        daemon.stop().await;
    }
}
