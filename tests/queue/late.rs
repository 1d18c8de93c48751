//! What is taken back too late is not done late: whoever asked for it is told.

use flaglink::sandbox::gitlab::NoteableRef;
use jiff::{SignedDuration, Timestamp, ToSpan};

use flaglink::store::Store;

use crate::kit::{assert_empty, commands_given_up, given_up, queue, store, write};
use crate::town::{PATIENCE, Plan, Town};

fn days_ago() -> Plan {
    Plan { since: SignedDuration::from_hours(-72), ..Plan::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_the_day_before_yesterday_is_answered_that_it_is_too_late() {
    let mut town = Town::planned(days_ago()).await;
    let issue = town.issue();
    let two_days_ago = Timestamp::now() - 48.hours();
    let late = |record: &mut flaglink::domain::NoteRecord| record.commands[0].written_at = two_days_ago;
    let note = commands_given_up(&mut town, issue, "/flag link checkout_v2", late).await;
    town.start().await;
    assert_eq!(queue(&town, &["retry", "--all"]).await.code, 0);
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).contains("waited for more than a day"));
    assert!(town.panel(issue).is_none() && town.labels(issue).is_empty());
    assert_empty(&town).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_switched_hours_after_it_was_asked_for() {
    let rule = "permissions = { toggle = \"developer\" }\ntoggle_in = { staging = \"developer\" }".to_owned();
    let mut town = Town::planned(Plan { rule, ..days_ago() }).await;
    let issue = town.issue();
    let an_hour_ago = Timestamp::now() - 1.hour();
    let late = |record: &mut flaglink::domain::NoteRecord| record.commands[0].written_at = an_hour_ago;
    let note = commands_given_up(&mut town, issue, "/flag on checkout_v2 --env staging", late).await;
    town.start().await;
    assert_eq!(queue(&town, &["retry", "--all"]).await.code, 0);
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).contains("within two minutes of the command or not at all"));
    assert_eq!(town.flagsmith.faults().count("(?i)put", "featurestates"), 0);
    assert_empty(&town).await;
    town.end().await;
}

/// A comment of that many hours ago whose webhook was kept and given up; GitLab and the daemon are there again.
async fn old_delivery(town: &mut Town, who: fn(&Town) -> u64, hours: i64) -> (NoteableRef, u64) {
    let issue = town.issue();
    town.rest().await;
    town.gitlab.server().go_away().await;
    let note = town.gitlab.comment(who(town), issue, "/flag link checkout_v2\n/flag list").unwrap();
    town.gitlab.change(|model| {
        let then = Timestamp::now() - hours.hours();
        model.noteables.get_mut(&issue).unwrap().created_at = then;
        let note = model.notes.get_mut(&note).unwrap();
        (note.created_at, note.updated_at) = (then, then);
    });
    town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    town.stop().await;
    let store = store(town);
    for id in store.inbox().await.unwrap() {
        write(&store, [given_up(id)]).await;
    }
    drop(store);
    town.gitlab.server().come_back().await.unwrap();
    town.start().await;
    (issue, note)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_that_nobody_read_for_two_days_is_answered_once() {
    let mut town = Town::planned(days_ago()).await;
    let (issue, note) = old_delivery(&mut town, |town| town.mara, 48).await;
    assert_eq!(queue(&town, &["retry", "--all"]).await.code, 0);
    town.rest().await;
    assert_eq!(town.reactions(note), ["x"], "{}", town.gitlab.transcript(issue));
    assert!(town.answer(issue, note).contains("waited for more than a day"));
    assert!(town.panel(issue).is_none() && town.labels(issue).is_empty());
    // And it stays at that, however often its webhook comes.
    let body = town.gitlab.read(|model| {
        let mut bodies = model.deliveries.values().rev().map(|delivery| delivery.json());
        bodies.find(|body| body["object_attributes"]["id"] == note).unwrap()
    });
    assert_eq!(town.post(crate::town::GITLAB_SECRET, &body).await, 200);
    town.rest().await;
    assert_eq!(town.replies(issue).len(), 1);
    assert_empty(&town).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_gets_a_sign_and_no_mail() {
    let mut town =
        Town::planned(Plan { visibility: Some(flaglink::sandbox::gitlab::Visibility::Public), ..days_ago() })
            .await;
    let (issue, note) = old_delivery(&mut town, |town| town.stranger, 48).await;
    assert_eq!(queue(&town, &["retry", "--all"]).await.code, 0);
    town.rest().await;
    assert_eq!(town.reactions(note), ["x"], "{}", town.gitlab.transcript(issue));
    assert!(town.bot_notes(issue).is_empty(), "{}", town.gitlab.transcript(issue));
    town.end().await;
}
