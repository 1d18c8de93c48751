//! Webhooks that nobody wants any more: they go, and their paths are closed.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{Hook, level};
use flaglink::store::{SledStore, Store, StoreOptions};
use jiff::Timestamp;
use serde_json::json;

use crate::kit::{Flaglink, Place, client, path_of};
use crate::told::said;

/// What a genuine request over a webhook's path is answered.
async fn answer(flaglink: &Flaglink, hook: &Hook) -> u16 {
    let body = json!({ "object_kind": "push", "project_id": hook.project });
    flaglink.post(&path_of(hook), hook.token.as_deref().unwrap(), &body).await
}

fn store(flaglink: &Flaglink) -> SledStore {
    SledStore::open(&flaglink.folder.path().join("store"), StoreOptions::default()).unwrap()
}

#[tokio::test]
async fn from_a_group_to_its_projects_the_groups_webhook_goes() {
    let place = Place::new().await;
    let group = place.gitlab.group("shop");
    place.gitlab.group_member(group, place.bot, level::OWNER);
    let mut flaglink = Flaglink::new();
    flaglink.rule = "hooks = \"group\"".to_owned();
    flaglink.start(&place).await;
    let of_group = place.gitlab.read(|model| model.hooks.values().next().unwrap().clone());
    flaglink.rule = String::new();
    flaglink.reload(&place).await;
    assert!(place.gitlab.read(|model| !model.hooks.contains_key(&of_group.id)));
    assert_eq!(answer(&flaglink, &of_group).await, 404);
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.stop().await;
    assert_eq!(store(&flaglink).hooks().await.unwrap().len(), 1, "nothing is kept of it");
}

#[tokio::test]
async fn where_no_rule_matches_any_more_or_a_project_is_archived_its_webhook_goes() {
    let place = Place::new().await;
    let (other, old) = (place.project("other/thing"), place.project("shop/old"));
    let mut flaglink = Flaglink::new();
    flaglink.more = "[[projects]]\nmatch = \"other/**\"".to_owned();
    flaglink.start(&place).await;
    let (of_other, of_old) = (place.hook_of(other), place.hook_of(old));
    flaglink.more = String::new();
    place.gitlab.set_archived(old, true);
    flaglink.reload(&place).await;
    assert!(place.hooks_of(other).is_empty() && place.hooks_of(old).is_empty());
    for hook in [of_other, of_old] {
        assert_eq!(answer(&flaglink, &hook).await, 404);
    }
    place.hook_of(place.shop);
    flaglink.stop().await;
}

/// A token that sees nothing for the moment closes nothing; a bot that has left does, with the second look.
#[tokio::test]
async fn what_is_merely_not_seen_stays_until_gitlab_refuses_it_twice() {
    let place = Place::new().await;
    let left = place.project("shop/left");
    let mut flaglink = Flaglink::new();
    flaglink.every = "1s";
    flaglink.start(&place).await;
    let (hook, of_left) = (place.hook_of(place.shop), place.hook_of(left));
    let json = vec![("content-type".to_owned(), "application/json".to_owned())];
    let empty = Fault::Answer { status: 200, headers: json, body: "[]".to_owned() };
    let nothing = place.gitlab.faults().add(Rule::new("GET", "/projects(\\?|$)", empty));
    flaglink.looks(&place, 3).await;
    assert!(place.gitlab.faults().hits(nothing) > 1);
    assert_eq!((answer(&flaglink, &hook).await, place.hook_of(place.shop).id), (200, hook.id));
    place.gitlab.faults().remove(nothing);

    place.gitlab.remove_member(left, place.bot);
    flaglink.looks(&place, 4).await;
    assert_eq!(answer(&flaglink, &of_left).await, 404);
    assert_eq!(answer(&flaglink, &hook).await, 200);
    flaglink.stop().await;
    assert_eq!(store(&flaglink).hooks().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_bot_may_not_remove_is_closed_and_said() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.every = "1s";
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    place.gitlab.member(place.shop, place.bot, level::DEVELOPER);
    flaglink.rule = "hooks = \"none\"".to_owned();
    flaglink.reload(&place).await;
    assert_eq!(answer(&flaglink, &hook).await, 404);
    let (_, remarks) = flaglink.admin("/readyz").await;
    assert!(remarks.contains(&format!("may not remove webhook {} of shop/web", hook.id)), "{remarks}");
    assert!(!remarks.contains("make the webhook by hand"), "{remarks}");
    let (_, out, _) = said(&flaglink, &["hooks", "list", "shop/web"]).await;
    assert!(out.contains("flaglink hooks remove shop/web"), "{out}");
    place.gitlab.member(place.shop, place.bot, level::MAINTAINER);
    flaglink.looks(&place, 2).await;
    assert!(place.hooks_of(place.shop).is_empty());
    assert_eq!(flaglink.admin("/readyz").await, (200, "ready".to_owned()));
    flaglink.stop().await;
    assert!(store(&flaglink).hooks().await.unwrap().is_empty());
}

#[tokio::test]
async fn where_none_are_registered_any_more_those_that_were_go() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.flagsmith_secret = true;
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    flaglink.gitlab = "webhook_secret_file = \"by-hand\"\nregister_hooks = false".to_owned();
    flaglink.write("by-hand", "a-secret-that-was-made-by-hand");
    flaglink.reload(&place).await;
    assert!(place.hooks_of(place.shop).is_empty());
    assert_eq!(answer(&flaglink, &hook).await, 404);
    assert!(place.flagsmith.read(|world| world.webhooks.is_empty()));
    flaglink.stop().await;
    assert!(store(&flaglink).hooks().await.unwrap().is_empty());
}

