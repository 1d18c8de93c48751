//! So much waits that nothing more is taken.

use crate::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_refused_until_less_waits_and_nothing_is_half_kept() {
    let place = Place::new("backlog = 4").await;
    let daemon = place.start().await;
    place.until_ready(200).await;
    let hangs = place.gitlab_hangs();
    let mut notes = Vec::new();
    let mut sent = Vec::new();
    for _ in 0..4 {
        let (note, webhook) = place.comment("/flag status checkout_v2", "");
        assert_eq!(place.sends(&webhook).await, (200, false));
        notes.push(note);
        sent.push(webhook);
    }

    let (late, webhook) = place.comment("/flag list", "");
    for _ in 0..3 {
        assert_eq!(place.sends(&webhook).await, (503, true), "it says when to come again");
    }
    assert_eq!(place.sends(&sent[0]).await, (200, false), "it is there already");
    let said = place.until_ready(503).await;
    assert!(said.contains("4 deliveries and commands wait, and `backlog` in [limits] is 4"), "{said}");
    let (_, metrics) = place.ask("/metrics").await.unwrap();
    let counted = "flaglink_deliveries_total{source=\"gitlab\",answer=\"full\"} 3";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");

    place.gitlab_is_back(hangs);
    place.until_answered(&notes).await;
    place.until_ready(200).await;
    assert!(place.gitlab.read(|model| model.reactions(late, model.notes[&late].author).is_empty()));
    assert_eq!(place.sends(&webhook).await, (200, false), "it was not kept before");
    notes.push(late);
    place.until_answered(&notes).await;
    daemon.stop().await;
}
