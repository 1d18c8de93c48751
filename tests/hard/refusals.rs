//! What GitLab refuses: for a moment, until an admin acts, and for good.

use flaglink::net::{Failure, Sent};
use flaglink::sandbox::faults::{Fault, Rule};

use crate::town::{Plan, Town};

/// An archived project refuses every edit of its panels: that is one thing to know, not one for every change of a flag.
#[tokio::test]
async fn what_is_refused_at_every_change_is_one_dead_letter() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let archived = town.gitlab.faults().add(Rule::new("PUT", "/notes/", Fault::status(403)));
    for on in [true, false, true] {
        town.ada.switch("checkout_v2", "production", on).unwrap();
        town.rest().await;
    }
    assert_eq!(town.gitlab.faults().hits(archived), 3);
    assert_eq!(town.dead().await.len(), 1);

    town.gitlab.faults().remove(archived);
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.rest().await;
    assert_eq!(town.row(issue, "checkout_v2").unwrap(), ["⚪ off `blue`", "🟢 on `blue`", "🟢 on `blue`"]);
    town.end().await;
}

/// GitLab answers 409 ("Resource lock") where another request holds the same thing for a moment.
#[tokio::test]
async fn a_resource_lock_is_no_refusal() {
    let town = Town::new().await;
    let issue = town.issue();
    let rules = [
        Rule::new("PUT", r"/issues/\d+$", Fault::status(409)).times(1),
        Rule::new("POST", r"/notes$", Fault::status(409)).times(1),
        Rule::new("POST", "/award_emoji$", Fault::status(409)).times(1),
    ]
    .map(|rule| town.gitlab.faults().add(rule));
    let note = town.says(issue, "/flag link checkout_v2").await;
    assert!(rules.iter().all(|rule| town.gitlab.faults().hits(*rule) == 1));
    let mut reactions = town.reactions(note);
    reactions.sort_unstable();
    assert_eq!(reactions, ["eyes", "white_check_mark"]);
    assert!(town.panel(issue).is_some());
    assert_eq!(town.labels(issue), ["Feature flag"]);
    assert!(town.dead().await.is_empty());
    town.end().await;
}

#[test]
fn a_token_without_the_scope_waits_for_an_admin() {
    let failure = |status, said: &str| Failure {
        status: Some(status),
        sent: Sent::No,
        retry_after: None,
        message: String::new(),
        said: said.to_owned(),
        foreign: false,
        unseen: None,
    };
    assert!(failure(401, "").is_unauthorized());
    assert!(failure(403, "insufficient_scope: The request requires higher privileges").is_unauthorized());
    assert!(!failure(403, "403 Forbidden").is_unauthorized());
    assert!(!failure(404, "insufficient_scope").is_unauthorized());
}

/// All of them write to the record of one comment. What came of each is known once: forgotten, it would be sent again.
#[tokio::test]
async fn what_is_refused_is_sent_once_however_many_are_refused_at_the_same_time() {
    let rule = "permissions = { toggle = \"developer\" }".to_owned();
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    let flags: Vec<String> = (0..8).map(|number| format!("flag_{number}")).collect();
    for flag in &flags {
        town.ada.new_flag(flag, false, "v").unwrap();
    }
    let rule = town.flagsmith.faults().add(Rule::new("PUT", "/featurestates/", Fault::status(403)));
    let lines: Vec<String> = flags.iter().map(|flag| format!("/flag on {flag} --env production")).collect();
    let note = town.says(issue, &lines.join("\n\n")).await;
    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert_eq!(town.flagsmith.faults().hits(rule), flags.len(), "{}", town.flagsmith.faults().describe());
    for flag in &flags {
        assert!(!town.ada.state(flag, "production").unwrap().0);
    }
    town.end().await;
}
