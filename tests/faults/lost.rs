//! Answers that are lost, servers that are away, and work that another server finishes after we gave up on it.

use std::time::Duration;

use flaglink::domain::{Decision, Write};
use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{Fate, NoteableRef};
use flaglink::store::Store;
use flaglink::store::sled::{SledStore, StoreOptions};

use crate::kit::{dead, panel, queue, rest_within, until_queue};
use crate::town::{PATIENCE, Plan, Town};

/// Nothing here waits longer between two attempts than this, some times over.
const AFTER_AN_OUTAGE: Duration = Duration::from_secs(90);

/// One link and one typing error, everything of it once.
fn all_true(town: &Town, issue: NoteableRef, note: u64) {
    let mut reactions = town.reactions(note);
    reactions.sort_unstable();
    assert_eq!(reactions, ["eyes", "warning"], "{}", town.gitlab.transcript(issue));
    town.reply_to(issue, note);
    assert_eq!(town.replies(issue).len(), 1, "{}", town.gitlab.transcript(issue));
    assert!(panel(town, issue).contains("checkout_v2"));
    assert_eq!(town.labels(issue), ["Feature flag"]);
    let page = town.gitlab.read(|model| model.page_of(issue));
    assert_eq!(town.ada.links("checkout_v2").unwrap(), [page]);
}

const COMMAND: &str = "/flag link checkout_v2\n\n/flag lnik dark_mode";

#[tokio::test]
async fn gitlab_is_away_for_a_while() {
    let town = Town::new().await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(Rule::new("GET", r"/notes/\d+$", Fault::Hold));
    let note = town.gitlab.comment(town.mara, issue, COMMAND).unwrap();
    town.gitlab
        .faults()
        .until(PATIENCE, |log| log.iter().any(|request| request.path.contains("/notes/")))
        .await
        .unwrap();
    town.gitlab.server().go_away().await;
    until_queue(&town, |queue| queue.to_string().contains("no connection")).await;
    town.gitlab.faults().remove(rule);
    town.gitlab.server().come_back().await.unwrap();
    rest_within(&town, AFTER_AN_OUTAGE).await;
    all_true(&town, issue, note);
    town.end().await;
}

#[tokio::test]
async fn flagsmith_is_away_for_a_while() {
    let town = Town::new().await;
    let issue = town.issue();
    town.flagsmith.server().go_away().await;
    let note = town.gitlab.comment(town.mara, issue, COMMAND).unwrap();
    until_queue(&town, |queue| queue.to_string().contains("no connection")).await;
    // It is taken before Flagsmith is asked, and what needs no Flagsmith does not wait for it.
    let answered = |model: &flaglink::sandbox::gitlab::Model| {
        model.notes_by(issue, town.bot).len() == 1 && model.reactions(note, town.bot) == ["eyes"]
    };
    town.gitlab.until(PATIENCE, answered).await.unwrap();
    town.flagsmith.server().come_back().await.unwrap();
    rest_within(&town, AFTER_AN_OUTAGE).await;
    all_true(&town, issue, note);
    town.end().await;
}

#[tokio::test]
async fn both_are_away_while_flaglink_starts() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.rest().await;
    // Kept, and not yet understood, when everything stops.
    let rule = town.gitlab.faults().add(Rule::new("GET", r"/(projects/\d+|issues/\d+)$", Fault::status(503)));
    let note = town.gitlab.comment(town.mara, issue, COMMAND).unwrap();
    town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    town.stop().await;
    town.gitlab.server().go_away().await;
    town.flagsmith.server().go_away().await;
    town.start().await;
    until_queue(&town, |queue| queue.to_string().contains("no connection")).await;
    town.gitlab.faults().remove(rule);
    town.gitlab.server().come_back().await.unwrap();
    town.flagsmith.server().come_back().await.unwrap();
    rest_within(&town, AFTER_AN_OUTAGE).await;
    all_true(&town, issue, note);
    town.end().await;
}

/// GitLab keeps the `n`th comment and its answer is on the way when the connection breaks.
async fn the_answer_is_on_the_way(n: usize) {
    let town = Town::new().await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(Rule::new("POST", r"/notes$", Fault::HoldAnswer).after(n).times(1));
    let note = town.gitlab.comment(town.mara, issue, COMMAND).unwrap();
    town.gitlab.until(PATIENCE, |model| model.notes_by(issue, town.bot).len() > n).await.unwrap();
    assert_eq!(town.gitlab.faults().hits(rule), 1);
    town.gitlab.server().go_away().await;
    until_queue(&town, |queue| queue.to_string().contains("connection")).await;
    town.gitlab.server().come_back().await.unwrap();
    rest_within(&town, AFTER_AN_OUTAGE).await;
    all_true(&town, issue, note);
    assert_eq!(town.gitlab.faults().count("POST", r"/notes$"), 2, "nothing was sent a second time");
    town.end().await;
}

#[tokio::test]
async fn the_first_comments_answer_is_lost_on_the_way() {
    the_answer_is_on_the_way(0).await;
}

#[tokio::test]
async fn the_second_comments_answer_is_lost_on_the_way() {
    the_answer_is_on_the_way(1).await;
}

