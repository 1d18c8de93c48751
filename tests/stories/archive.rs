//! Archiving flags from comments.

use flaglink::sandbox::faults::{Fault, Received, Rule};
use flaglink::sandbox::gitlab::Visibility;
use jiff::SignedDuration;

use super::town::{PATIENCE, Plan, Town};

const CHANGE: &str = r"/projects/\d+/features/\d+/$";

fn allowed() -> Plan {
    Plan { rule: "permissions = { archive = \"developer\" }".to_owned(), ..Plan::default() }
}

fn is_archiving(request: &Received) -> bool {
    request.method == "PATCH" && request.path.contains("/features/")
}

fn sent(town: &Town) -> usize {
    town.flagsmith.faults().log().iter().filter(|request| is_archiving(request)).count()
}

#[tokio::test]
async fn a_flag_is_archived_and_the_answer_says_how_it_was_and_where_it_is_linked() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    let secret = town.gitlab.issue(town.mara, town.shop, "Not for everybody", "").unwrap();
    town.gitlab.set_confidential(town.mara, secret, true).unwrap();
    let elsewhere = town.gitlab.project("shop/app", Visibility::Private);
    town.gitlab.member(elsewhere, town.bot, 40);
    town.gitlab.member(elsewhere, town.mara, 30);
    town.hooked(elsewhere);
    let other = town.gitlab.issue(town.mara, elsewhere, "The app", "").unwrap();
    for page in [issue, secret, other] {
        town.says(page, "/flag link checkout_v2").await;
    }
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;

    let note = town.says(issue, "/flag archive checkout_v2").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(
        town.answer(issue, note),
        "[`checkout_v2`] is archived in `flagsmith`. It was still on: `development` ⚪ off `blue`; `staging` ⚪ off `blue`; \
         `production` 🟢 on `blue`. It is still linked in [`shop/web#1`].",
        "neither confidential work nor another private project is named"
    );
    assert!(town.panel(issue).unwrap().body.contains("archived"), "the panel shows it at once");
    assert_eq!(sent(&town), 1);
    let again = town.says(issue, "/flag archive checkout_v2").await;
    assert_eq!(town.reactions(again), ["eyes", "white_check_mark"], "it is so already");
    assert_eq!(sent(&town), 1);
    town.end().await;
}

#[tokio::test]
async fn what_has_become_confidential_unheard_is_not_named_in_the_answer() {
    let town = Town::planned(allowed()).await;
    let (issue, secret) = (town.issue(), town.gitlab.issue(town.mara, town.shop, "Soon secret", "").unwrap());
    for page in [issue, secret] {
        town.says(page, "/flag link checkout_v2").await;
    }
    // No webhook tells of it.
    town.gitlab.change(|model| model.noteables.get_mut(&secret).unwrap().confidential = true);
    let note = town.says(issue, "/flag archive checkout_v2").await;
    let answer = town.answer(issue, note);
    assert!(answer.ends_with("It is still linked in [`shop/web#1`]."), "{answer}");
    town.end().await;
}

#[tokio::test]
async fn nobody_may_archive_unless_it_is_allowed() {
    let town = Town::new().await;
    let issue = town.issue();
    let note = town.says_as(town.tobias, issue, "/flag archive checkout_v2").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).starts_with("archiving flags here is switched off"));
    let by_guest = town.says_as(town.gus, issue, "/flag archive checkout_v2").await;
    assert_eq!(town.reactions(by_guest), ["eyes", "x"]);
    assert_eq!(sent(&town), 0);
    town.end().await;
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_and_a_refusal_is_told() {
    let town = Town::planned(allowed()).await;
    let issue = town.issue();
    town.flagsmith.faults().add(Rule::new("PATCH", CHANGE, Fault::WorkThenClose).times(1));
    let note = town.says(issue, "/flag archive checkout_v2").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(sent(&town), 1);

    // A proxy's page is no answer of the service's: asked again.
    town.ada.new_flag("old_banner", false, "x").unwrap();
    town.flagsmith.faults().add(Rule::new("PATCH", CHANGE, Fault::html(200)).times(1));
    let note = town.says(issue, "/flag archive old_banner").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(sent(&town), 3);

    town.flagsmith.faults().add(Rule::new("PATCH", CHANGE, Fault::status(403)).times(1));
    let note = town.says(issue, "/flag archive dark_mode").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).starts_with("nothing was done: "));
    assert_eq!(sent(&town), 4);

    let typo = town.says(issue, "/flag archive dark_mod").await;
    assert!(town.answer(issue, typo).contains("Did you mean `dark_mode`? Write `/flag archive dark_mode`."));
    town.end().await;
}