/// What `sync` would refuse is not advised.
#[tokio::test]
async fn where_webhooks_are_made_by_hand_nobody_is_sent_to_register_them() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    assert_eq!(said(&flaglink, &["hooks", "remove"]).await.0, 0);
    flaglink.gitlab = "webhook_secret_file = \"by-hand\"".to_owned();
    flaglink.write("by-hand", "a-secret-that-was-made-by-hand");
    flaglink.restart(&place).await;
    let (code, out, err) = said(&flaglink, &["hooks", "list"]).await;
    assert!(code == 0 && out.contains("– shop/web (project): none is registered"), "{out}{err}");
    assert!(!out.contains("hooks sync"), "{out}");
    let (code, out, err) = said(&flaglink, &["hooks", "test"]).await;
    assert!(code == 1 && out.contains("can have none tested but its own"), "{out}{err}");
    assert!(out.contains("Settings → Webhooks → Test") && !out.contains("hooks sync"), "{out}");
    flaglink.stop().await;
}

/// The word of a person counts at once, also where GitLab is away, and where there is nothing yet.
#[tokio::test]
async fn removed_by_hand_the_path_is_closed_first_and_gitlab_is_asked_again() {
    let place = Place::new().await;
    let small = place.project("shop/small");
    place.gitlab.member(small, place.bot, level::DEVELOPER);
    let mut flaglink = Flaglink::new();
    flaglink.every = "1s";
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    let away = place.gitlab.faults().add(Rule::new("*", "/projects", Fault::status(502)));
    let (code, out, _) = said(&flaglink, &["hooks", "remove", "shop/web"]).await;
    assert_eq!(code, 1, "{out}");
    assert_eq!(answer(&flaglink, &hook).await, 404);
    place.gitlab.faults().remove(away);
    let (code, out, err) = said(&flaglink, &["hooks", "remove", "shop/small"]).await;
    assert_eq!(code, 0, "{out}{err}");
    place.gitlab.member(small, place.bot, level::MAINTAINER);
    while !place.hooks_of(place.shop).is_empty() {
        flaglink.looks(&place, 1).await;
    }
    flaglink.looks(&place, 2).await;
    assert!(place.hooks_of(small).is_empty() && place.hooks_of(place.shop).is_empty());
    flaglink.stop().await;
}

#[tokio::test]
async fn a_replaced_path_is_closed_when_its_time_is_over_though_gitlab_is_away() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let before = place.hook_of(place.shop);
    flaglink.stop().await;
    flaglink.moves();
    flaglink.start(&place).await;
    assert_eq!(answer(&flaglink, &before).await, 200);
    flaglink.stop().await;
    {
        use flaglink::domain::{Decision, Write};
        let store = store(&flaglink);
        let mut record = store.hooks().await.unwrap().remove(0);
        record.paths[0].until = Some(Timestamp::now());
        let mut decision = Decision::new();
        decision.write(Write::PutHook(Box::new(record)));
        store.commit(decision).await.unwrap();
    }
    place.gitlab.faults().add(Rule::new("*", "/hooks", Fault::status(502)));
    flaglink.start(&place).await;
    assert_eq!(answer(&flaglink, &before).await, 404);
    flaglink.stop().await;
}

#[tokio::test]
async fn where_this_gitlab_cannot_sign_no_signed_webhook_is_promised() {
    let place = Place::new().await;
    let mut flaglink = Flaglink::new();
    flaglink.gitlab = "require_signature = true".to_owned();
    flaglink.start(&place).await;
    assert!(place.hooks_of(place.shop).is_empty());
    let (_, remarks) = flaglink.admin("/readyz").await;
    assert!(remarks.contains("signs no webhooks") && remarks.contains("`require_signature`"), "{remarks}");
    let (_, out, _) = said(&flaglink, &["hooks", "list", "shop/web"]).await;
    assert!(out.contains("signs no webhooks"), "{out}");
    flaglink.stop().await;
}

#[tokio::test]
async fn a_wrong_clock_is_said_and_no_reason_for_new_secrets() {
    let place = Place::new().await;
    place.gitlab.change(|model| "19.1.0-ee".clone_into(&mut model.settings.version));
    let mut flaglink = Flaglink::new();
    flaglink.every = "1s";
    flaglink.start(&place).await;
    let request = client().post(&place.hook_of(place.shop).url).header("Content-Type", "application/json");
    let request = request.header("webhook-id", "1").header("webhook-timestamp", "1000000000");
    let request = request.header("webhook-signature", "v1,YWJj").body("{}");
    assert_eq!(request.send().await.unwrap().status().as_u16(), 401);
    let (_, remarks) = flaglink.admin("/readyz").await;
    assert!(remarks.contains("clock"), "{remarks}");
    flaglink.looks(&place, 2).await;
    assert_eq!(place.writes(), 1);
    flaglink.works(&place, place.issue(place.shop)).await;
    assert_eq!(flaglink.admin("/readyz").await, (200, "ready".to_owned()));
    flaglink.stop().await;
}