/// We gave up on the `n`th comment, looked for it in vain, and only then GitLab has done it.
async fn gitlab_is_late(n: usize) {
    let town = Town::new().await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(Rule::new("POST", r"/notes$", Fault::Hold).after(n).times(1));
    let note = town.gitlab.comment(town.mara, issue, COMMAND).unwrap();
    let held = |log: &[flaglink::sandbox::faults::Received]| {
        log.iter()
            .find(|request| request.fault.as_deref() == Some("hold") && !request.body.is_empty())
            .cloned()
    };
    town.gitlab.faults().until(PATIENCE, |log| held(log).is_some()).await.unwrap();
    let body = held(&town.gitlab.faults().log()).unwrap().json()["body"].as_str().unwrap().to_owned();
    let looked = town.gitlab.faults().count("GET", r"/notes\?");
    town.gitlab.server().go_away().await;
    town.gitlab.server().come_back().await.unwrap();
    town.gitlab
        .faults()
        .until(PATIENCE, |log| {
            let answered = log
                .iter()
                .filter(|one| one.path.ends_with("/notes") && one.method == "GET" && one.status.is_some());
            answered.count() > looked
        })
        .await
        .unwrap();
    // Another of GitLab's processes comes to it now.
    town.gitlab.comment(town.bot, issue, &body).unwrap();
    rest_within(&town, AFTER_AN_OUTAGE).await;
    all_true(&town, issue, note);
    assert_eq!(town.gitlab.faults().hits(rule), 1);
    town.end().await;
}

#[tokio::test]
async fn the_first_comment_appears_after_we_looked() {
    gitlab_is_late(0).await;
}

#[tokio::test]
async fn the_second_comment_appears_after_we_looked() {
    gitlab_is_late(1).await;
}

#[tokio::test]
async fn somebody_else_with_our_marker_is_not_us() {
    // The marker stands in a public comment: whoever copies it must not keep the true answer away.
    let town = Town::new().await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(Rule::new("POST", r"/notes$", Fault::Hold).times(1));
    let note = town.gitlab.comment(town.mara, issue, COMMAND).unwrap();
    town.gitlab
        .faults()
        .until(PATIENCE, |log| log.iter().any(|one| one.fault.is_some() && !one.body.is_empty()))
        .await
        .unwrap();
    let log = town.gitlab.faults().log();
    let body =
        log.iter().find(|one| one.fault.is_some()).unwrap().json()["body"].as_str().unwrap().to_owned();
    town.gitlab.comment(town.gus, issue, &body).unwrap();
    town.gitlab.server().go_away().await;
    town.gitlab.server().come_back().await.unwrap();
    rest_within(&town, AFTER_AN_OUTAGE).await;
    all_true(&town, issue, note);
    assert_eq!(town.gitlab.faults().hits(rule), 1);
    town.end().await;
}

#[tokio::test]
async fn a_comment_that_gitlab_does_not_show_yet_is_read_again() {
    let town = Town::new().await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(Rule::new("GET", r"/notes/\d+$", Fault::status(404)).times(1));
    let note = town.says(issue, COMMAND).await;
    assert_eq!(town.gitlab.faults().hits(rule), 1);
    all_true(&town, issue, note);
    town.end().await;
}

#[tokio::test]
async fn what_cannot_be_understood_for_a_day_is_given_up_and_sent_again_lives() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.daemon().caught_up(1).await;
    town.rest().await;
    let rule = town.gitlab.faults().add(Rule::new("GET", r"/notes/\d+$", Fault::status(403)));
    let note = town.gitlab.comment(town.mara, issue, COMMAND).unwrap();
    until_queue(&town, |queue| queue["inbox"][0]["attempts"].as_u64().is_some_and(|attempts| attempts > 0))
        .await;
    assert!(dead(&town).await.is_empty());
    town.stop().await;
    // A day of attempts goes by.
    {
        let store = SledStore::open(&town.folder().join("store"), StoreOptions::default()).unwrap();
        let [id] = store.inbox().await.unwrap().try_into().unwrap();
        let mut decision = Decision::new();
        for _ in 0..3_000 {
            decision.write(Write::InboxLater {
                id,
                not_before: jiff::Timestamp::now(),
                reason: "403".into(),
            });
        }
        store.commit(decision).await.unwrap();
    }
    town.start().await;
    until_queue(&town, |queue| queue["counts"]["dead"] == 1).await;
    let [why] = dead(&town).await.try_into().unwrap();
    assert!(why.contains("403"), "{why}");
    assert!(town.bot_notes(issue).is_empty());

    town.gitlab.faults().remove(rule);
    let delivery = town.gitlab.read(|model| {
        let note = model.deliveries.values().rfind(|delivery| delivery.event == "Note Hook").unwrap();
        note.id
    });
    let sent: Fate = town.gitlab.resend(town.tobias, delivery).await.unwrap();
    assert!(sent.is_success());
    rest_within(&town, AFTER_AN_OUTAGE).await;
    all_true(&town, issue, note);
    assert_eq!(queue(town.daemon().admin()).await.unwrap()["counts"]["dead"], 0);
    town.end().await;
}

#[tokio::test]
async fn a_reply_into_a_thread_that_is_gone_is_said_beside_it() {
    let town = Town::planned(Plan::default()).await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(Rule::new("POST", r"/discussions/\w+/notes$", Fault::status(404)));
    let note = town.gitlab.comment_in_thread(town.mara, issue, "/flag lnik x").unwrap();
    town.rest().await;
    assert!(town.gitlab.faults().hits(rule) > 0);
    assert!(town.reply_to(issue, note).contains("lnik"));
    assert!(dead(&town).await.is_empty());
    town.end().await;
}
