//! The panel and the label: touched when the truth changed, healed when somebody else touched them.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::NoteableRef;

use crate::kit::{edits, history, panel};
use crate::town::{Plan, Town};

/// How often the page itself was changed: labels.
fn changes(town: &Town, on: NoteableRef) -> usize {
    town.gitlab.faults().count("PUT", &format!(r"/projects/{}/[a-z_]+/{}$", on.project, on.iid))
}

#[tokio::test]
async fn nothing_is_touched_while_nothing_changes() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let before = (edits(&town, issue), changes(&town, issue), town.bot_notes(issue).len());
    town.says(issue, "/flag link checkout_v2").await;
    town.gitlab.retitle(town.mara, issue, "Another title").unwrap();
    town.gitlab.add_labels(town.mara, issue, &["bug"]).unwrap();
    town.rest().await;
    town.stop().await;
    town.start().await;
    town.rest().await;
    assert_eq!((edits(&town, issue), changes(&town, issue), town.bot_notes(issue).len()), before);
    town.end().await;
}

#[tokio::test]
async fn a_panel_that_was_deleted_is_made_again() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let first = town.panel(issue).unwrap();
    town.gitlab.delete_note(town.tobias, first.id).unwrap();
    town.rest().await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    let second = town.panel(issue).unwrap();
    assert_ne!(second.id, first.id);
    assert!(second.body.contains("off → on"), "{}", second.body);
    town.ada.switch("checkout_v2", "production", false).unwrap();
    town.rest().await;
    assert_eq!(town.panel(issue).unwrap().id, second.id);
    town.end().await;
}

#[tokio::test]
async fn a_panel_that_somebody_wrote_into_is_put_right() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let first = town.panel(issue).unwrap();
    town.gitlab.edit_note(town.tobias, first.id, "#### 🚩 Feature flags\n\nnothing to see here").unwrap();
    town.rest().await;
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.rest().await;
    let now = town.panel(issue).unwrap();
    assert_eq!(now.id, first.id);
    assert!(now.body.contains("checkout_v2") && !now.body.contains("nothing to see"), "{}", now.body);
    town.end().await;
}

#[tokio::test]
async fn a_panel_whose_answer_was_lost_is_adopted() {
    let town = Town::new().await;
    let issue = town.issue();
    let rule = town.gitlab.faults().add(Rule::new("POST", r"/notes$", Fault::WorkThenClose).times(1));
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.gitlab.faults().hits(rule), 1);
    let first = town.panel(issue).unwrap();
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.rest().await;
    assert_eq!(town.panel(issue).unwrap().id, first.id);
    assert!(panel(&town, issue).contains("off → on"));
    town.end().await;
}

#[tokio::test]
async fn the_last_unlink_says_so_and_the_next_link_takes_the_panel_up_again() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2 dark_mode").await;
    let first = town.panel(issue).unwrap();
    town.says(issue, "/flag unlink checkout_v2").await;
    assert_eq!(town.labels(issue), ["Feature flag"], "one flag is left");
    town.says(issue, "/flag unlink --all").await;
    let text = panel(&town, issue);
    assert!(text.contains("The last flag was unlinked"), "{text}");
    assert_eq!(history(&text, &["unlinked by"]).len(), 2, "{text}");
    assert!(town.labels(issue).is_empty());
    for flag in ["checkout_v2", "dark_mode"] {
        assert!(town.ada.links(flag).unwrap().is_empty());
    }
    town.says(issue, "/flag link dark_mode").await;
    let text = town.panel(issue).unwrap();
    assert_eq!(text.id, first.id);
    assert!(text.body.contains("| [`dark_mode`]"), "{}", text.body);
    assert_eq!(town.labels(issue), ["Feature flag"]);
    town.end().await;
}

#[tokio::test]
async fn a_panel_deleted_after_the_last_unlink_is_not_missed() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let first = town.panel(issue).unwrap();
    town.gitlab.delete_note(town.tobias, first.id).unwrap();
    town.says(issue, "/flag unlink checkout_v2").await;
    assert!(town.panel(issue).is_none(), "{}", town.gitlab.transcript(issue));
    assert!(town.labels(issue).is_empty());
    town.end().await;
}

#[tokio::test]
async fn a_label_that_a_person_took_off_stays_off_until_the_next_link() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.gitlab.remove_labels(town.mara, issue, &["Feature flag"]).unwrap();
    town.rest().await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.gitlab.retitle(town.mara, issue, "Another").unwrap();
    town.rest().await;
    assert!(town.labels(issue).is_empty());
    town.says(issue, "/flag link dark_mode").await;
    assert_eq!(town.labels(issue), ["Feature flag"]);
    town.says(issue, "/flag unlink --all").await;
    assert!(town.labels(issue).is_empty());
    town.end().await;
}

#[tokio::test]
async fn a_label_that_was_taken_off_unseen_stays_off_too() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2 dark_mode").await;
    town.gitlab.drop_deliveries(true);
    town.gitlab.remove_labels(town.mara, issue, &["Feature flag"]).unwrap();
    town.gitlab.drop_deliveries(false);
    town.says(issue, "/flag unlink dark_mode").await;
    assert!(town.labels(issue).is_empty());
    town.end().await;
}

#[tokio::test]
async fn a_label_that_was_there_before_stays_after() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.add_labels(town.tobias, issue, &["Feature flag", "bug"]).unwrap();
    town.rest().await;
    town.says(issue, "/flag link checkout_v2").await;
    town.says(issue, "/flag unlink checkout_v2").await;
    let mut labels = town.labels(issue);
    labels.sort_unstable();
    assert_eq!(labels, ["Feature flag", "bug"]);
    town.end().await;
}

#[tokio::test]
async fn neither_panel_nor_label_where_the_rule_wants_none() {
    let town = Town::planned(Plan { rule: "panel = false\nlabel = \"\"".into(), ..Plan::default() }).await;
    let issue = town.issue();
    let note = town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.bot_notes(issue).is_empty() && town.labels(issue).is_empty());
    town.end().await;
}
