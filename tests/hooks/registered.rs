//! One webhook for each project, with an address and a secret of its own.

use std::collections::BTreeSet;

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{HookSpec, Visibility, level};

use crate::kit::{Flaglink, Place, path_of};
use crate::told::said;

#[tokio::test]
async fn a_first_start_registers_one_webhook_per_project_and_a_comment_works() {
    let place = Place::new().await;
    let second = place.project("shop/deep/api");
    let elsewhere = place.project("other/thing");
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;

    assert!(place.hooks_of(elsewhere).is_empty(), "no rule matches it");
    let (hook, other) = (place.hook_of(place.shop), place.hook_of(second));
    assert!(hook.url.starts_with(&format!("{}/hooks/gitlab/", flaglink.public)), "{}", hook.url);
    assert_ne!(path_of(&hook), path_of(&other));
    assert!(hook.token.is_some() && hook.token != other.token);
    let events: BTreeSet<&str> = hook.events.iter().map(String::as_str).collect();
    let wanted = [
        "note_events",
        "confidential_note_events",
        "issues_events",
        "confidential_issues_events",
        "merge_requests_events",
    ];
    assert_eq!(events, BTreeSet::from(wanted));
    assert_eq!(hook.name.as_deref(), Some("flaglink"));
    assert!(hook.signing_token.is_none(), "18.5 takes none");

    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.works(&place, place.issue(second)).await;

    // Nothing is sent again, and no other webhook is made.
    let writes = place.writes();
    assert_eq!(writes, 2);
    flaglink.restart(&place).await;
    assert_eq!(place.writes(), writes);
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.stop().await;
}

#[tokio::test]
async fn a_new_address_gets_new_secrets_and_the_old_path_stays_good() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let before = place.hook_of(place.shop);
    let issue = place.issue(place.shop);
    flaglink.works(&place, issue).await;

    flaglink.stop().await;
    flaglink.moves();
    flaglink.start(&place).await;
    let after = place.hook_of(place.shop);
    assert_eq!(after.id, before.id);
    assert!(after.url.starts_with(&flaglink.public), "{}", after.url);
    assert!(after.token.is_some() && after.token != before.token, "the secret is sent with the address");
    assert_ne!(path_of(&after), path_of(&before));
    flaglink.works(&place, issue).await;

    // What GitLab sends again goes to the old path, with the old secret.
    let old = before.token.clone().unwrap();
    let body = serde_json::json!({ "object_kind": "push", "project_id": place.shop });
    assert_eq!(flaglink.post(&path_of(&before), &old, &body).await, 200);
    assert_eq!(flaglink.post(&path_of(&after), &old, &body).await, 401);
    flaglink.stop().await;
}

#[tokio::test]
async fn a_webhook_whose_making_went_unheard_is_not_made_twice() {
    let story = async |fault| {
        let place = Place::new().await;
        let mut flaglink = Flaglink::new();
        flaglink.every = "1s";
        let caught = place.gitlab.faults().add(Rule::new("POST", "/hooks$", fault).times(1));
        flaglink.start(&place).await;
        assert_eq!(place.gitlab.faults().hits(caught), 1);
        while place.hooks_of(place.shop).is_empty() {
            flaglink.looks(&place, 1).await;
        }
        flaglink.looks(&place, 1).await;
        let hook = place.hook_of(place.shop);
        assert!(hook.token.is_some());
        flaglink.works(&place, place.issue(place.shop)).await;
        flaglink.stop().await;
    };
    tokio::join!(story(Fault::WorkThenClose), story(Fault::Close), story(Fault::status(500)));
}

