//! The webhooks of the flag services: refused here, failed there, narrowed, taken away, or refused by the service.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::unleash::Unleash;

use crate::place::{PATIENCE, Place};

/// Somebody switches a flag in Unleash, and what it sends about that has come to its end.
async fn switch(unleash: &Unleash, on: bool) {
    let ada = unleash.person("ada");
    let _ = ada.new_flag("new_cart", "");
    ada.switch("new_cart", "production", on).unwrap();
    unleash.settled(PATIENCE).await.unwrap();
}

fn change(unleash: &Unleash, change: impl Fn(&mut flaglink::sandbox::unleash::Addon)) {
    unleash.change(|world| world.addons.iter_mut().for_each(change));
}

fn authorization(unleash: &Unleash, value: &str) {
    change(unleash, |addon| drop(addon.parameters.insert("authorization".to_owned(), value.into())));
}

/// Made by hand: flaglink knows what it refused, Unleash what was answered.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_named_until_a_right_one_comes() {
    let place = Place::new().await;
    let right = place.unleash.read(|world| world.addons[0].parameter("authorization").unwrap().to_owned());
    authorization(&place.unleash, "another one");
    switch(&place.unleash, true).await;
    let found = place.doctor(&[], &[]).await;
    found.names("provider-webhook", &["Unleash", "answered 401", "[providers.unleash]", "`Authorization`"]);

    // Without Unleash's own log the refusals here are known all the same.
    place.unleash.change(|world| world.addons.clear());
    let target = format!("{}/hooks/providers/unleash", place.address);
    place.unleash.webhook(&target, &right);
    let found = place.doctor(&[], &[]).await;
    found.says("look", "provider-webhook", &["was refused (401)", "`Authorization`"]);
    assert_eq!(found.code, 0, "{:#}", found.report);

    switch(&place.unleash, false).await;
    let found = place.doctor(&[], &[]).await;
    assert_eq!((found.code, found.all("wrong").len()), (0, 0), "{:#}", found.report);
    found.says("good", "provider-webhook", &["Unleash's webhook leads to", "with our secret"]);

    // One that leads elsewhere is not taken for ours.
    place.unleash.change(|world| world.addons.clear());
    place.unleash.webhook("http://127.0.0.1:9/hooks/providers/unleash", &right);
    switch(&place.unleash, true).await;
    change(&place.unleash, |addon| addon.description = Some("flaglink".to_owned()));
    place.doctor(&[], &[]).await.says("good", "provider-webhook", &["shows nobody its secret"]);
}

/// Registered by flaglink: `hooks list` and doctor say the same, and `hooks sync` mends it and says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_at_the_service_is_named_by_both_and_put_right() {
    let mut place = Place::registering().await;
    place.unleash.change(|world| world.addons.clear());
    place.start().await;
    place.until_registered().await;
    assert_eq!(place.doctor(&[], &[]).await.code, 0);
    type Break = fn(&mut flaglink::sandbox::unleash::Addon);
    let breaks: [(Break, &str); 5] = [
        (|addon| drop(addon.parameters.insert("authorization".to_owned(), "another".into())), "answered 401"),
        (
            |addon| drop(addon.parameters.insert("url".to_owned(), "http://127.0.0.1:9/elsewhere".into())),
            "went to http://127.0.0.1:9",
        ),
        (|addon| addon.events.retain(|kind| !kind.starts_with("feature-environment")), "is not sent for"),
        (|addon| addon.projects = vec!["other".to_owned()], "is not sent for the project"),
        (|addon| addon.environments = vec!["development".to_owned()], "environments development alone"),
    ];
    for (number, (break_it, words)) in breaks.into_iter().enumerate() {
        change(&place.unleash, break_it);
        switch(&place.unleash, number % 2 == 0).await;
        place.doctor(&[], &[]).await.names("provider-webhook", &[words, "`flaglink hooks sync unleash`"]);
        let list = place.run(&["hooks", "list", "unleash"], &[]).await;
        assert!(list.code == 1 && list.out.contains(words), "{}{}", list.out, list.err);
        let synced = place.run(&["hooks", "sync", "unleash"], &[]).await;
        assert!(synced.code == 0 && !synced.out.contains("right already"), "{}{}", synced.out, synced.err);
        let found = place.doctor(&[], &[]).await;
        assert_eq!((found.code, found.all("wrong").len()), (0, 0), "{words}: {:#}", found.report);
        assert_eq!(place.run(&["hooks", "list", "unleash"], &[]).await.code, 0);
    }

    // Nobody can see what is there, so it is written anew, and that is said.
    let synced = place.run(&["hooks", "sync", "unleash"], &[]).await;
    assert!(synced.out.contains("unleash (provider): written anew"), "{}", synced.out);

    place.unleash.change(|world| world.addons.clear());
    place
        .doctor(&[], &[])
        .await
        .names("provider-webhook", &["no webhook that leads here", "hooks sync unleash"]);
    assert_eq!(place.run(&["hooks", "list", "unleash"], &[]).await.code, 1);
}

