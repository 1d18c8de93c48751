//! The configuration is read again while the daemon runs.

use std::time::Duration;

use flaglink::sandbox::faults::{Fault, Received, Rule};
use flaglink::sandbox::gitlab::Model;
use jiff::Timestamp;
use serde_json::json;

use super::town::{GITLAB_SECRET, PATIENCE, Plan, Town};

#[tokio::test]
async fn rules_permissions_and_services_are_followed_from_then_on() {
    let rule = "permissions = { link = \"developer\" }".to_owned();
    let mut town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.links("checkout_v2").len(), 1);

    // Only maintainers may link now, and the panel hides values: it is made true without anybody writing anything.
    let to = "permissions = { link = \"maintainer\" }\n            values = \"hide\"";
    town.reload("permissions = { link = \"developer\" }", to).await.unwrap();
    town.rest().await;
    assert!(!town.panel(issue).unwrap().body.contains("`blue`"), "{}", town.page(issue));
    let note = town.says(issue, "/flag link dark_mode").await;
    assert!(town.reply_to(issue, note).contains("Maintainer"), "{}", town.page(issue));
    assert!(town.links("dark_mode").is_empty());

    // A second project has a rule now; it was silent before.
    let there = town.gitlab.issue(town.mara, town.elsewhere, "Elsewhere", "").unwrap();
    town.says(there, "/flag link dark_mode").await;
    town.assert_silence(there);
    town.a_second_later();
    let to = "match = \"other/**\"\n            [[projects]]\n            match = \"shop/**\"";
    town.reload("match = \"shop/**\"", to).await.unwrap();
    town.a_second_later();
    town.says(there, "/flag link checkout_v2").await;
    assert!(town.panel(there).is_some(), "{}", town.page(there));
    assert_eq!(town.links("dark_mode").len(), 0, "what was said before the rule is history");
    town.end().await;
}

#[tokio::test]
async fn one_that_is_wrong_changes_nothing_and_says_why() {
    let mut town = Town::new().await;
    let issue = town.issue();
    for (from, to, why) in [
        ("[[projects]]", "[[project]]", "project"),
        ("match = \"shop/**\"", "match = \"shop/[\"", "match"),
        ("token_file = \"gitlab-token\"", "token_file = \"no-such-file\"", "no-such-file"),
        ("kind = \"flagsmith\"", "kind = \"flagsmiht\"", "flagsmith"),
    ] {
        let said = town.reload(from, to).await.unwrap_err();
        assert!(said.contains(why) && said.contains("flaglink.toml:"), "{said}");
    }
    // Another GitLab, or a service by another name with links, is not followed under everybody's feet.
    let url = format!("url = \"{}\"", town.gitlab.url());
    let said = town.reload(&url, "url = \"http://127.0.0.1:9\"").await.unwrap_err();
    assert!(said.contains("start it again"), "{said}");
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.links("checkout_v2").len(), 1, "the one from before is in force");
    let said = town.reload("[providers.flagsmith]", "[providers.flags]").await.unwrap_err();
    assert!(said.contains("`flagsmith`") && said.contains("formerly"), "{said}");
    let to = "[providers.flags]\n            formerly = [\"flagsmith\"]";
    let said = town.reload("[providers.flagsmith]", to).await.unwrap_err();
    assert!(said.contains("start it again"), "{said}");
    town.says(issue, "/flag link dark_mode").await;
    assert_eq!(town.links("dark_mode").len(), 1, "the one from before is in force");
    town.end().await;
}

#[tokio::test]
async fn secrets_are_read_again() {
    let town = Town::new().await;
    let issue = town.issue();
    let body = json!({ "object_kind": "nothing" });
    assert_eq!(town.post(GITLAB_SECRET, &body).await, 200);

    // GitLab's webhook gets a new secret; both are good while it is changed there.
    town.write("webhook-secret", &format!("{GITLAB_SECRET}\nanother-secret-of-the-webhook"));
    town.daemon().reload().await.unwrap();
    assert_eq!(town.post(GITLAB_SECRET, &body).await, 200);
    assert_eq!(town.post("another-secret-of-the-webhook", &body).await, 200);
    town.write("webhook-secret", "another-secret-of-the-webhook");
    town.daemon().reload().await.unwrap();
    assert_eq!(town.post(GITLAB_SECRET, &body).await, 401);

    // The bot's token is taken back, and what was said meanwhile waits for the new one.
    town.write("webhook-secret", GITLAB_SECRET);
    town.daemon().reload().await.unwrap();
    let new = town.gitlab.token(town.bot, &["api"]);
    let old = std::fs::read_to_string(town.folder().join("gitlab-token")).unwrap();
    town.gitlab.revoke_token(&old);
    town.write("gitlab-token", &new);
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let refused = |requests: &[Received]| requests.iter().any(|request| request.status == Some(401));
    town.gitlab.faults().until(PATIENCE, refused).await.unwrap();
    town.daemon().reload().await.unwrap();
    let bot = town.bot;
    let done = |model: &Model| model.reactions(note, bot).contains(&"white_check_mark");
    town.gitlab.until(PATIENCE * 2, done).await.unwrap();
    town.rest().await;
    assert_eq!(town.links("checkout_v2").len(), 1);
    town.end().await;
}

