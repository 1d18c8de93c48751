//! Many links that are suddenly gone from the flags, where taking them off there counts.

use serde_json::json;

use crate::kit::{FLAGS, believe, panel, until_ready_says};
use crate::town::{PATIENCE, Plan, Town};

const ASKS: &str = "do not stand on their flags";

#[tokio::test(flavor = "multi_thread")]
async fn many_links_that_are_gone_at_once_are_asked_about() {
    let plan = Plan { rule: "adopt = true".to_owned(), no_flag_webhook: true, ..Plan::default() };
    let mut town = Town::planned(plan).await;
    for flag in FLAGS {
        town.ada.new_flag(flag, true, "blue").unwrap();
    }
    let issue = town.issue();
    town.says(issue, &format!("/flag link {}", FLAGS.join(" "))).await;
    let page = town.page(issue);
    for flag in FLAGS {
        town.ada.unlink(flag, &page).unwrap();
    }
    let said = until_ready_says(&town, |said| said.contains(ASKS)).await;
    assert!(
        said.contains("6 of 6 links") && said.contains("`flaglink links believe flagsmith/links`"),
        "{said}"
    );
    // A restart does not make it believed either.
    town.stop().await;
    town.start().await;
    until_ready_says(&town, |said| said.contains(ASKS)).await;
    let before = panel(&town, issue);
    assert!(FLAGS.iter().all(|flag| before.contains(flag)), "{before}");

    // One that is put on again there is not missed any more.
    let metadata = json!({ "title": "again", "state": "opened" });
    town.ada.link("alpha", "GITLAB_ISSUE", &format!("{page}#again"), metadata).unwrap();
    until_ready_says(&town, |said| said.contains("5 of 6 links")).await;
    assert!(believe(&town, "flagsmith/links").await.contains("\"flags\":5"));
    let unlinked = |model: &flaglink::sandbox::gitlab::Model| {
        let notes = model.notes_by(issue, town.bot);
        notes.iter().any(|note| note.body.matches("taken off in `flagsmith`").count() == 5)
    };
    town.gitlab.until(2 * PATIENCE, unlinked).await.unwrap();
    town.rest().await;
    assert!(town.row(issue, "alpha").is_some() && town.row(issue, "beta").is_none());
    until_ready_says(&town, |said| !said.contains(ASKS)).await;
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_off_before_weighs_with_those_and_is_told_apart() {
    let plan = Plan { rule: "adopt = true".to_owned(), no_flag_webhook: true, ..Plan::default() };
    let town = Town::planned(plan).await;
    for flag in FLAGS {
        town.ada.new_flag(flag, true, "blue").unwrap();
    }
    let issue = town.issue();
    town.says(issue, &format!("/flag link {}", FLAGS.join(" "))).await;
    let page = town.page(issue);
    let (first, others) = FLAGS.split_at(2);
    for flag in first {
        town.ada.unlink(flag, &page).unwrap();
    }
    let unlinked = |model: &flaglink::sandbox::gitlab::Model| {
        let notes = model.notes_by(issue, town.bot);
        notes.iter().any(|note| note.body.matches("taken off in `flagsmith`").count() == 2)
    };
    town.gitlab.until(2 * PATIENCE, unlinked).await.unwrap();
    for flag in others {
        town.ada.unlink(flag, &page).unwrap();
    }
    let said = until_ready_says(&town, |said| said.contains(ASKS)).await;
    assert!(
        said.contains("4 of 4 links") && said.contains("after 2 that were taken off just before"),
        "{said}"
    );
    assert!(believe(&town, "flagsmith/links").await.contains("\"flags\":4"));
    town.end().await;
}