/// Anybody can send something to the path: it is told, and nothing is called wrong or mended for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_sends_makes_nothing_wrong() {
    let mut place = Place::registering().await;
    place.unleash.change(|world| world.addons.clear());
    place.start().await;
    place.until_registered().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let target = format!("{}/hooks/providers/unleash", place.address.trim_end_matches('/'));
    let answer = client.post(target).header("authorization", "a guess").body("{}").send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);
    let found = place.doctor(&[], &[]).await;
    found.says("look", "provider-webhook", &["was refused (401)", "somebody else"]);
    assert_eq!((found.code, found.all("wrong").len()), (0, 0), "{:#}", found.report);
    let list = place.run(&["hooks", "list", "unleash"], &[]).await;
    assert!(list.code == 0 && list.out.contains("was refused (401)"), "{}{}", list.out, list.err);
}

/// Unleash does not take the address, and another flaglink's integration is there: to sync again would not help.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_refused_is_named_also_beside_anothers_webhook() {
    let mut place = Place::registering().await;
    place.unleash.change(|world| world.addons.clear());
    place.unleash.webhook("https://flags.other.example/hooks/providers/unleash", "x");
    change(&place.unleash, |addon| {
        addon.description =
            Some("flaglink at https://flags.other.example/hooks/providers/unleash".to_owned());
    });
    place.unleash.take_private_addresses(false);
    place.start().await;
    place.run(&["hooks", "sync", "unleash"], &[]).await;
    let found = place.doctor(&[], &[]).await;
    found.says("look", "provider-webhook", &["UNLEASH_ALLOW_LIST_INTEGRATION"]);
    let said = found.report.to_string();
    assert!(
        !said.contains("flags.other.example") && !said.contains("puts it right; or in Unleash"),
        "{said}"
    );
}

/// Feature flags are switched off in the project, or something keeps the bot from them.
#[tokio::test(flavor = "multi_thread")]
async fn gitlabs_own_flags_that_a_project_does_not_show() {
    let place = Place::quiet().await;
    place.rewrite("[[projects]]", "[providers.own]\nkind = \"gitlab\"\n\n[[projects]]");
    let found = place.doctor(&[], &[]).await;
    assert!(!found.report.to_string().contains("provider-project"), "{:#}", found.report);
    for status in [403, 404] {
        place.gitlab.faults().clear();
        place.gitlab.faults().add(Rule::new("GET", "/feature_flags", Fault::status(status)).times(1000));
        let found = place.doctor(&[], &[]).await;
        found.says(
            "wrong",
            "provider-project",
            &["shop/web", "feature flags", "Settings → General", "Developer"],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unleash_that_is_too_old_is_named() {
    let place = Place::new().await;
    let found = place.doctor(&[], &[]).await;
    assert!(!found.report.to_string().contains("provider-version"), "{:#}", found.report);
    place.unleash.change(|world| world.version = "7.4.1".to_owned());
    let found = place.doctor(&[], &[]).await;
    found.says("look", "provider-version", &["Unleash 7.4.1", "Unleash 8 and later", "update Unleash"]);
    assert_eq!(found.code, 0, "{:#}", found.report);
}