#[tokio::test]
async fn what_was_sent_is_never_said_not_to_be_done_where_nobody_can_look() {
    let permissions = "permissions = { archive = \"developer\", create = \"developer\" }";
    let mut town = Town::planned(Plan { rule: permissions.to_owned(), ..Plan::default() }).await;
    let issue = town.issue();
    let faults = town.flagsmith.faults().clone();
    let unknown = "this was sent, and whether it was done could not be found out (";

    // The flag is deleted while its archiving is looked for.
    faults.add(Rule::new("PATCH", CHANGE, Fault::Close));
    let note = town.gitlab.comment(town.mara, issue, "/flag archive dark_mode").unwrap();
    faults.until(PATIENCE, |log| log.iter().any(is_archiving)).await.unwrap();
    town.ada.delete("dark_mode").unwrap();
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    let said = town.gitlab.transcript(issue);
    assert!(said.contains(unknown) && !said.contains("nothing was done"), "{said}");

    // The service goes out of the configuration.
    faults.add(Rule::new("POST", r"/features/$", Fault::Close));
    let note = town.gitlab.comment(town.mara, issue, "/flag create checkout_v3").unwrap();
    let is_making = |one: &Received| one.method == "POST" && one.path.ends_with("/features/");
    faults.until(PATIENCE, |log| log.iter().any(is_making)).await.unwrap();
    town.start_rewritten("[providers.flagsmith]", "[providers.another]").await;
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    let said = town.gitlab.transcript(issue);
    assert!(said.contains("is not configured any more") && !said.contains("nothing was done"), "{said}");
    assert_eq!(said.matches(unknown).count(), 2, "{said}");
    town.end().await;
}

#[tokio::test]
async fn a_service_that_is_down_for_longer_than_two_minutes_archives_nothing_later() {
    let mut town = Town::planned(Plan { since: SignedDuration::from_mins(-10), ..allowed() }).await;
    let issue = town.issue();
    let faults = town.flagsmith.faults().clone();
    faults.add(Rule::new("PATCH", CHANGE, Fault::status(503)));
    let note = town.gitlab.comment(town.mara, issue, "/flag archive checkout_v2").unwrap();
    faults
        .until(PATIENCE, |log| log.iter().any(|one| is_archiving(one) && one.status.is_some()))
        .await
        .unwrap();
    town.stop().await;
    faults.clear();
    town.start().await;
    town.rest().await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "in time it goes on where it was");

    town.stop().await;
    let late = town.gitlab.comment(town.mara, issue, "/flag archive dark_mode").unwrap();
    town.gitlab.change(|model| {
        model.noteables.get_mut(&issue).unwrap().created_at -= SignedDuration::from_mins(5);
        let note = model.notes.get_mut(&late).unwrap();
        note.created_at -= SignedDuration::from_mins(3);
        note.updated_at = note.created_at;
    });
    town.start().await;
    let body = town.gitlab.read(|model| model.deliveries.values().next_back().unwrap().body.clone());
    assert_eq!(town.post(super::town::GITLAB_SECRET, &serde_json::from_str(&body).unwrap()).await, 200);
    town.rest().await;
    assert_eq!(town.reactions(late), ["eyes", "x"]);
    assert!(town.answer(issue, late).contains("could not do it in time"), "{}", town.answer(issue, late));
    town.end().await;
}

#[tokio::test]
async fn a_service_without_an_archive_says_so() {
    let more = "[providers.ours]\nkind = \"gitlab\"".to_owned();
    let town = Town::planned(Plan { more, ..allowed() }).await;
    town.gitlab.new_feature_flag(town.mara, town.shop, "ours_alone", false, Vec::new()).unwrap();
    let issue = town.issue();
    let note = town.says(issue, "/flag archive ours_alone").await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.answer(issue, note).starts_with("`ours` has no archive, so nothing was changed."));
    town.end().await;
}
