//! Flagsmith's flags.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::NoteableRef;

use crate::kit::{FLAGS, believe, doubted, edits, get, not_found, panel, until_ready_says};
use crate::town::{PATIENCE, Plan, Town};

const ASKS: &str = "linked flags any more";

/// A town whose flags are all linked on one issue.
async fn linked(plan: Plan) -> (Town, NoteableRef) {
    let town = Town::planned(plan).await;
    for flag in FLAGS {
        town.ada.new_flag(flag, true, "blue").unwrap();
    }
    let issue = town.issue();
    town.says(issue, &format!("/flag link {}", FLAGS.join(" "))).await;
    assert!(not_found(&panel(&town, issue)).is_empty());
    (town, issue)
}

fn polled() -> Plan {
    Plan { no_flag_webhook: true, ..Plan::default() }
}

/// An answer with nothing in it.
fn empty() -> Fault {
    Fault::Answer {
        status: 200,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: r#"{"count":0,"next":null,"previous":null,"results":[]}"#.to_owned(),
    }
}

/// Every list is empty, and every flag that is asked for by its number is not there.
fn forgets_everything(town: &Town) {
    town.flagsmith.faults().add(Rule::new("GET", r"/features/\d+/", Fault::status(404)));
    town.flagsmith.faults().add(Rule::new("GET", r"/features/", empty()));
}

