//! What hangs holds up nothing but itself.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{NoteableRef, Visibility, level};

use crate::town::{PATIENCE, Plan, Town};

/// More pages than things are carried out at the same time.
const MANY: usize = 80;

#[tokio::test(flavor = "multi_thread")]
async fn a_project_whose_requests_hang_does_not_hold_up_another_ones_commands() {
    let town = Town::new().await;
    let slow = town.gitlab.project("shop/slow", Visibility::Private);
    for (who, role) in [(town.bot, level::MAINTAINER), (town.mara, level::DEVELOPER)] {
        town.gitlab.member(slow, who, role);
    }
    town.hooked(slow);
    let hang = Rule::new("*", &format!("^/api/v4/projects/{slow}(/|$)"), Fault::Hold);
    let hang = town.gitlab.faults().add(hang);
    let there: Vec<NoteableRef> =
        (0..MANY).map(|n| town.gitlab.issue(town.mara, slow, &format!("Slow {n}"), "").unwrap()).collect();
    for page in &there {
        town.gitlab.comment(town.mara, *page, "/flag status checkout_v2").unwrap();
    }
    // Every one of them is there and waits; as many as ever will hang.
    town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    town.gitlab
        .faults()
        .until(PATIENCE, |log| log.iter().filter(|request| request.fault.is_some()).count() >= 8)
        .await
        .unwrap();

    let issue = town.issue();
    let link = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let done = |model: &flaglink::sandbox::gitlab::Model| {
        model.reactions(link, town.bot) == ["eyes", "white_check_mark"]
            && !model.notes_by(issue, town.bot).is_empty()
    };
    town.gitlab.until(PATIENCE, done).await.unwrap();
    town.ada.switch("checkout_v2", "production", true).unwrap();
    let switched = |model: &flaglink::sandbox::gitlab::Model| {
        model.notes_by(issue, town.bot).iter().any(|note| note.body.contains("🟢 on"))
    };
    town.gitlab.until(PATIENCE, switched).await.unwrap();
    // All of that went by while nothing of the slow project was answered.
    let answered = town.gitlab.faults().requests("*", &format!("/projects/{slow}(/|$)"));
    assert!(answered.iter().all(|request| request.status.is_none()), "{}", town.gitlab.faults().describe());

    town.gitlab.faults().remove(hang);
    town.rest().await;
    for page in there {
        assert_eq!(town.replies(page).len(), 1, "{}", town.gitlab.transcript(page));
    }
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_hangs_does_not_hold_up_what_others_are_told_of_a_flag() {
    let rule = "tell = [\"production\"]".to_owned();
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let slow = town.gitlab.project("shop/slow", Visibility::Private);
    for (who, role) in [(town.bot, level::MAINTAINER), (town.mara, level::DEVELOPER)] {
        town.gitlab.member(slow, who, role);
    }
    town.hooked(slow);
    let there = town.gitlab.issue(town.mara, slow, "Slow", "").unwrap();
    let issue = town.issue();
    for page in [there, issue] {
        town.says(page, "/flag link checkout_v2").await;
    }
    let hang = Rule::new("*", &format!("^/api/v4/projects/{slow}(/|$)"), Fault::Hold);
    let hang = town.gitlab.faults().add(hang);
    town.ada.switch("checkout_v2", "production", true).unwrap();
    let told = |model: &flaglink::sandbox::gitlab::Model| {
        let notes = model.notes_by(issue, town.bot);
        notes.iter().filter(|note| note.body.contains("🟢 on")).count() == 2
    };
    town.gitlab.until(PATIENCE, told).await.unwrap();
    let unanswered = town.gitlab.faults().requests("*", &format!("/projects/{slow}/.*/notes"));
    assert!(unanswered.iter().all(|request| request.fault.is_none() || request.status.is_none()));
    town.gitlab.faults().remove(hang);
    town.rest().await;
    assert!(town.panel(there).unwrap().body.contains("🟢 on"), "{}", town.gitlab.transcript(there));
    town.end().await;
}
