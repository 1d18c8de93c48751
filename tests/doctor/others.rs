//! Webhooks in GitLab that are not this flaglink's: they are told apart, and no trouble of theirs is ours.

use flaglink::sandbox::gitlab::HookSpec;

use crate::place::{PATIENCE, Place};

#[tokio::test(flavor = "multi_thread")]
async fn another_installations_webhook_is_not_taken_for_ours() {
    let place = Place::quiet().await;
    place.rewrite(&format!("public_url = \"{}\"", place.address), "");
    // Only another team's, which that team's flaglink registered.
    place.gitlab.change(|model| {
        let hook = model.hooks.get_mut(&place.hook).unwrap();
        hook.url = "https://flags.other-team.example/hooks/gitlab/aaaa-bbbb".to_owned();
    });
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "hook-there", &["no webhook that leads here", "Settings → Webhooks", "public_url"]);
    found.says("look", "hook-there", &["another flaglink", "flags.other-team.example", "answered twice"]);
    assert!(!found.all("wrong").iter().any(|said| said.contains("other-team")), "{:#}", found.report);

    // One that may be ours, and fails: with another beside it nobody knows whose trouble that is.
    let dead = format!("{}/hooks/gitlab", place.address);
    place.gitlab.hook(place.shop, HookSpec::everything(&dead, "a-secret-of-gitlabs-webhook"));
    let found = place.doctor(&[], &[]).await;
    found.says("note", "hook-there", &["whether that is this flaglink is not known"]);
    place
        .gitlab
        .hook(place.shop, HookSpec::everything(&format!("{}/below/hooks/gitlab", place.address), "x"));
    place.comment().await;
    let found = place.doctor(&[], &[]).await;
    found.says("look", "hook-answers", &["may be another flaglink's"]);
    assert!(!found.all("wrong").iter().any(|said| said.starts_with("hook-")), "{:#}", found.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_installation_left_is_named() {
    let mut place = Place::registering().await;
    let left = format!("{}/hooks/gitlab/0123-4567", place.address);
    place.gitlab.hook(place.shop, HookSpec::everything(&left, "x"));
    place.start().await;
    place.gitlab.until(PATIENCE, |model| model.hooks.len() == 2).await.unwrap();
    place.until_registered().await;
    let found = place.doctor(&[], &[]).await;
    assert_eq!(found.code, 0, "{:#}", found.report);
    found.says("look", "hook-there", &["0123-4567", "not a path of its own", "remove it in GitLab"]);
    found.says("good", "hook-there", &["all is well"]);

    // With another marker key the one that is registered is no more this flaglink's than the other.
    place.stop().await;
    place.doctor(&[], &[]).await.says("good", "hook-there", &["all is well"]);
    place.write("marker-key", &"ab".repeat(32));
    let found = place.doctor(&[], &[]).await;
    found.says("note", "hook-there", &["no webhook of this flaglink yet"]);
    assert_eq!(found.all("look").iter().filter(|said| said.contains("not a path of its own")).count(), 2);
}
