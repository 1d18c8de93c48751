//! A token or key that was taken back: everything that needs it waits, the readiness says what to do, and nothing is lost.

use std::time::Duration;

use super::place::{At, Flags, Place};
use super::{LONG, Story, linked};
use crate::kit::{dead, queue, until_queue};
use crate::town::Town;

/// Nothing can be read from GitLab or written there: nobody sees anything until there is a token again.
pub(super) async fn gitlab_takes_the_token_back() {
    let mut place = Place::new(Flags::Flagsmith).await;
    place.accept(At::Gitlab, false);
    // It asks at its start whether its tokens are good, and then every minute.
    place.town.stop().await;
    place.town.start().await;
    let note = place.town.gitlab.comment(place.town.mara, place.issue, Story::Link.command()).unwrap();
    until_queue(&place.town, |queue| queue["inbox"].to_string().contains("401")).await;
    until_ready_says(&place.town, "gitlab: GitLab does not accept the access token").await;
    assert!(dead(&place.town).await.is_empty());
    place.town.assert_silence(place.issue);
    goes_on(place, At::Gitlab, note).await;
}

/// What needs no flag service is done, the rest waits.
pub(super) async fn a_service_takes_its_key_back(flags: Flags) {
    let mut place = Place::new(flags).await;
    place.accept(At::Service, false);
    place.town.stop().await;
    place.town.start().await;
    let (town, issue) = (&place.town, place.issue);
    let note = town.gitlab.comment(town.mara, issue, Story::Link.command()).unwrap();
    until_queue(town, |queue| queue["inbox"].to_string().contains("401")).await;
    let taken = |model: &flaglink::sandbox::gitlab::Model| {
        model.reactions(note, town.bot) == ["eyes"] && model.notes_by(issue, town.bot).len() == 1
    };
    town.gitlab.until(LONG, taken).await.unwrap();
    until_ready_says(town, "does not accept the key: mistyped, expired or deleted?").await;
    assert!(dead(town).await.is_empty());
    goes_on(place, At::Service, note).await;
}

/// The token is good again.
async fn goes_on(place: Place, at: At, note: u64) {
    place.accept(at, true);
    place.rest(LONG).await;
    assert_eq!(linked(&place, note), Vec::<String>::new());
    assert_eq!(queue(place.town.daemon().admin()).await.unwrap()["counts"]["dead"], 0);
    until_ready_says(&place.town, "ready").await;
    place.end().await;
}

async fn until_ready_says(town: &Town, wanted: &str) {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let address = format!("http://{}/readyz", town.daemon().admin());
    let said = async {
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        loop {
            tick.tick().await;
            let said = client.get(&address).send().await.unwrap().text().await.unwrap();
            if said.contains(wanted) {
                return;
            }
        }
    };
    assert!(tokio::time::timeout(LONG, said).await.is_ok(), "the readiness does not say: {wanted}");
}