#[tokio::test]
async fn two_installations_leave_each_others_webhooks_alone() {
    let place = Place::new().await;
    let (mut one, mut other) = (Flaglink::new(), Flaglink::new());
    one.start(&place).await;
    let first = place.hook_of(place.shop);
    other.start(&place).await;
    let hooks = place.hooks_of(place.shop);
    assert_eq!(hooks.len(), 2);
    one.restart(&place).await;
    other.moves();
    other.restart(&place).await;
    let hooks = place.hooks_of(place.shop);
    assert_eq!(hooks.len(), 2);
    let kept = hooks.iter().find(|hook| hook.id == first.id).unwrap();
    assert_eq!((&kept.url, &kept.token), (&first.url, &first.token));
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn where_the_store_was_lost_its_webhook_is_known_by_its_path() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let before = place.hook_of(place.shop);
    flaglink.stop().await;
    std::fs::remove_dir_all(flaglink.folder.path().join("store")).unwrap();
    flaglink.start(&place).await;
    let after = place.hook_of(place.shop);
    assert_eq!((after.id, &after.url, &after.token), (before.id, &before.url, &before.token));
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.stop().await;
}

/// With another key neither paths nor secrets are as they were; the webhook is still the one whose id is kept.
#[tokio::test]
async fn with_another_marker_key_everything_is_sent_again() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let before = place.hook_of(place.shop);
    flaglink.stop().await;
    flaglink.write("marker-key", &"5a".repeat(32));
    flaglink.start(&place).await;
    let after = place.hook_of(place.shop);
    assert_eq!(after.id, before.id);
    assert!(after.url != before.url && after.token != before.token);
    flaglink.works(&place, place.issue(place.shop)).await;
    // The old secret could be known to whoever has the old key.
    let body = serde_json::json!({ "object_kind": "push", "project_id": place.shop });
    assert_eq!(flaglink.post(&path_of(&before), before.token.as_deref().unwrap(), &body).await, 404);
    flaglink.stop().await;
}

#[tokio::test]
async fn a_body_about_another_project_is_of_no_use_over_a_registered_path() {
    let place = Place::new().await;
    let second = place.project("shop/api");
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    let issue = place.issue(second);
    // Only the webhook of the first project tells of it.
    let stolen = place.hook_of(second).id;
    place.change_hook(stolen, |hook| hook.events.clear());
    let note = flaglink.hears(&place, issue, "/flag list").await;
    let body = |project: u64| {
        serde_json::json!({
            "object_kind": "note",
            "project_id": project,
            "project": { "id": project, "path_with_namespace": "shop/api" },
            "user": { "id": place.mara },
            "object_attributes": {
                "id": note, "note": "/flag list", "noteable_type": "Issue", "author_id": place.mara,
            },
            "issue": { "iid": issue.iid },
        })
    };
    let secret = hook.token.clone().unwrap();
    assert_eq!(flaglink.post(&path_of(&hook), &secret, &body(second)).await, 200);
    flaglink.daemon().settled().await;
    assert!(place.gitlab.read(|model| model.reactions(note, place.bot).is_empty()));
    let ignored = "flaglink_ignored_total{source=\"gitlab\",reason=\"other_project\"}";
    assert_eq!(flaglink.metric(ignored).await, 1);
    // Over its own path the same body works.
    let own = place.hook_of(second);
    assert_eq!(flaglink.post(&path_of(&own), own.token.as_deref().unwrap(), &body(second)).await, 200);
    flaglink.daemon().settled().await;
    assert!(!place.gitlab.read(|model| model.reactions(note, place.bot).is_empty()));
    flaglink.stop().await;
}

#[tokio::test]
async fn from_19_on_deliveries_are_signed_and_the_signature_is_checked() {
    let place = Place::new().await;
    place.gitlab.change(|model| "19.1.0-ee".clone_into(&mut model.settings.version));
    let mut flaglink = Flaglink::new();
    flaglink.gitlab = "require_signature = true".to_owned();
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    assert!(hook.signing_token.as_deref().unwrap().starts_with("whsec_"));
    flaglink.works(&place, place.issue(place.shop)).await;
    let body = serde_json::json!({ "object_kind": "push", "project_id": place.shop });
    assert_eq!(flaglink.post(&path_of(&hook), hook.token.as_deref().unwrap(), &body).await, 401, "unsigned");
    // A refused request is a reason to send the secrets again, and nothing comes of it but that.
    flaglink.restart(&place).await;
    assert_eq!(place.writes(), 1);
    flaglink.stop().await;
}