/// So many more polls have come and gone.
async fn polls(town: &Town, many: usize) {
    let list = regex::Regex::new(r"/features/\?environment=1&").unwrap();
    let count = |log: &[flaglink::sandbox::faults::Received]| {
        log.iter().filter(|request| list.is_match(&request.path_and_query())).count()
    };
    let wanted = count(&town.flagsmith.faults().log()) + many;
    town.flagsmith.faults().until(PATIENCE, |log| count(log) >= wanted).await.unwrap();
    town.rest().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_forgets_everything_is_not_believed_and_all_is_as_before_when_it_remembers() {
    let (mut town, issue) = linked(polled()).await;
    let (before, edits_before) = (panel(&town, issue), edits(&town));
    forgets_everything(&town);
    let said = until_ready_says(&town, |said| said.contains(ASKS)).await;
    assert!(said.contains("flagsmith does not know 6 of its 6"), "{said}");
    assert!(said.contains("`flaglink links believe flagsmith`"), "{said}");
    assert_eq!(doubted(&town, "flagsmith").await, 6);
    // Long enough for two reads apart.
    polls(&town, 3).await;
    assert_eq!((panel(&town, issue), edits(&town)), (before.clone(), edits_before));
    // A restart does not make it believed either.
    town.stop().await;
    town.start().await;
    until_ready_says(&town, |said| said.contains(ASKS)).await;
    polls(&town, 2).await;
    assert_eq!((panel(&town, issue), edits(&town)), (before, edits_before));

    town.flagsmith.faults().clear();
    until_ready_says(&town, |said| !said.contains(ASKS)).await;
    assert_eq!(doubted(&town, "flagsmith").await, 0);
    assert_eq!(edits(&town), edits_before);
    town.ada.switch("alpha", "production", false).unwrap();
    polls(&town, 2).await;
    assert!(panel(&town, issue).contains("on → off"), "{}", panel(&town, issue));
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_of_flags_that_are_not_found_are_not_believed_either() {
    let (town, issue) = linked(Plan::default()).await;
    let (before, edits_before) = (panel(&town, issue), edits(&town));
    forgets_everything(&town);
    for flag in FLAGS {
        town.ada.switch(flag, "production", false).unwrap();
    }
    town.rest().await;
    let said = get(&town, "/readyz").await;
    assert!(said.contains("flagsmith does not know 6 of its 6"), "{said}");
    assert_eq!((panel(&town, issue), edits(&town)), (before, edits_before));
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_flag_that_is_deleted_is_believed_and_of_many_an_admin_is_asked() {
    let (town, issue) = linked(polled()).await;
    town.ada.delete("zeta").unwrap();
    let gone = |model: &flaglink::sandbox::gitlab::Model| {
        let notes = model.notes_by(issue, town.bot);
        notes.iter().any(|note| !not_found(&note.body).is_empty())
    };
    town.gitlab.until(PATIENCE, gone).await.unwrap();
    assert_eq!(not_found(&panel(&town, issue)), ["zeta"]);
    assert!(!get(&town, "/readyz").await.contains(ASKS));
    assert!(believe(&town, "flagsmith").await.starts_with("HTTP/1.1 404"));

    let edits_before = edits(&town);
    for flag in ["alpha", "beta", "gamma", "delta"] {
        town.ada.delete(flag).unwrap();
    }
    let said = until_ready_says(&town, |said| said.contains(ASKS)).await;
    assert!(said.contains("flagsmith does not know 4 of its 5"), "{said}");
    polls(&town, 3).await;
    assert_eq!(edits(&town), edits_before);
    // What is still there is shown as it is.
    town.ada.switch("epsilon", "production", false).unwrap();
    polls(&town, 2).await;
    assert!(panel(&town, issue).contains("`epsilon` on → off"), "{}", panel(&town, issue));
    assert_eq!(not_found(&panel(&town, issue)), ["zeta"]);

    // Over TCP nobody changes anything without the token; on the socket the admin says it.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/api/v1/providers/believe", town.daemon().admin());
    let request = client.post(url).header("content-type", "application/json");
    let refused = request.body(r#"{"provider":"flagsmith"}"#).send().await.unwrap();
    assert_eq!(refused.status().as_u16(), 403);
    let answer = believe(&town, "flagsmith").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""flags":4"#), "{answer}");
    town.rest().await;
    assert_eq!(not_found(&panel(&town, issue)), ["alpha", "beta", "gamma", "delta", "zeta"]);
    // They stay linked.
    assert_eq!(FLAGS.iter().filter(|flag| town.row(issue, flag).is_some()).count(), FLAGS.len());
    assert!(!get(&town, "/readyz").await.contains(ASKS));
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_errors_are_no_news_of_flags() {
    let (town, issue) = linked(polled()).await;
    let (before, edits_before) = (panel(&town, issue), edits(&town));
    // The whole project is not to be seen any more: the rights of the key were narrowed.
    town.flagsmith.faults().add(Rule::new("GET", r"/projects/", Fault::status(404)));
    polls(&town, 4).await;
    assert!(!get(&town, "/readyz").await.contains(ASKS));
    assert_eq!((panel(&town, issue), edits(&town)), (before, edits_before));
    town.flagsmith.faults().clear();
    town.end().await;
}

/// What an admin says is about those that were asked about, and about no others.
#[tokio::test(flavor = "multi_thread")]
async fn an_admins_word_is_not_about_what_goes_after_it() {
    let (town, issue) = linked(polled()).await;
    let others = ["one", "two", "three", "four", "five", "six"];
    for flag in others {
        town.ada.new_flag(flag, true, "blue").unwrap();
    }
    town.says(issue, &format!("/flag link {}", others.join(" "))).await;
    for flag in others {
        town.ada.delete(flag).unwrap();
    }
    until_ready_says(&town, |said| said.contains("6 of its 12")).await;
    assert!(believe(&town, "flagsmith").await.contains("\"flags\":6"));
    let gone = |model: &flaglink::sandbox::gitlab::Model| {
        let notes = model.notes_by(issue, town.bot);
        notes.iter().any(|note| note.body.matches("not found in").count() == others.len())
    };
    town.gitlab.until(PATIENCE, gone).await.unwrap();
    until_ready_says(&town, |said| !said.contains(ASKS)).await;
    // Nor about as many others, when those that it was about are linked no more.
    town.says(issue, &format!("/flag unlink {}", others[..4].join(" "))).await;
    polls(&town, 2).await;

    let (before, edits_before) = (panel(&town, issue), edits(&town));
    forgets_everything(&town);
    let said = until_ready_says(&town, |said| said.contains(ASKS)).await;
    assert!(said.contains("6 of its 6") && said.contains("after 2 that were deleted just before"), "{said}");
    polls(&town, 3).await;
    assert_eq!((panel(&town, issue), edits(&town)), (before, edits_before));
    town.end().await;
}

/// Of a flag whose deletion the service itself tells it is certain: however many went before it in the same minutes, the next are
/// believed, and nobody is asked.
#[tokio::test(flavor = "multi_thread")]
async fn flags_that_are_deleted_one_after_the_other_are_each_told() {
    let (town, issue) = linked(Plan::default()).await;
    for gone in FLAGS.chunks(2) {
        for flag in gone {
            town.ada.delete(flag).unwrap();
        }
        let shown = |model: &flaglink::sandbox::gitlab::Model| {
            let notes = model.notes_by(issue, town.bot);
            notes.iter().any(|note| gone.iter().all(|flag| not_found(&note.body).contains(flag)))
        };
        town.gitlab.until(PATIENCE, shown).await.unwrap();
        assert!(!get(&town, "/readyz").await.contains(ASKS));
    }
    town.end().await;
}
