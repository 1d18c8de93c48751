//! The webhooks at the flag services, and the event for GitLab's own flags.

use flaglink::sandbox::flagsmith::Scope;

use crate::kit::{Flaglink, Place};
use crate::told::kinds_of;

/// The addresses of the organisation's webhooks in Flagsmith.
fn addresses(place: &Place) -> Vec<String> {
    place.flagsmith.read(|world| {
        let hooks = world.webhooks.iter().filter(|hook| matches!(hook.scope, Scope::Organisation(_)));
        hooks.map(|hook| hook.url.clone()).collect()
    })
}

#[tokio::test]
async fn flagsmiths_webhook_is_registered_and_follows_the_address() {
    let place = Place::new().await;
    place.flagsmith.organisation_webhook("https://example.com/somebody-elses", "x");
    let mut flaglink = Flaglink::new();
    flaglink.flagsmith_secret = true;
    flaglink.start(&place).await;
    let other = "https://example.com/somebody-elses".to_owned();
    let first = format!("{}/hooks/providers/flagsmith", flaglink.public);
    assert_eq!(addresses(&place), [other.clone(), first]);

    // A change of a flag comes through it.
    let issue = place.issue(place.shop);
    flaglink.hears(&place, issue, "/flag link dark_mode").await;
    place.ada.switch("dark_mode", "production", true).unwrap();
    place.flagsmith.settled(crate::kit::PATIENCE).await.unwrap();
    flaglink.daemon().settled().await;
    let transcript = place.gitlab.transcript(issue);
    assert!(transcript.contains("🟢 on"), "{transcript}");

    let writes = place.flagsmith.faults().count("POST", "/webhooks/");
    flaglink.restart(&place).await;
    assert_eq!(place.flagsmith.faults().count("POST", "/webhooks/"), writes, "it stands already");
    flaglink.stop().await;
    flaglink.moves();
    flaglink.start(&place).await;
    let second = format!("{}/hooks/providers/flagsmith", flaglink.public);
    assert_eq!(addresses(&place), [other, second], "no stale one is left");
    flaglink.stop().await;
}

#[tokio::test]
async fn an_address_that_flagsmith_refuses_is_told_and_it_is_polled() {
    let place = Place::new().await;
    place.flagsmith.take_private_addresses(false);
    let mut flaglink = Flaglink::new();
    flaglink.flagsmith_secret = true;
    flaglink.start(&place).await;
    assert!(addresses(&place).is_empty());
    let (status, said) = flaglink.admin("/readyz").await;
    assert_eq!(status, 200);
    assert!(said.contains("the webhook of flagsmith: ") && said.contains("private networks"), "{said}");
    assert!(said.contains("is asked every 3600 s"), "{said}");
    flaglink.stop().await;
}

#[tokio::test]
async fn where_gitlabs_own_flags_can_be_named_their_event_is_sent_too() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.more = "[providers.own]\nkind = \"gitlab\"".to_owned();
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    assert!(hook.events.contains("feature_flag_events") && hook.events.len() == 6, "{:?}", hook.events);
    flaglink.stop().await;
}

/// `public_url` is another flaglink's by mistake: its webhook at Flagsmith has the address that ours would have.
#[tokio::test]
async fn a_webhook_of_another_flaglink_is_not_taken_for_ours() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    let url = format!("{}/hooks/providers/flagsmith", flaglink.public);
    let others = place.flagsmith.organisation_webhook(&url, "the-secret-of-another-flaglink");
    flaglink.flagsmith_secret = true;
    flaglink.start(&place).await;
    let stands = || {
        place.flagsmith.read(|world| {
            world.webhooks.iter().map(|hook| (hook.id, hook.secret.clone())).collect::<Vec<_>>()
        })
    };
    let before = vec![(others, "the-secret-of-another-flaglink".to_owned())];
    assert_eq!(stands(), before);
    let (_, said) = flaglink.admin("/readyz").await;
    assert!(said.contains("with another secret") && said.contains("public_url"), "{said}");
    assert_eq!(kinds_of(&flaglink, "flagsmith").await, ["left_alone"]);

    // Nobody needs it: ours is registered as soon as it is gone.
    place.flagsmith.change(|world| world.webhooks.clear());
    flaglink.restart(&place).await;
    assert_eq!(addresses(&place), [url]);
    flaglink.stop().await;
}
