//! A proxy gives up, flaglink sends again, and what was sent first is carried out last: it undoes what was made true meanwhile,
//! and must not stay.

use flaglink::sandbox::faults::{Fault, Received, Rule, RuleId};
use flaglink::sandbox::gitlab::{Model, NoteableRef};

use crate::town::{PATIENCE, Town};

/// Until then a server may be at work on what it was sent. Longer than the stories take to come to their late moment.
const CEILING: &str = "request_ceiling = \"15s\"";

async fn a_town() -> Town {
    let mut town = Town::new().await;
    town.start_rewritten("request_ceiling = \"2s\"", CEILING).await;
    town
}

/// Somebody says it, and it is carried out; what was begun by it may not be over.
async fn says(town: &Town, on: NoteableRef, text: &str) {
    let note = town.gitlab.comment(town.mara, on, text).unwrap();
    let bot = town.bot;
    let done = move |model: &Model| model.reactions(note, bot).contains(&"white_check_mark");
    town.gitlab.until(PATIENCE, done).await.unwrap();
}

async fn has_label(town: &Town, on: NoteableRef, has: bool) {
    town.gitlab.until(PATIENCE, |model| model.noteables[&on].labels.is_empty() != has).await.unwrap();
}

/// The panel shows that value.
async fn shows(town: &Town, on: NoteableRef, value: &str) {
    let (bot, value) = (town.bot, format!("`{value}`"));
    let shown = |model: &Model| {
        model.notes.values().any(|note| note.on == on && note.author == bot && note.body.contains(&value))
    };
    town.gitlab.until(PATIENCE, shown).await.unwrap();
}

fn late(method: &str, path: &str) -> Rule {
    Rule::new(method, path, Fault::GiveUpThenWork).times(1)
}

async fn caught(faults: &flaglink::sandbox::faults::Faults, rule: RuleId) {
    while faults.hits(rule) == 0 {
        let seen = faults.log().len();
        faults.until(PATIENCE, |log| log.len() > seen).await.unwrap();
    }
}

#[tokio::test]
async fn an_edit_of_the_panel_that_comes_late_is_written_over() {
    let town = a_town().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let rule = town.gitlab.faults().add(late("PUT", r"/notes/\d+$"));
    town.ada.set_value("checkout_v2", "production", "first").unwrap();
    shows(&town, issue, "first").await;
    town.ada.set_value("checkout_v2", "production", "second").unwrap();
    shows(&town, issue, "second").await;

    town.gitlab.faults().release(rule);
    shows(&town, issue, "first").await;
    town.rest().await;
    shows(&town, issue, "second").await;
    town.end().await;
}

#[tokio::test]
async fn a_link_of_work_that_became_confidential_is_taken_away_when_it_comes_late() {
    let town = a_town().await;
    let issue = town.issue();
    let links = "/feature-external-resources/";
    let rule = town.flagsmith.faults().add(late("POST", links));
    says(&town, issue, "/flag link checkout_v2").await;
    caught(town.flagsmith.faults(), rule).await;
    let looks =
        |log: &[Received]| log.iter().filter(|one| one.method == "GET" && one.path.ends_with(links)).count();
    let before = looks(&town.flagsmith.faults().log());
    town.gitlab.set_confidential(town.mara, issue, true).unwrap();
    town.flagsmith.faults().until(PATIENCE, |log| looks(log) > before).await.unwrap();

    town.flagsmith.faults().release(rule);
    town.flagsmith.until(PATIENCE, |world| !world.resources.is_empty()).await.unwrap();
    town.rest().await;
    assert!(town.links("checkout_v2").is_empty(), "{:?}", town.links("checkout_v2"));
    town.end().await;
}

#[tokio::test]
async fn a_label_that_comes_late_goes_again_and_one_that_goes_late_comes_back() {
    let town = a_town().await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(late("PUT", r"/issues/\d+$"));
    says(&town, issue, "/flag link checkout_v2").await;
    has_label(&town, issue, true).await;
    says(&town, issue, "/flag unlink checkout_v2").await;
    has_label(&town, issue, false).await;
    town.gitlab.faults().release(rule);
    has_label(&town, issue, true).await;
    town.rest().await;
    assert!(town.labels(issue).is_empty());

    says(&town, issue, "/flag link checkout_v2").await;
    town.rest().await;
    let rule = town.gitlab.faults().add(late("PUT", r"/issues/\d+$"));
    says(&town, issue, "/flag unlink checkout_v2").await;
    caught(town.gitlab.faults(), rule).await;
    has_label(&town, issue, false).await;
    says(&town, issue, "/flag link checkout_v2").await;
    has_label(&town, issue, true).await;
    town.gitlab.faults().release(rule);
    has_label(&town, issue, false).await;
    town.rest().await;
    assert_eq!(town.labels(issue), ["Feature flag"], "nobody took it off");
    town.end().await;
}
