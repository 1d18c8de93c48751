//! What people, GitLab and chance do to webhooks, and what flaglink does about it.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::level;
use jiff::Timestamp;

use crate::kit::{Flaglink, PATIENCE, Place, path_of};

#[tokio::test]
async fn what_people_changed_is_put_right_and_what_they_deleted_is_made_again() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.every = "1s";
    flaglink.start(&place).await;
    let before = place.hook_of(place.shop);
    place.change_hook(before.id, |hook| {
        hook.events.remove("confidential_note_events");
        hook.events.insert("push_events".to_owned());
        hook.url = "https://example.com/somewhere".to_owned();
    });
    flaglink.looks(&place, 2).await;
    let after = place.hook_of(place.shop);
    assert_eq!((after.id, &after.events, &after.url), (before.id, &before.events, &before.url));
    assert_eq!(after.token, before.token);

    place.gitlab.change(|model| model.hooks.remove(&before.id));
    flaglink.looks(&place, 2).await;
    let again = place.hook_of(place.shop);
    assert_ne!(again.id, before.id);
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.stop().await;
}

/// By its id it is still ours, whatever somebody wrote behind the address.
#[tokio::test]
async fn a_webhook_that_was_given_another_path_too_is_put_right_and_not_made_again() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.every = "1s";
    flaglink.start(&place).await;
    let before = place.hook_of(place.shop);
    place.change_hook(before.id, |hook| {
        hook.url = "http://old.example.com/hooks/gitlab/abc".to_owned();
        hook.token = Some("wrong".to_owned());
        hook.events.remove("issues_events");
    });
    flaglink.looks(&place, 2).await;
    let after = place.hook_of(place.shop);
    assert_eq!((after.id, &after.events, &after.url), (before.id, &before.events, &before.url));
    assert_eq!(after.token, before.token);
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.stop().await;
}

/// A copy of ours, as a person makes it who wants to be sure.
#[tokio::test]
async fn a_double_is_removed() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    place.gitlab.change(|model| {
        let mut double = hook.clone();
        double.id += 100;
        model.hooks.insert(double.id, double);
    });
    flaglink.restart(&place).await;
    assert_eq!(place.hook_of(place.shop).id, hook.id);
    flaglink.stop().await;
}

#[tokio::test]
async fn a_secret_that_was_changed_in_gitlab_is_sent_again_after_the_first_refusal() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.every = "1s";
    flaglink.start(&place).await;
    let before = place.hook_of(place.shop);
    place.change_hook(before.id, |hook| hook.token = Some("what-a-person-typed".to_owned()));
    let issue = place.issue(place.shop);
    flaglink.hears(&place, issue, "/flag list").await;
    flaglink.looks(&place, 2).await;
    assert_eq!(place.hook_of(place.shop).token, before.token);
    flaglink.works(&place, issue).await;
    flaglink.stop().await;
}

#[tokio::test]
async fn from_19_on_a_missing_secret_is_seen_without_a_refusal() {
    let place = Place::new().await;
    place.gitlab.change(|model| "19.1.0-ee".clone_into(&mut model.settings.version));
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let before = place.hook_of(place.shop);
    place.change_hook(before.id, |hook| (hook.token, hook.signing_token) = (None, None));
    flaglink.restart(&place).await;
    let after = place.hook_of(place.shop);
    assert_eq!((&after.token, &after.signing_token), (&before.token, &before.signing_token));
    flaglink.stop().await;
}

#[tokio::test]
async fn a_role_that_is_too_small_is_told_with_what_to_do() {
    let place = Place::with_role(level::DEVELOPER).await;
    let mut flaglink = Flaglink::new();
    flaglink.every = "1s";
    flaglink.start(&place).await;
    assert!(place.hooks_of(place.shop).is_empty());
    let (status, said) = flaglink.admin("/readyz").await;
    assert_eq!(status, 200, "comments are looked for all the same: {said}");
    assert!(
        said.contains("the webhook of shop/web: ") && said.contains("Make the bot a Maintainer"),
        "{said}"
    );
    place.gitlab.member(place.shop, place.bot, level::MAINTAINER);
    flaglink.looks(&place, 2).await;
    place.hook_of(place.shop);
    assert_eq!(flaglink.admin("/readyz").await, (200, "ready".to_owned()));
    flaglink.stop().await;
}

#[tokio::test]
async fn an_address_that_gitlab_does_not_take_is_told_with_the_setting_that_allows_it() {
    let place = Place::new().await;
    place.gitlab.change(|model| model.settings.local_hooks = false);
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let (_, said) = flaglink.admin("/readyz").await;
    assert!(said.contains(&flaglink.public) && said.contains("Outbound requests"), "{said}");
    flaglink.stop().await;
}

/// An address that is refused leaves everything as it was: the old path is good, and no second webhook is made.
#[tokio::test]
async fn a_change_that_fails_leaves_a_webhook_that_works() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let before = place.hook_of(place.shop);
    flaglink.stop().await;
    flaglink.public = "http://10.1.2.3:8080".to_owned();
    let refused = place.gitlab.faults().add(Rule::new("PUT", "/hooks/", Fault::status(422)));
    flaglink.start(&place).await;
    let still = place.hook_of(place.shop);
    assert_eq!((still.id, &still.url, &still.token), (before.id, &before.url, &before.token));
    flaglink.works(&place, place.issue(place.shop)).await;
    place.gitlab.faults().remove(refused);
    flaglink.restart(&place).await;
    let after = place.hook_of(place.shop);
    assert!(after.id == before.id && after.url.starts_with(&flaglink.public), "{}", after.url);
    flaglink.stop().await;
}

#[tokio::test]
async fn one_that_gitlab_switched_off_is_on_again_and_what_it_missed_is_caught_up() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    let issue = place.issue(place.shop);
    flaglink.works(&place, issue).await;
    flaglink.stop().await;
    let note = place.gitlab.comment(place.mara, issue, "/flag list").unwrap();
    place.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    place.gitlab.change(|model| {
        model.settings.auto_disable_hooks = true;
        let hook = model.hooks.get_mut(&hook.id).unwrap();
        (hook.failures, hook.disabled_until) = (40, Some(Timestamp::MAX));
    });
    flaglink.start(&place).await;
    flaglink.daemon().settled().await;
    let after = place.hook_of(place.shop);
    assert_eq!((after.id, &after.url), (hook.id, &hook.url));
    assert!(after.disabled_until.is_none(), "a test that succeeds switches it on");
    assert!(place.gitlab.read(|model| model.reactions(note, place.bot).contains(&"white_check_mark")));
    flaglink.works(&place, issue).await;
    flaglink.stop().await;
}

/// GitLab is away at the start, and comes back.
#[tokio::test]
async fn where_gitlab_is_away_it_is_asked_again() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    let away = place.gitlab.faults().add(Rule::new("*", "/hooks", Fault::status(502)));
    flaglink.start(&place).await;
    assert!(place.hooks_of(place.shop).is_empty());
    place.gitlab.faults().remove(away);
    // Not an hour later: what passes by itself is looked at again soon.
    while place.hooks_of(place.shop).is_empty() {
        flaglink.looks(&place, 1).await;
    }
    assert!(!path_of(&place.hook_of(place.shop)).is_empty());
    flaglink.stop().await;
}
