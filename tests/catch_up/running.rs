//! While flaglink runs: webhooks that never come, and a GitLab that is not well.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::Visibility;

use crate::kit::{assert_done, back, caught, caught_up, metric};
use crate::town::{PATIENCE, Plan, Town};

async fn often() -> Town {
    Town::planned(Plan { catch_up: Some("1s"), ..Plan::default() }).await
}

#[tokio::test]
async fn what_no_webhook_told_is_found_by_and_by() {
    let town = often().await;
    let (issue, linked) = (town.issue(), town.issue());
    town.says(linked, "/flag link dark_mode").await;
    town.gitlab.drop_deliveries(true);
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2\n/flag list").unwrap();
    town.gitlab.close(town.mara, linked).unwrap();

    town.gitlab
        .until(PATIENCE, |model| model.reactions(note, town.bot) == ["eyes", "white_check_mark"])
        .await
        .unwrap();
    town.flagsmith
        .until(PATIENCE, |world| world.resources.values().any(|page| page.metadata["state"] == "closed"))
        .await
        .unwrap();
    town.rest().await;
    let found = caught(&town).await;
    assert!(found[1] > 0 && found[3] > 0, "{found:?}");
    caught_up(&town, 3).await;
    assert_done(&town, issue, note);
    assert_eq!(town.replies(issue).len(), 1);
    assert_eq!(caught(&town).await, found, "however often it is looked");
    town.end().await;
}

/// A reaction changes a comment's moment, and the bot's own do: that is no news.
#[tokio::test]
async fn what_was_handled_is_not_asked_again() {
    let town = often().await;
    let issue = town.issue();
    let note = town.says(issue, "/flag link checkout_v2\n/flag list").await;
    let seen_before = r#"flaglink_ignored_total{source="gitlab",reason="seen_before"}"#;
    // Looks are so frequent here that one may have met it before its webhook did.
    let before = (caught(&town).await, metric(&town, seen_before).await);
    town.gitlab.react(town.tobias, note, "thumbsup").unwrap();
    caught_up(&town, 3).await;
    assert_eq!((caught(&town).await, metric(&town, seen_before).await), before);

    // Where nothing happens, nothing is written either.
    let written = || std::fs::read(town.folder().join("store/links.jsonl")).unwrap_or_default();
    let before = written();
    caught_up(&town, 2).await;
    assert_eq!(before, written());
    town.end().await;
}

#[tokio::test]
async fn a_project_that_fails_keeps_none_of_the_others_waiting() {
    let mut town = Town::new().await;
    let other = town.gitlab.project("shop/api", Visibility::Private);
    for (who, level) in [(town.bot, 40), (town.mara, 30)] {
        town.gitlab.member(other, who, level);
    }
    town.stop().await;
    back(&mut town).await;
    town.stop().await;
    // What is written within the second in which a project is first seen counts as history.
    town.a_second_later();
    let issue = town.issue();
    let here = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let page = town.gitlab.issue(town.mara, other, "Elsewhere", "").unwrap();
    let there = town.gitlab.comment(town.mara, page, "/flag link checkout_v2").unwrap();
    town.gitlab.change(|model| model.deliveries.clear());
    let faults = town.gitlab.faults().clone();
    let path = format!("/projects/{}/issues\\?", town.shop);
    let broken = faults.add(Rule::new("GET", &path, Fault::status(500)));

    town.start().await;
    town.gitlab
        .until(PATIENCE, |model| model.reactions(there, town.bot) == ["eyes", "white_check_mark"])
        .await
        .unwrap();
    assert!(town.reactions(here).is_empty());
    assert!(faults.hits(broken) < 10, "it is not asked without end: {}", faults.hits(broken));
    faults.remove(broken);
    // It comes to it without waiting for the next run; after several failures it takes its time.
    town.gitlab
        .until(PATIENCE * 3, |model| model.reactions(here, town.bot) == ["eyes", "white_check_mark"])
        .await
        .unwrap();
    town.rest().await;
    assert_done(&town, issue, here);
    assert_done(&town, page, there);
    town.end().await;
}

#[tokio::test]
async fn a_gitlab_that_is_away_at_the_start_is_caught_up_when_it_is_back() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.rest().await;
    town.stop().await;
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    town.gitlab.change(|model| model.deliveries.clear());
    town.gitlab.server().go_away().await;
    town.start().await;
    town.daemon().caught_up(2).await;
    town.gitlab.server().come_back().await.unwrap();

    town.gitlab
        .until(PATIENCE, |model| model.reactions(note, town.bot) == ["eyes", "white_check_mark"])
        .await
        .unwrap();
    town.rest().await;
    assert_done(&town, issue, note);
    town.end().await;
}

/// Asked to be left alone, it leaves GitLab alone.
#[tokio::test]
async fn too_many_requests_end_a_run() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.rest().await;
    town.stop().await;
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let faults = town.gitlab.faults().clone();
    let limited = faults.add(Rule::new("GET", "/issues\\?", Fault::too_many(Some(2))).times(1));
    let before = faults.log().len();
    town.start().await;
    town.gitlab
        .until(PATIENCE, |model| model.reactions(note, town.bot) == ["eyes", "white_check_mark"])
        .await
        .unwrap();
    town.rest().await;
    assert_done(&town, issue, note);
    assert_eq!(faults.hits(limited), 1);
    assert!(faults.log().len() - before < 100, "{}", faults.describe());
    town.end().await;
}
