//! Webhooks that flaglink registers itself: what is wrong with them it tells doctor, and --fix puts them right.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{Fate, Visibility, level};
use jiff::{SignedDuration, Timestamp};

use crate::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn registered_webhooks_are_told_of_and_put_right() {
    let mut place = Place::registering().await;
    place.start().await;
    place.until_registered().await;
    place.comment().await;
    let found = place.doctor(&[], &[]).await;
    assert_eq!((found.code, found.all("wrong").len()), (0, 0), "{:#}", found.report);
    found.says("good", "hook-there", &["shop/web", "/hooks/gitlab/"]);

    // Somebody unticks a box.
    place.gitlab.change(|model| {
        for hook in model.hooks.values_mut() {
            hook.events.remove("note_events");
        }
    });
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "hook-events", &["shop/web"]);
    let fixed = place.doctor(&["--fix"], &[]).await;
    assert_eq!(fixed.all("wrong").len(), 0, "{:#}", fixed.report);
    assert!(fixed.report["fixed"].to_string().contains("shop/web"), "{:#}", fixed.report);
    assert!(place.gitlab.read(|model| model.hooks.values().all(|hook| hook.events.contains("note_events"))));

    // Somebody takes it away.
    place.gitlab.change(|model| model.hooks.clear());
    place.doctor(&[], &[]).await.says("wrong", "hook-there", &["shop/web"]);
    let fixed = place.doctor(&["--fix"], &[]).await;
    assert_eq!(fixed.all("wrong").len(), 0, "{:#}", fixed.report);
    assert_eq!(place.gitlab.read(|model| model.hooks.len()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_webhook_that_is_off_is_switched_on_again_or_it_is_said_why_not() {
    let mut place = Place::registering().await;
    place.start().await;
    place.until_registered().await;
    place.comment().await;
    let off = || {
        place.gitlab.change(|model| {
            for hook in model.hooks.values_mut() {
                hook.disabled_until = Some(Timestamp::MAX);
            }
        });
    };
    off();
    place.doctor(&[], &[]).await.names("hook-off", &["shop/web", "for good"]);
    let fixed = place.doctor(&["--fix"], &[]).await;
    assert_eq!((fixed.code, fixed.all("wrong").len()), (0, 0), "{:#}", fixed.report);
    assert!(fixed.report["fixed"].to_string().contains("on again"), "{:#}", fixed.report);

    off();
    place.gitlab.faults().add(Rule::new("POST", r"/test/", Fault::status(500)));
    let fixed = place.doctor(&["--fix"], &[]).await;
    fixed.names("hook-off", &["shop/web"]);
    assert_eq!(fixed.report["fixed"], serde_json::json!([]), "{:#}", fixed.report);
    assert!(
        fixed.report["not_fixed"].to_string().contains("could not be switched on again"),
        "{:#}",
        fixed.report
    );
    let said = place.run(&["doctor", "--fix"], &[]).await;
    assert!(said.out.starts_with("  ✘ not fixed the webhook of shop/web"), "{}", said.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_is_said_to_be_why_deliveries_are_refused() {
    let mut place = Place::registering().await;
    place.start().await;
    place.until_registered().await;
    place.gitlab.change(|model| {
        for hook in model.hooks.values_mut() {
            hook.token = Some("another one".to_owned());
        }
    });
    place.comment().await;
    place
        .doctor(&[], &[])
        .await
        .names("hook-secret", &["shop/web", "refused its deliveries (401)", "hooks sync"]);

    // The same at a flag service, or switched off there: --fix mends both.
    place.doctor(&["--fix"], &[]).await;
    for break_it in [
        (|hook: &mut flaglink::sandbox::flagsmith::Webhook| hook.secret = "another one".to_owned())
            as fn(&mut flaglink::sandbox::flagsmith::Webhook),
        |hook| hook.enabled = false,
    ] {
        place.flagsmith.change(|world| world.webhooks.iter_mut().for_each(break_it));
        place.doctor(&[], &[]).await.names("provider-webhook", &["`flaglink hooks sync flagsmith`"]);
        let fixed = place.doctor(&["--fix"], &[]).await;
        assert_eq!((fixed.code, fixed.all("wrong").len()), (0, 0), "{:#}", fixed.report);
    }
    // With another address there nobody finds it again: one more is made, and where the first leads is told.
    let typo = "https://typo.example.com/hooks/providers/flagsmith";
    place.flagsmith.change(|world| world.webhooks.iter_mut().for_each(|hook| typo.clone_into(&mut hook.url)));
    let fixed = place.doctor(&["--fix"], &[]).await;
    assert_eq!(fixed.all("wrong").len(), 0, "{:#}", fixed.report);
    fixed.says("look", "provider-webhook", &["flaglink's secret", typo, "delete it in Flagsmith"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_takes_the_webhook_is_told_which_file_it_is_to_have_of_its_own() {
    let mut place = Place::registering().await;
    place.start().await;
    place.until_registered().await;
    place.gitlab.change(|model| {
        for hook in model.hooks.values_mut() {
            hook.url = hook.url.replacen(&place.address, "http://copy.example.com", 1);
        }
    });
    let found = place.doctor(&[], &[]).await;
    found.names("hook-there", &["a copy of this flaglink", "`marker_key_file`", "openssl rand -hex 32"]);
    assert_eq!(place.doctor(&["--fix"], &[]).await.all("wrong").len(), 0);
}

/// A signature is refused for its time alone: that is another matter than another secret.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_its_time_is_not_called_a_wrong_secret() {
    for ahead in [SignedDuration::from_mins(10), SignedDuration::from_mins(-10)] {
        let mut place = Place::registering().await;
        place.gitlab.change(|model| model.settings.version = "19.1.0".to_owned());
        place.start().await;
        place.until_registered().await;
        place.gitlab.change(|model| model.settings.clock_ahead = ahead);
        place.comment().await;
        let found = place.doctor(&[], &[]).await;
        let way = if ahead.is_positive() { "ahead of" } else { "behind" };
        let way = format!(" s {way} this machine's clock");
        found.says("wrong", "hook-answers", &["refused (401) for its time", &way, "NTP"]);
        found.says("wrong", "gitlab-clock", &["GitLab's"]);
        assert!(!found.report.to_string().contains("hook-secret"), "{:#}", found.report);
        let tested = place.run(&["hooks", "test", "shop/web"], &[]).await;
        assert!(tested.code == 1 && tested.out.contains(&way), "{}", tested.out);

        place.gitlab.change(|model| model.settings.clock_ahead = SignedDuration::ZERO);
        assert_eq!(place.run(&["hooks", "test", "shop/web"], &[]).await.code, 0);
        assert_eq!(place.doctor(&[], &[]).await.all("wrong").len(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_where_the_webhook_was_made_by_hand() {
    let mut place = Place::quiet().await;
    let key = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    place.write("signing-token", key);
    place.rewrite("[gitlab]", "[gitlab]\nsigning_token_file = \"signing-token\"");
    place.gitlab.change(|model| {
        model.settings.version = "19.1.0".to_owned();
        model.hooks.get_mut(&place.hook).unwrap().signing_token = Some(key.to_owned());
    });
    place.start().await;
    place.comment().await;
    assert_eq!(place.doctor(&[], &[]).await.all("wrong").len(), 0);
    place.gitlab.change(|model| model.settings.clock_ahead = SignedDuration::from_mins(10));
    place.comment().await;
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "hook-answers", &["answered 401", "it is signed", "ahead of", "`gitlab-clock`"]);
    assert!(!found.report.to_string().contains("hook-secret"), "{:#}", found.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_flaglink_did_not_make_is_not_said_to_be_put_right() {
    let mut place = Place::registering().await;
    place.flagsmith.change(|world| {
        world.webhooks.iter_mut().for_each(|hook| "another one".clone_into(&mut hook.secret));
    });
    place.start().await;
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "provider-webhook", &["did not make it", "delete it in Flagsmith"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn why_an_address_was_refused_is_said() {
    let mut place = Place::registering().await;
    place.gitlab.change(|model| model.settings.local_hooks = false);
    place.flagsmith.take_private_addresses(false);
    place.flagsmith.change(|world| world.webhooks.clear());
    place.start().await;
    // The first look at the webhooks may not have come to its end yet.
    let mut found = place.doctor(&[], &[]).await;
    for _ in 0..20 {
        if found.report.to_string().contains("does not take the address") {
            break;
        }
        found = place.doctor(&[], &[]).await;
    }
    found.names("hook-there", &["shop/web", "does not take the address", "Outbound"]);
    found.says("look", "provider-webhook", &["private network", "polling"]);
    place.stop().await;
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "hook-there", &["shop/web", "does not take the address"]);
    found.says("look", "provider-webhook", &["private network", "polling"]);

    // What is mended is nowhere told any more.
    place.start().await;
    place.gitlab.change(|model| model.settings.local_hooks = true);
    place.flagsmith.take_private_addresses(true);
    place.unleash.take_private_addresses(true);
    assert_eq!(place.run(&["hooks", "sync"], &[]).await.code, 0);
    let found = place.doctor(&[], &[]).await;
    assert_eq!((found.code, found.all("wrong").len()), (0, 0), "{:#}", found.report);
    assert!(!found.report.to_string().contains("does not take the address"), "{:#}", found.report);
}

/// GitLab switches webhooks off only where an admin has allowed that: else nobody else would tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_newest_delivery_that_was_not_taken_is_named_and_a_test_tells_that_it_is_past() {
    let mut place = Place::registering().await;
    place.start().await;
    place.until_registered().await;
    place.comment().await;
    for (fate, words) in [
        (Fate::Answered { status: 404, body: String::new() }, ["answered 404", "past flaglink"]),
        (Fate::Answered { status: 301, body: String::new() }, ["answered 301", "does not follow"]),
        (Fate::Answered { status: 502, body: String::new() }, ["answered 502", "the proxy answers"]),
        (Fate::Failed("timed out".to_owned()), ["internal error", "GitLab reached nobody"]),
        (
            Fate::Failed("SSL_connect: certificate verify failed (self-signed certificate)".to_owned()),
            ["certificate verify failed", "does not trust the certificate"],
        ),
        // A host may be called anything.
        (
            Fate::Failed(
                "Failed to open TCP connection to tls.example.com:443 (getaddrinfo: Name or service not known)"
                    .to_owned(),
            ),
            ["Name or service not known", "does not know the host"],
        ),
        (
            Fate::Failed(
                "Failed to open TCP connection to resolve.example.com:443 (Connection refused - connect(2) for \
                 \"resolve.example.com\" port 443)"
                    .to_owned(),
            ),
            ["Connection refused", "is the port right"],
        ),
    ] {
        place.gitlab.change(|model| {
            let newest = model.deliveries.values_mut().max_by_key(|one| one.id).unwrap();
            newest.fate = fate.clone();
        });
        let said = place.run(&["hooks", "list"], &[]).await;
        assert!(said.code == 1 && said.out.contains(words[0]), "{}", said.out);
        let found = place.doctor(&[], &[]).await;
        found.names("hook-answers", &["shop/web", words[0], words[1], "`flaglink hooks test shop/web`"]);
        let fixed = place.doctor(&["--fix"], &[]).await;
        assert_eq!(fixed.report["fixed"], serde_json::json!([]), "{:#}", fixed.report);
    }
    // A test that fails names the reason from GitLab's log, also where GitLab says no more than that it failed.
    let failed = Fault::WorkThenAnswer {
        status: 422,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: r#"{"message":"it failed"}"#.to_owned(),
    };
    let rule = place.gitlab.faults().add(Rule::new("POST", r"/test/(note|issues)_events", failed));
    place.gitlab.change(|model| {
        let hook = model.hooks.values_mut().next().unwrap();
        hook.token = Some("another secret than flaglink's".to_owned());
        hook.signing_token = None;
    });
    let said = place.run(&["hooks", "test", "shop/web"], &[]).await;
    assert!(said.code == 1 && said.out.contains("the secret in GitLab is another one"), "{}", said.out);
    place.gitlab.faults().remove(rule);
    assert_eq!(place.run(&["hooks", "sync", "shop/web"], &[]).await.code, 0);
    assert_eq!(place.run(&["hooks", "test", "shop/web"], &[]).await.code, 0);
    let found = place.doctor(&[], &[]).await;
    assert_eq!((found.code, found.all("wrong").len()), (0, 0), "{:#}", found.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_is_told_once() {
    let mut place = Place::registering().await;
    let app = place.gitlab.project("shop/app", Visibility::Private);
    place.gitlab.member(app, place.bot, level::MAINTAINER);
    place.start().await;
    place.until_registered().await;
    place.gitlab.revoke_token(&place.token);
    let found = place.doctor(&[], &[]).await;
    found.names("token-alive", &["it was revoked"]);
    found.says("note", "hook-there", &["shop/app", "shop/web", "does not accept flaglink's token"]);
    assert!(!found.report.to_string().contains("`flaglink doctor`"), "{:#}", found.report);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_marker_key_our_own_webhooks_are_not_called_a_strangers() {
    let mut place = Place::registering().await;
    place.start().await;
    place.until_registered().await;
    place.stop().await;
    std::fs::rename(place.path("marker-key"), place.path("copy")).unwrap();
    let found = place.doctor(&[], &[]).await;
    found.says("note", "hook-there", &["shop/web", "cannot be judged", "leave them as they are"]);
    found.says("wrong", "marker-key", &["put it back"]);
    let said = found.report.to_string();
    assert!(!said.contains("remove it in GitLab") && !said.contains("no webhook of this flaglink"), "{said}");
    std::fs::rename(place.path("copy"), place.path("marker-key")).unwrap();
    place.doctor(&[], &[]).await.says("good", "hook-there", &["all is well"]);

    // Another store is begun, and GitLab knows that this is not the first one.
    let known = place.doctor(&[], &[]).await;
    assert!(!known.report.to_string().contains("there is no store"), "{:#}", known.report);
    place.rewrite("path = \"store\"", "path = \"stor\"");
    let found = place.doctor(&[], &[]).await;
    found.says(
        "look",
        "store-folder",
        &["there is no store in", "stor", "(shop/web)", "`flaglink links import`"],
    );
}

/// flaglink takes the webhook away by itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_of_an_archived_project_is_nothing_wrong() {
    let mut place = Place::registering().await;
    let app = place.gitlab.project("shop/app", Visibility::Private);
    place.gitlab.member(app, place.bot, level::MAINTAINER);
    place.start().await;
    place.until_registered().await;
    place.gitlab.set_archived(app, true);
    let found = place.doctor(&[], &[]).await;
    found.says("note", "project-archived", &["shop/app"]);
    found.says("note", "hook-there", &["shop/app", "no webhook is wanted there any more", "by itself"]);
    assert_eq!((found.code, found.all("wrong").len()), (0, 0), "{:#}", found.report);
    let list = place.run(&["hooks", "list"], &[]).await;
    assert!(list.code == 0 && list.out.contains("which goes"), "{}{}", list.out, list.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_was_renamed_is_told_with_its_new_path() {
    let mut place = Place::registering().await;
    place.rewrite("match = \"shop/**\"", "match = \"shop/web\"");
    place.start().await;
    place.until_registered().await;
    place.gitlab.move_project(place.shop, "shop/store");
    let found = place.doctor(&[], &[]).await;
    found.names("rule-matches", &["shop/web is shop/store now", "write `shop/store` as `match`"]);
    found.says("note", "hook-there", &["it is shop/store now"]);
}