/// An upgrade of GitLab brings the signature.
#[tokio::test]
async fn after_an_upgrade_to_19_the_signing_token_is_sent_once() {
    let place = Place::new().await;
    place.gitlab.change(|model| "16.11.0".clone_into(&mut model.settings.version));
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    assert!(hook.name.is_none() && hook.signing_token.is_none());
    place.gitlab.change(|model| "19.1.0".clone_into(&mut model.settings.version));
    // Until then nothing is wrong: what comes with the secret token is taken.
    let (_, listed, _) = said(&flaglink, &["hooks", "list"]).await;
    assert!(listed.contains(&format!("✔ shop/web (project): webhook {}", hook.id)), "{listed}");
    let (_, told, _) = said(&flaglink, &["hooks", "sync", "--dry-run"]).await;
    let change = format!("webhook {} changed: what it sends is signed from now on", hook.id);
    assert!(told.contains(&change), "{told}");
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.restart(&place).await;
    assert!(place.hook_of(place.shop).signing_token.is_some());
    assert_eq!(place.writes(), 2);
    flaglink.restart(&place).await;
    assert_eq!(place.writes(), 2);
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.stop().await;
}

#[tokio::test]
async fn with_a_secret_for_webhooks_made_by_hand_nothing_is_registered() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.gitlab = "webhook_secret_file = \"by-hand\"".to_owned();
    flaglink.write("by-hand", "a-secret-that-was-made-by-hand");
    flaglink.start(&place).await;
    assert!(place.hooks_of(place.shop).is_empty());
    assert_eq!(place.writes(), 0);
    let url = format!("{}/hooks/gitlab", flaglink.public);
    place.gitlab.hook(place.shop, HookSpec::everything(&url, "a-secret-that-was-made-by-hand"));
    flaglink.works(&place, place.issue(place.shop)).await;
    // Both at once, where it is said.
    flaglink.gitlab.push_str("\nregister_hooks = true");
    flaglink.restart(&place).await;
    assert_eq!(place.hooks_of(place.shop).len(), 2);
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.stop().await;
}

/// A project that comes later has its webhook with the next look, and one that a rule leaves out loses it.
#[tokio::test]
async fn projects_come_and_go() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.every = "1s";
    flaglink.start(&place).await;
    let later = place.project("shop/later");
    flaglink.looks(&place, 2).await;
    place.hook_of(later);
    let stranger = place.gitlab.project("shop/strange", Visibility::Private);
    place.gitlab.member(stranger, place.mara, level::MAINTAINER);
    flaglink.looks(&place, 2).await;
    assert!(place.hooks_of(stranger).is_empty(), "the bot is no member");
    flaglink.rule = "hooks = \"none\"".to_owned();
    flaglink.restart(&place).await;
    assert!(place.hooks_of(later).is_empty() && place.hooks_of(place.shop).is_empty());
    flaglink.stop().await;
}

/// What the configuration says about webhooks is followed when it is read again.
#[tokio::test]
async fn a_reload_brings_new_rules_their_webhooks() {
    let place = Place::new().await;
    let other = place.project("other/thing");
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    assert!(place.hooks_of(other).is_empty());
    flaglink.more = "[[projects]]\nmatch = \"other/**\"".to_owned();
    flaglink.reload(&place).await;
    flaglink.works(&place, place.issue(other)).await;
    // A signature is asked for, and this GitLab gives none.
    let hook = place.hook_of(other);
    flaglink.gitlab = "require_signature = true".to_owned();
    flaglink.reload(&place).await;
    let body = serde_json::json!({ "object_kind": "push", "project_id": other });
    assert_eq!(flaglink.post(&path_of(&hook), hook.token.as_deref().unwrap(), &body).await, 401);
    flaglink.stop().await;
}
