//! The same of the other services.

use flaglink::sandbox::faults::{Fault, Faults, Rule};
use flaglink::sandbox::gitlab::{NoteableRef, level};
use flaglink::sandbox::unleash::Unleash;

use crate::kit::{FLAGS, doubted, edits, not_found, panel, until_ready_says};
use crate::town::{PATIENCE, Plan, Town};

/// A list that is empty, or a flag that is not there, in the words of the service.
fn answer(status: u16, body: &str) -> Fault {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Fault::Answer { status, headers, body: body.to_owned() }
}

/// Waits until a provider is doubted, and for longer than it takes to believe a single one.
async fn is_not_believed(town: &Town, issue: NoteableRef, provider: &str, faults: &Faults, asked: &str) {
    let (before, edits_before) = (panel(town, issue), edits(town));
    let said = until_ready_says(town, |said| said.contains("linked flags any more")).await;
    assert!(said.contains(&format!("{provider} does not know 6 of its 6")), "{said}");
    assert_eq!(doubted(town, provider).await, 6);
    let asked = regex::Regex::new(asked).unwrap();
    let polls = |log: &[flaglink::sandbox::faults::Received]| {
        log.iter().filter(|request| asked.is_match(&request.path)).count()
    };
    let wanted = polls(&faults.log()) + 3;
    faults.until(PATIENCE, |log| polls(log) >= wanted).await.unwrap();
    town.rest().await;
    assert_eq!((panel(town, issue), edits(town)), (before.clone(), edits_before));

    faults.clear();
    until_ready_says(town, |said| !said.contains("linked flags any more")).await;
    assert_eq!((panel(town, issue), edits(town)), (before, edits_before));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unleash_that_forgets_everything_is_not_believed() {
    let unleash = Unleash::start().await.unwrap();
    let ada = unleash.person("ada");
    for flag in FLAGS {
        ada.new_flag(flag, "").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("unleash-token");
    std::fs::write(&token, unleash.token()).unwrap();
    let more = format!(
        "[providers.unleash]\nkind = \"unleash\"\nurl = \"{}\"\napi_token_file = \"{}\"\npoll = \"5s\"",
        unleash.url(),
        token.display()
    );
    let rule = "providers = [\"unleash\"]".to_owned();
    let town = Town::planned(Plan { rule, more, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, &format!("/flag link {}", FLAGS.join(" "))).await;
    assert!(town.row(issue, "zeta").is_some(), "{}", town.gitlab.transcript(issue));

    let words =
        r#"{"name":"NotFoundError","message":"There's no feature named \"x\" in project \"default\"."}"#;
    unleash.faults().add(Rule::new("GET", "/features/", answer(404, words)));
    is_not_believed(&town, issue, "unleash", unleash.faults(), "/features/alpha$").await;

    // One that is deleted is believed as ever.
    ada.archive("zeta").unwrap();
    ada.delete("zeta").unwrap();
    let gone = |model: &flaglink::sandbox::gitlab::Model| {
        model.notes_by(issue, town.bot).iter().any(|note| !not_found(&note.body).is_empty())
    };
    town.gitlab.until(PATIENCE, gone).await.unwrap();
    assert_eq!(not_found(&panel(&town, issue)), ["zeta"]);
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_forgets_every_flag_is_not_believed() {
    let more = "[providers.own]\nkind = \"gitlab\"\npoll = \"5s\"".to_owned();
    let rule = "providers = [\"own\"]".to_owned();
    let town = Town::planned(Plan { rule, more, ..Plan::default() }).await;
    town.gitlab.member(town.shop, town.tobias, level::MAINTAINER);
    for flag in FLAGS {
        town.gitlab.new_feature_flag(town.tobias, town.shop, flag, true, Vec::new()).unwrap();
    }
    town.rest().await;
    let issue = town.issue();
    town.says(issue, &format!("/flag link {}", FLAGS.join(" "))).await;
    assert!(town.row(issue, "zeta").is_some(), "{}", town.gitlab.transcript(issue));

    let faults = town.gitlab.faults();
    faults.add(Rule::new("GET", "/feature_flags/", Fault::status(404)));
    faults.add(Rule::new("GET", r"/feature_flags($|\?)", answer(200, "[]")));
    is_not_believed(&town, issue, "own", faults, "/feature_flags$").await;

    town.gitlab.delete_feature_flag(town.tobias, town.shop, "zeta").unwrap();
    let gone = |model: &flaglink::sandbox::gitlab::Model| {
        model.notes_by(issue, town.bot).iter().any(|note| !not_found(&note.body).is_empty())
    };
    town.gitlab.until(PATIENCE, gone).await.unwrap();
    assert_eq!(not_found(&panel(&town, issue)), ["zeta"]);
    town.end().await;
}
