//! Webhooks that GitLab has switched off.

use std::sync::Arc;

use async_trait::async_trait;
use flaglink::sandbox::faults::Faults;
use flaglink::sandbox::gitlab::{HookSpec, Model};
use flaglink::sandbox::server::{Handler, Request, Response, Server};
use http::StatusCode;
use jiff::Timestamp;

use crate::kit::{admin, assert_done, back, caught_up, metric};
use crate::town::{GITLAB_SECRET, PATIENCE, Plan, Town};

fn is_on(model: &Model, hook: u64) -> bool {
    model.hooks[&hook].disabled_until.is_none()
}

fn switch_off(town: &Town, hook: u64) {
    town.gitlab.change(|model| {
        model.settings.auto_disable_hooks = true;
        let hook = model.hooks.get_mut(&hook).unwrap();
        (hook.failures, hook.disabled_until) = (40, Some(Timestamp::MAX));
    });
}

fn tests_of(town: &Town, hook: u64) -> usize {
    town.gitlab.faults().count("POST", &format!("/hooks/{hook}/test/"))
}

#[tokio::test]
async fn a_webhook_that_gitlab_switched_off_is_on_again_afterwards() {
    let mut town = Town::new().await;
    town.gitlab.change(|model| model.settings.auto_disable_hooks = true);
    let issue = town.issue();
    town.says(issue, "/flag link dark_mode").await;
    town.stop().await;
    let mut notes = Vec::new();
    for _ in 0..6 {
        notes.push(town.gitlab.comment(town.mara, issue, "/flag list").unwrap());
        town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    }
    assert!(!town.gitlab.read(|model| is_on(model, town.hook)));

    back(&mut town).await;
    assert!(town.gitlab.read(|model| is_on(model, town.hook)));
    for note in &notes {
        assert_done(&town, issue, *note);
    }
    assert_eq!(town.replies(issue).len(), 6, "{}", town.gitlab.transcript(issue));
    assert_eq!(metric(&town, r#"flaglink_hook_tests_total{outcome="on"}"#).await, 1);
    assert_eq!(metric(&town, "flaglink_hooks_off").await, 0);
    assert_eq!(admin(&town, "/readyz").await, (200, "ready".to_owned()));
    // And it is sent again.
    let note = town.says(issue, "/flag list").await;
    assert_done(&town, issue, note);
    town.end().await;
}

/// In a project without comments GitLab cannot test with one.
#[tokio::test]
async fn it_is_tested_with_what_there_is() {
    let mut town = Town::new().await;
    switch_off(&town, town.hook);
    town.merge_request();
    town.stop().await;
    back(&mut town).await;
    assert!(town.gitlab.read(|model| is_on(model, town.hook)));
    town.end().await;
}

#[tokio::test]
async fn one_of_ours_that_keeps_failing_is_reported_and_not_hammered() {
    let mut town = Town::planned(Plan { catch_up: Some("1s"), ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link dark_mode").await;
    let url = format!("http://{}/hooks/gitlab", town.address());
    let wrong = town.gitlab.hook(town.shop, HookSpec::everything(&url, "not-the-secret-of-the-town"));
    switch_off(&town, wrong);
    town.stop().await;
    back(&mut town).await;
    caught_up(&town, 5).await;

    assert!(!town.gitlab.read(|model| is_on(model, wrong)));
    let tests = town.gitlab.read(|model| model.deliveries_of(wrong).len());
    assert!((1..=3).contains(&tests), "{tests} tests");
    assert_eq!(metric(&town, "flaglink_hooks_off").await, 1);
    let (status, said) = admin(&town, "/readyz").await;
    assert_eq!(status, 200, "comments come in all the same: {said}");
    assert!(said.contains(&format!("the webhook {wrong} of shop/web for good")), "{said}");

    // Put right, or taken away, it is no matter any more.
    town.gitlab.change(|model| model.hooks.remove(&wrong));
    caught_up(&town, 2).await;
    assert_eq!(metric(&town, "flaglink_hooks_off").await, 0);
    assert_eq!(admin(&town, "/readyz").await, (200, "ready".to_owned()));
    town.end().await;
}

/// Stands before flaglink, as a tunnel does, and takes everything.
struct Tunnel;

#[async_trait]
impl Handler for Tunnel {
    async fn handle(&self, _request: Request) -> Response {
        Response::empty(StatusCode::OK)
    }
}

#[tokio::test]
async fn by_the_public_address_ours_are_known() {
    let tunnel = Server::start(Arc::new(Tunnel), Faults::new()).await.unwrap();
    let public = format!("{}/flags", tunnel.url());
    let listen = format!("public_url = \"{public}\"");
    let mut town = Town::planned(Plan { listen, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link dark_mode").await;
    let hook = |path: &str| {
        let hook =
            town.gitlab.hook(town.shop, HookSpec::everything(&format!("{public}{path}"), GITLAB_SECRET));
        switch_off(&town, hook);
        hook
    };
    let ours = [hook("/hooks/gitlab"), hook("/hooks/gitlab/registered?x=y")];
    let others = [hook("/hooks/gitlab/"), hook("2/hooks/gitlab"), hook("/hooks/gitlabs"), hook("/hooks")];
    town.stop().await;
    back(&mut town).await;
    for hook in ours {
        assert!(town.gitlab.read(|model| is_on(model, hook)), "{hook}");
    }
    for hook in others {
        assert_eq!(tests_of(&town, hook), 0, "{hook}");
    }
    assert_eq!(metric(&town, "flaglink_hooks_off").await, 0);
    town.end().await;
}

#[tokio::test]
async fn another_installations_webhook_stays_untouched() {
    for public_url in ["", "public_url = \"http://flags.example.com/tunnel/\""] {
        let mut town = Town::planned(Plan { listen: public_url.to_owned(), ..Plan::default() }).await;
        let issue = town.issue();
        town.says(issue, "/flag link dark_mode").await;
        let hooks = [
            "http://127.0.0.1:9/hooks/gitlab",
            "https://flags.example.com/tunnel/hooks/gitlab",
            "http://flags.example.com/hooks/gitlab",
            "http://127.0.0.1:9/something/else",
        ]
        .map(|url| town.gitlab.hook(town.shop, HookSpec::everything(url, GITLAB_SECRET)));
        for hook in hooks {
            switch_off(&town, hook);
        }
        town.stop().await;
        back(&mut town).await;
        for hook in hooks {
            assert_eq!(tests_of(&town, hook), 0);
            assert!(!town.gitlab.read(|model| is_on(model, hook)));
        }
        assert_eq!(metric(&town, "flaglink_hooks_off").await, 0);
        assert_eq!(admin(&town, "/readyz").await, (200, "ready".to_owned()));
        town.end().await;
    }
}