/// Whatever is certainly refused does not come into force, and what only cannot be asked does.
#[tokio::test]
async fn tokens_and_keys_are_tried_before_they_come_into_force() {
    let mut town = Town::new().await;
    let issue = town.issue();
    let read = |name: &str| std::fs::read_to_string(town.folder().join(name)).unwrap();
    let (token, key) = (read("gitlab-token"), read("flagsmith-key"));
    let too_small = town.gitlab.token(town.bot, &["read_api"]);
    let revoked = town.gitlab.token(town.bot, &["api"]);
    town.gitlab.revoke_token(&revoked);
    for (file, wrong, words) in [
        ("gitlab-token", revoked.as_str(), "the token of [gitlab]"),
        ("gitlab-token", too_small.as_str(), "read_api"),
        ("flagsmith-key", "mistyped.key", "`api_key_file` in [providers.flagsmith]"),
    ] {
        town.write(file, wrong);
        let said = town.daemon().reload().await.unwrap_err();
        assert!(said.contains(words) && said.contains("reload again"), "{said}");
        town.write("gitlab-token", &token);
        town.write("flagsmith-key", &key);
    }
    let match_one = "match = \"shop/**\"";
    let of_rule = format!("{match_one}\n            token_file = \"rule-token\"");
    town.write("rule-token", &too_small);
    let said = town.reload(match_one, &of_rule).await.unwrap_err();
    assert!(said.contains("[[projects]] entry `shop/**`"), "{said}");
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.links("checkout_v2").len(), 1, "the one from before is in force");

    // One that is new, and nobody can say whether it is good.
    town.write("gitlab-token", &town.gitlab.token(town.bot, &["api"]));
    let away = Rule::everything(Fault::status(502));
    let away = [town.gitlab.faults(), town.flagsmith.faults()].map(|faults| faults.add(away.clone()));
    town.write("flagsmith-key", &town.flagsmith.new_api_key("another"));
    town.reload(match_one, match_one).await.unwrap();
    town.gitlab.faults().remove(away[0]);
    town.flagsmith.faults().remove(away[1]);
    town.says(issue, "/flag link dark_mode").await;
    assert_eq!(town.links("dark_mode").len(), 1);
    town.end().await;
}

#[tokio::test]
async fn what_runs_meanwhile_ends_once_and_what_cannot_change_is_named() {
    let rule = "panel = true".to_owned();
    let mut town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    let slow = Rule::new("POST", "/feature-external-resources/", Fault::Delay(Duration::from_secs(2)));
    town.flagsmith.faults().add(slow.times(1));
    town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let begun = |requests: &[Received]| {
        requests
            .iter()
            .any(|request| request.method == "POST" && request.path.ends_with("/feature-external-resources/"))
    };
    town.flagsmith.faults().until(PATIENCE, begun).await.unwrap();
    let labels = ["panel = true", "label = \"One\"", "label = \"Two\"", "label = \"Flagged\""];
    for pair in labels.windows(2) {
        town.reload(pair[0], pair[1]).await.unwrap();
    }
    town.rest().await;
    assert_eq!(town.links("checkout_v2").len(), 1);
    assert_eq!(town.bot_notes(issue).len(), 1, "{}", town.page(issue));
    assert_eq!(town.labels(issue), ["Flagged"]);

    let reloaded = town.reload("path = \"store\"", "path = \"another-store\"").await.unwrap();
    assert_eq!(reloaded.at_the_next_start, ["store.path"]);
    let reloaded = town.reload("label = \"Flagged\"", "label = \"\"").await.unwrap();
    assert_eq!(reloaded.at_the_next_start, ["store.path"], "it is told until it is so");
    town.rest().await;
    assert_eq!(town.labels(issue), Vec::<String>::new());
    town.end().await;
}

/// A flag service that asks to be left alone is left alone by the new reading, too, which makes a client of its own.
#[tokio::test]
async fn what_a_service_has_asked_for_is_remembered() {
    const ASKED: Duration = Duration::from_secs(6);
    let town = Town::new().await;
    let issue = town.issue();
    town.flagsmith.faults().add(Rule::everything(Fault::too_many(Some(ASKED.as_secs()))).times(1));
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let refused = |requests: &[Received]| requests.iter().any(|request| request.status == Some(429));
    town.flagsmith.faults().until(PATIENCE, refused).await.unwrap();
    town.daemon().reload().await.unwrap();
    let read_again = Timestamp::now();

    let bot = town.bot;
    let done = |model: &Model| model.reactions(note, bot).contains(&"white_check_mark");
    town.gitlab.until(PATIENCE * 2, done).await.unwrap();
    let log = town.flagsmith.faults().log();
    let opens = log.iter().find(|request| request.status == Some(429)).unwrap().at + ASKED;
    let too_soon: Vec<&Received> =
        log.iter().filter(|request| request.at > read_again && request.at < opens).collect();
    assert!(too_soon.is_empty(), "{too_soon:?}");
    town.end().await;
}

#[tokio::test]
async fn however_often_it_is_read_again_nothing_that_came_in_is_left_lying() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.stop().await;
    let notes: Vec<u64> =
        (0..30).map(|_| town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap()).collect();
    town.start().await;
    // The timed work, which finds them all, is let go of at whatever it is doing.
    for _ in 0..40 {
        town.daemon().reload().await.unwrap();
    }
    let bot = town.bot;
    let answered =
        |model: &Model| notes.iter().all(|note| model.reactions(*note, bot).contains(&"white_check_mark"));
    town.gitlab.until(PATIENCE * 2, answered).await.unwrap();
    town.rest().await;
    assert_eq!(town.waiting().await, 0, "something lies on disk and in no lane");
    assert_eq!(town.links("checkout_v2").len(), 1);
    town.end().await;
}
