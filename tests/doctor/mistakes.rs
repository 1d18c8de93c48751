//! What people get wrong: each mistake is named, with what to do, and nothing else is called wrong.

use std::time::{Duration, Instant};

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{Visibility, level};
use jiff::{SignedDuration, Timestamp};

use crate::place::Place;

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_with_the_webhook() {
    let place = Place::new().await;
    // The secret was mistyped, or changed on one side alone.
    place
        .gitlab
        .change(|model| model.hooks.get_mut(&place.hook).unwrap().token = Some("another one".to_owned()));
    place.comment().await;
    let found = place.doctor(&[], &[]).await;
    found.names("hook-secret", &["shop/web", "401", "webhook_secret_file"]);

    // Boxes were not ticked.
    place.gitlab.change(|model| {
        let hook = model.hooks.get_mut(&place.hook).unwrap();
        hook.token = Some("a-secret-of-gitlabs-webhook".to_owned());
        hook.events.remove("note_events");
        hook.events.remove("confidential_issues_events");
    });
    place.comment().await;
    let found = place.doctor(&[], &[]).await;
    found.names("hook-events", &["Comments, Confidential issues events"]);

    // GitLab has switched it off.
    place.gitlab.change(|model| {
        let hook = model.hooks.get_mut(&place.hook).unwrap();
        hook.events.insert("note_events".to_owned());
        hook.events.insert("confidential_issues_events".to_owned());
        hook.disabled_until = Some(Timestamp::MAX);
    });
    let found = place.doctor(&[], &[]).await;
    found.names("hook-off", &["switched off", "for good", "Test"]);

    // The tunnel got another name, and nobody told GitLab.
    place.gitlab.change(|model| {
        let hook = model.hooks.get_mut(&place.hook).unwrap();
        hook.disabled_until = None;
        hook.url = "https://old-name.example.com/hooks/gitlab?x=secret".to_owned();
    });
    let found = place.doctor(&[], &[]).await;
    found.names("hook-there", &["leads to https://old-name.example.com/hooks/gitlab,", "flaglink is at"]);
    assert!(!found.report.to_string().contains("x=secret"));

    place.gitlab.change(|model| model.hooks.remove(&place.hook));
    place.doctor(&[], &[]).await.names("hook-there", &["no webhook that leads here", "hooks sync"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_with_the_token() {
    let place = Place::new().await;
    place.gitlab.member(place.shop, place.bot, level::GUEST);
    place.doctor(&[], &[]).await.names("project-role", &["Guest", "shop/web", "Reporter"]);
    place.gitlab.member(place.shop, place.bot, level::REPORTER);
    let found = place.doctor(&[], &[]).await;
    found.says("look", "project-role", &["Reporter", "merge requests"]);
    found.says("note", "hook-there", &["only a Maintainer's token sees them"]);
    place.gitlab.remove_member(place.shop, place.bot);
    place.doctor(&[], &[]).await.names("rule-matches", &["`shop/**` matches no project", "invite it"]);
    place.gitlab.member(place.shop, place.bot, level::MAINTAINER);

    let token = |change: &dyn Fn(&mut flaglink::sandbox::gitlab::Token)| {
        place.gitlab.change(|model| {
            change(model.tokens.iter_mut().find(|token| token.secret == place.token).unwrap());
        });
    };
    token(&|token| token.scopes = vec!["read_api".to_owned()]);
    place.doctor(&[], &[]).await.names("token-scope", &["read_api", "`api`"]);
    token(&|token| token.scopes = vec!["read_user".to_owned()]);
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "token-scope", &["read_user"]);

    let day = |days: i64| {
        let at = Timestamp::now() + SignedDuration::from_hours(24 * days);
        Some(at.to_zoned(jiff::tz::TimeZone::UTC).date())
    };
    token(&|token| {
        token.scopes = vec!["api".to_owned()];
        token.expires_at = day(5);
    });
    place.doctor(&[], &[]).await.names("token-expiry", &["expires in 5 days"]);
    token(&|token| token.expires_at = day(1));
    place.doctor(&[], &[]).await.names("token-expiry", &["expires tomorrow, on", "00:00 UTC"]);
    token(&|token| token.expires_at = day(20));
    place.doctor(&[], &[]).await.says("look", "token-expiry", &["expires in 20 days"]);
    token(&|token| token.expires_at = day(200));
    place.doctor(&[], &[]).await.says("good", "token-expiry", &["expires in 200 days"]);
    token(&|token| token.expires_at = day(-1));
    place.doctor(&[], &[]).await.says("wrong", "token-alive", &["it has expired", "make a new one"]);
    place.gitlab.revoke_token(&place.token);
    place.doctor(&[], &[]).await.says("wrong", "token-alive", &["it was revoked", "make a new one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_rule_is_looked_at_as_well() {
    let place = Place::quiet().await;
    let own = place.gitlab.project("own/app", Visibility::Private);
    let bot = place.gitlab.project_token(own, level::DEVELOPER, &["read_api"]);
    place.write("own-token", &bot.secret);
    place.rewrite(
        "[[projects]]",
        "[[projects]]\nmatch = \"own/**\"\ntoken_file = \"own-token\"\n\n[[projects]]",
    );
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "token-scope", &["the token of `own/**`", "read_api"]);
    found.says("good", "token-scope", &["the token of [gitlab]"]);
    found.says("good", "rule-matches", &["own/app"]);
    place.gitlab.revoke_token(&bot.secret);
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "token-alive", &["the token of `own/**`", "revoked"]);
    found.says("good", "rule-matches", &["shop/web"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_gitlab_and_a_wrong_clock() {
    let place = Place::new().await;
    place.gitlab.change(|model| model.settings.version = "16.3.0-ee".to_owned());
    place.doctor(&[], &[]).await.says("wrong", "gitlab-version", &["16.3.0", "16.11"]);
    place.gitlab.change(|model| model.settings.version = "17.2.4".to_owned());
    place.doctor(&[], &[]).await.says("good", "gitlab-version", &["17.3", "17.4", "19.0"]);
    place.gitlab.change(|model| {
        model.settings.version = "19.1.0".to_owned();
        model.settings.clock_ahead = SignedDuration::from_mins(10);
    });
    let found = place.doctor(&[], &[]).await;
    found.names("gitlab-clock", &["behind GitLab's", "five minutes", "NTP"]);
    found.says("good", "gitlab-version", &["everything"]);
    place.gitlab.change(|model| model.settings.clock_ahead = SignedDuration::from_secs(-40));
    place.doctor(&[], &[]).await.says("look", "gitlab-clock", &["ahead of GitLab's"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_is_away_hangs_or_is_something_else() {
    let place = Place::new().await;
    let faults = place.gitlab.faults();
    let everything = |fault| {
        faults.clear();
        faults.add(Rule::everything(fault))
    };
    everything(Fault::html(200));
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "gitlab-reachable", &["not GitLab's API", "sign-in"]);
    assert!(!found.report.to_string().contains("DOCTYPE"));
    everything(Fault::redirect("https://login.example.com/?next=x"));
    place.doctor(&[], &[]).await.says("wrong", "gitlab-reachable", &["leads elsewhere", "login.example.com"]);
    everything(Fault::status(502));
    place.doctor(&[], &[]).await.says("wrong", "gitlab-reachable", &["trouble of its own"]);
    everything(Fault::status(404));
    place.doctor(&[], &[]).await.says("wrong", "gitlab-reachable", &["no GitLab at", "/api/v4"]);
    let held = everything(Fault::Hold);
    let began = Instant::now();
    let found = place.doctor(&["--patience", "1"], &[]).await;
    found.says("wrong", "gitlab-reachable", &["no answer within 1 s"]);
    assert!(began.elapsed() < Duration::from_secs(15), "it took {:?}", began.elapsed());
    found.says("good", "provider-key", &["Flagsmith"]);
    faults.clear();
    faults.release(held);
    place.gitlab.server().go_away().await;
    let found = place.doctor(&[], &[]).await;
    found.says("wrong", "gitlab-reachable", &["does not answer", "nothing listens there"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_with_the_flag_services() {
    let place = Place::new().await;
    let found = place.doctor(&[], &[("FLAGLINK_PROVIDERS__FLAGSMITH__PROJECT", "999")]).await;
    found.names("provider-project", &["no project 999", "(Web shop)"]);
    let found = place.doctor(&[], &[("FLAGLINK_PROVIDERS__UNLEASH__PROJECT", "nope")]).await;
    found.names("provider-project", &["no project nope", "default (Default)"]);

    place.flagsmith.change(|world| {
        for hook in &mut world.webhooks {
            hook.secret = "another one".to_owned();
        }
    });
    place.doctor(&[], &[]).await.names("provider-webhook", &["another secret"]);
    place.flagsmith.change(|world| {
        for hook in &mut world.webhooks {
            hook.url = "https://old.example.com/hooks/providers/flagsmith".to_owned();
        }
    });
    place
        .doctor(&[], &[])
        .await
        .names("provider-webhook", &["leads to https://old.example.com/", "is at http"]);

    place.flagsmith.revoke_api_key("flag-bot");
    let found = place.doctor(&[], &[]).await;
    found.names("provider-key", &["does not accept the key of flagsmith", "[providers.flagsmith]"]);
    place.unleash.revoke_token(&place.unleash_token);
    place.doctor(&[], &[]).await.says("wrong", "provider-key", &["Unleash does not accept the key"]);
    place.unleash.server().go_away().await;
    place.doctor(&[], &[]).await.says("wrong", "provider-key", &["Unleash does not answer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_and_what_is_full() {
    let place = Place::new().await;
    let found = place.doctor(&["--least-free", "999999999"], &[]).await;
    found.names("store-space", &["MB are free", "503", "make room"]);

    place.write("admin-token", "an-admin-token-that-is-long");
    let open =
        [("FLAGLINK_LISTEN__ADMIN", "0.0.0.0:9180"), ("FLAGLINK_LISTEN__ADMIN_TOKEN_FILE", "admin-token")];
    place.doctor(&[], &open).await.says("look", "admin-exposed", &["0.0.0.0:9180", "127.0.0.1"]);

    place.gitlab.set_visibility(place.shop, Visibility::Public);
    let found = place.doctor(&[], &[]).await;
    assert!(found.all("look").is_empty(), "values are hidden by themselves: {:#}", found.report);
    place.rewrite("match = \"shop/**\"", "match = \"shop/**\"\nvalues = \"show\"");
    place.doctor(&[], &[]).await.says("look", "values-shown", &["shop/web", "auto"]);

    let clear = [("FLAGLINK_GITLAB__URL", "http://gitlab.invalid")];
    place.doctor(&["--patience", "2"], &clear).await.says("look", "plain-http", &["gitlab.url", "https"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_configuration() {
    let place = Place::new().await;
    place.rewrite("catch_up = \"1h\"", "catch_upp = \"1h\"");
    let found = place.doctor(&[], &[]).await;
    found.names("config-file", &["flaglink.toml:", "`catch_up`"]);
    found.says("good", "daemon-running", &["has been running"]);
    place.rewrite("catch_upp", "catch_up");
    std::fs::remove_file(place.path("gitlab-token")).unwrap();
    place.doctor(&[], &[]).await.names("config-file", &["there is no file", "CREDENTIALS_DIRECTORY"]);
    std::fs::remove_file(place.path("flaglink.toml")).unwrap();
    place.doctor(&[], &[]).await.names("config-file", &["there is no configuration", "flaglink init"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_gitlab_that_leads_to_gitlab() {
    let place = Place::new().await;
    let faults = place.gitlab.faults();
    let url = place.gitlab.url();
    let secure = url.replace("http://", "https://");
    for (to, words) in [
        (
            format!("{url}/users/sign_in"),
            vec!["without a project's path".to_owned(), format!("write {url}, if")],
        ),
        (
            "/users/sign_in".to_owned(),
            vec!["without a project's path".to_owned(), format!("write {url}, if")],
        ),
        (format!("{url}/gitlab/api/v4/user"), vec![format!("write {url}/gitlab as")]),
        (
            "https://new.example.com/git/api/v4/user".to_owned(),
            vec!["https://new.example.com/git as".to_owned()],
        ),
        ("https://sso.example.com/login".to_owned(), vec!["a sign-in page means that a proxy".to_owned()]),
        ("https://other.example.com/users/sign_in".to_owned(), vec!["a sign-in page means".to_owned()]),
        (format!("{secure}/shop/web/api/v4/user"), vec![format!("write {secure}/shop/web as")]),
    ] {
        faults.clear();
        faults.add(Rule::everything(Fault::redirect(&to)));
        let of_a_project = format!("{url}/shop/web");
        let found = place.doctor(&[], &[("FLAGLINK_GITLAB__URL", &of_a_project)]).await;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        found.says("wrong", "gitlab-reachable", &words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_of_a_flag_service_where_something_else_answers() {
    let place = Place::new().await;
    let faults = place.flagsmith.faults();
    let nothing_to_mend = "nothing to mend here";
    for (fault, words, mends) in [
        (Fault::redirect("https://flags.example.com/api/v1/x"), "write the address that it leads to", true),
        (
            Fault::redirect("https://sso.example.com/login"),
            "a sign-in page means that one stands before",
            true,
        ),
        (Fault::html(200), "is the address of its API", true),
        (Fault::status(406), "is the address of Flagsmith's API", true),
        (Fault::status(500), nothing_to_mend, false),
    ] {
        faults.clear();
        faults.add(Rule::everything(fault));
        let found = place.doctor(&[], &[]).await;
        found.says(
            "wrong",
            "provider-key",
            &[words, if mends { "[providers.flagsmith]" } else { "tries again" }],
        );
        assert_eq!(found.report.to_string().contains(nothing_to_mend), !mends, "{:#}", found.report);
    }
    faults.clear();
    let at_gitlab = place.gitlab.url();
    let found = place.doctor(&[], &[("FLAGLINK_PROVIDERS__FLAGSMITH__URL", &at_gitlab)]).await;
    found.says("wrong", "provider-project", &["does Flagsmith answer there?", "is the address of its API"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_that_something_else_than_the_role_keeps_from_the_bot() {
    let mut place = Place::new().await;
    place.stop().await;
    place.gitlab.faults().add(Rule::new("GET", r"/projects/\d+/hooks", Fault::status(403)));
    let found = place.doctor(&[], &[]).await;
    let words = ["shop/web cannot be read", "something else refuses", "`api`", "proxy", "administrators"];
    found.says("wrong", "hook-there", &words);
}
