//! One webhook for a group.

use flaglink::sandbox::gitlab::{HookSpec, level};

use crate::kit::{Flaglink, Place, path_of};
use crate::told::said;

#[tokio::test]
async fn a_group_has_one_webhook_for_all_its_projects() {
    let place = Place::new().await;
    let group = place.gitlab.group("shop");
    place.gitlab.group_member(group, place.bot, level::OWNER);
    let deep = place.project("shop/deep/api");
    let outside = place.project("shopping/list");
    let mut flaglink = Flaglink::new();
    flaglink.rule = "hooks = \"group\"".to_owned();
    flaglink.more = "[[projects]]\nmatch = \"shopping/**\"\nhooks = \"none\"".to_owned();
    flaglink.start(&place).await;
    let hooks: Vec<_> = place.gitlab.read(|model| model.hooks.values().cloned().collect());
    assert_eq!(hooks.len(), 1);
    assert_eq!(hooks[0].group, Some(group));
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.works(&place, place.issue(deep)).await;
    flaglink.restart(&place).await;
    assert_eq!(place.writes(), 1);
    // Of one that GitLab has switched off it is said how it comes on again.
    place.gitlab.change(|model| {
        model.settings.auto_disable_hooks = true;
        model.hooks.get_mut(&hooks[0].id).unwrap().disabled_until = Some(jiff::Timestamp::MAX);
    });
    flaglink.restart(&place).await;
    let (_, said) = flaglink.admin("/readyz").await;
    assert!(said.contains("switched it off for good") && said.contains("flaglink hooks test shop"), "{said}");
    place.change_hook(hooks[0].id, |hook| hook.disabled_until = None);

    // What is not of the group is of no use over its path, whatever the body calls it.
    let issue = place.issue(outside);
    let note = flaglink.hears(&place, issue, "/flag list").await;
    let body = serde_json::json!({
        "object_kind": "note",
        "project": { "id": outside, "path_with_namespace": "shop/web" },
        "object_attributes": {
            "id": note, "note": "/flag list", "noteable_type": "Issue", "author_id": place.mara,
        },
        "issue": { "iid": issue.iid },
    });
    let secret = hooks[0].token.as_deref().unwrap();
    assert_eq!(flaglink.post(&path_of(&hooks[0]), secret, &body).await, 200);
    flaglink.daemon().settled().await;
    assert!(place.gitlab.read(|model| model.reactions(note, place.bot).is_empty()));
    flaglink.stop().await;
}

#[tokio::test]
async fn without_premium_or_without_its_owner_it_is_said_what_is_missing() {
    for premium in [false, true] {
        let place = Place::new().await;
        place.gitlab.change(|model| model.settings.group_hooks = premium);
        let group = place.gitlab.group("shop");
        place.gitlab.group_member(group, place.bot, level::MAINTAINER);
        let mut flaglink = Flaglink::new();
        flaglink.rule = "hooks = \"group\"".to_owned();
        flaglink.start(&place).await;
        let (status, said) = flaglink.admin("/readyz").await;
        assert_eq!(status, 200);
        assert!(said.contains("Premium") && said.contains("Owner of the group"), "{said}");
        flaglink.stop().await;
    }
}

/// From a webhook in each project to one in the group: the others go.
#[tokio::test]
async fn a_group_takes_over_from_its_projects() {
    let place = Place::new().await;
    let group = place.gitlab.group("shop");
    place.gitlab.group_member(group, place.bot, level::OWNER);
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let by_hand = place.gitlab.hook(place.shop, HookSpec::everything("https://example.com/hook", "a-secret"));
    flaglink.rule = "hooks = \"group\"".to_owned();
    flaglink.restart(&place).await;
    let left = place.hook_of(place.shop);
    assert_eq!(left.id, by_hand, "only ours went");
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.stop().await;
}

/// Where GitLab makes none for the group, those that work go on.
#[tokio::test]
async fn the_projects_keep_theirs_until_the_group_has_one() {
    let place = Place::new().await;
    let group = place.gitlab.group("shop");
    place.gitlab.group_member(group, place.bot, level::OWNER);
    place.gitlab.change(|model| model.settings.group_hooks = false);
    let mut flaglink = Flaglink::new();
    flaglink.start(&place).await;
    let hook = place.hook_of(place.shop);
    flaglink.rule = "hooks = \"group\"".to_owned();
    flaglink.restart(&place).await;
    assert_eq!(place.hook_of(place.shop).id, hook.id);
    flaglink.works(&place, place.issue(place.shop)).await;
    let (code, out, _) = said(&flaglink, &["hooks", "list"]).await;
    assert!(code == 1 && out.contains("✔ shop/web (project)") && out.contains("Premium"), "{out}");
    let (_, out, _) = said(&flaglink, &["hooks", "sync"]).await;
    assert!(out.contains("it stays until the webhook of its group is there"), "{out}");

    place.gitlab.change(|model| model.settings.group_hooks = true);
    flaglink.restart(&place).await;
    let hooks: Vec<_> = place.gitlab.read(|model| model.hooks.values().map(|hook| hook.group).collect());
    assert_eq!(hooks, [Some(group)]);
    flaglink.works(&place, place.issue(place.shop)).await;
    flaglink.stop().await;
}
