//! Who may do what, and what people without a role see.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::{Visibility, level};

use super::town::{PATIENCE, Plan, Town};

#[tokio::test]
async fn a_guest_is_told_which_role_is_needed() {
    let town = Town::new().await;
    let issue = town.issue();

    let link = town.says_as(town.gus, issue, "/flag link checkout_v2").await;
    assert_eq!(town.reactions(link), ["eyes", "x"]);
    assert_eq!(
        town.answer(issue, link),
        "linking flags here needs the role Developer in this project, and yours is Guest. Ask somebody who has it, or a maintainer for the role."
    );
    let status = town.says_as(town.gus, issue, "/flag status checkout_v2").await;
    assert_eq!(town.reactions(status), ["eyes", "x"]);
    assert!(town.answer(issue, status).starts_with("reading flags here needs the role Reporter"));

    // How a command is written is no secret.
    let typo = town.says_as(town.gus, issue, "/flag lnik checkout_v2").await;
    assert_eq!(town.answer(issue, typo), "there is no command `/flag lnik`. Did you mean `/flag link`?");
    assert!(town.panel(issue).is_none() && town.labels(issue).is_empty());
    town.end().await;
}

#[tokio::test]
async fn some_commands_of_a_comment_may_be_allowed_and_others_not() {
    let town = Town::new().await;
    let issue = town.issue();
    let rosa = town.gitlab.user("rosa");
    town.gitlab.member(town.shop, rosa, level::REPORTER);

    let note = town.says_as(rosa, issue, "/flag status dark_mode\n/flag link dark_mode").await;

    assert_eq!(town.reactions(note), ["eyes", "warning"]);
    let replies = town.replies(issue);
    assert_eq!(replies.len(), 2);
    assert!(replies[0].body.contains("the state now:"), "{}", replies[0].body);
    assert!(replies[1].body.contains("needs the role Developer in this project, and yours is Reporter"));
    assert!(town.panel(issue).is_none());
    town.end().await;
}

#[tokio::test]
async fn a_stranger_on_a_public_project_gets_a_sign_and_nobody_gets_mail() {
    let town = Town::planned(Plan { visibility: Some(Visibility::Public), ..Plan::default() }).await;
    let issue = town.issue();

    for text in ["/flag link checkout_v2", "/flag status checkout_v2", "/flag help", "/flag lnik"] {
        let note = town.says_as(town.stranger, issue, text).await;
        assert_eq!(town.reactions(note), ["eyes", "x"], "{text}");
    }
    let own = town.gitlab.issue(town.stranger, town.shop, "Please", "/flag link checkout_v2").unwrap();
    town.rest().await;
    assert_eq!(town.reactions_on_page(own), ["eyes", "x"]);

    assert!(town.bot_notes(issue).is_empty() && town.bot_notes(own).is_empty());
    assert!(town.links("checkout_v2").is_empty());
    town.end().await;
}

#[tokio::test]
async fn a_membership_that_is_not_active_is_none() {
    let town = Town::planned(Plan { visibility: Some(Visibility::Public), ..Plan::default() }).await;
    let issue = town.issue();
    town.gitlab.set_member_active(town.shop, town.mara, false);

    let note = town.says(issue, "/flag link checkout_v2").await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.bot_notes(issue).is_empty());
    town.end().await;
}

#[tokio::test]
async fn the_rule_says_which_role_is_needed() {
    let rule = "permissions = { read = \"guest\", link = \"maintainer\" }".to_owned();
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();

    let read = town.says_as(town.gus, issue, "/flag status dark_mode").await;
    assert_eq!(town.reactions(read), ["eyes", "white_check_mark"]);
    let link = town.says(issue, "/flag link dark_mode").await;
    assert!(town.answer(issue, link).starts_with(
        "linking flags here needs the role Maintainer in this project, and yours is Developer."
    ));
    let maintainer = town.says_as(town.tobias, issue, "/flag link dark_mode").await;
    assert_eq!(town.reactions(maintainer), ["eyes", "white_check_mark"]);
    let help = town.says_as(town.gus, issue, "/flag help").await;
    assert!(!town.answer(issue, help).contains("link KEY"));
    town.end().await;
}

#[tokio::test]
async fn what_is_switched_off_nobody_may() {
    let rule = "permissions = { link = \"none\" }".to_owned();
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();

    let note = town.says_as(town.tobias, issue, "/flag link dark_mode").await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert_eq!(
        town.answer(issue, note),
        "linking flags here is switched off for this project in flaglink's configuration. \
         An admin of flaglink can allow it (`permissions.link`)."
    );
    town.end().await;
}

#[tokio::test]
async fn the_role_counts_when_the_command_runs_not_when_it_was_taken() {
    let town = Town::new().await;
    let issue = town.issue();
    town.flagsmith.server().go_away().await;
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.until(PATIENCE, |model| model.reactions(note, town.bot) == ["eyes"]).await.unwrap();
    town.until_tried().await;

    town.gitlab.member(town.shop, town.mara, level::REPORTER);
    town.flagsmith.server().come_back().await.unwrap();
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(
        town.answer(issue, note).contains("needs the role Developer in this project, and yours is Reporter")
    );
    assert!(town.panel(issue).is_none());
    town.end().await;
}

#[tokio::test]
async fn replies_to_one_person_on_one_page_have_a_budget_and_commands_have_none() {
    let town = Town::new().await;
    let issue = town.issue();
    let thirty = "/flag list\n\n".repeat(30);
    town.says(issue, &thirty).await;
    assert_eq!(town.replies(issue).len(), 30);

    let over = town.says(issue, "/flag link checkout_v2 nope_nope\n/flag list\n/flag list").await;
    assert_eq!(town.reactions(over), ["eyes", "warning"]);
    assert!(town.row(issue, "checkout_v2").is_some(), "it ran");
    assert_eq!(town.replies(issue).len(), 31);
    assert_eq!(
        town.answer(issue, over),
        "you have got many replies here within an hour, so further commands still run and get their reaction, but no reply for a while."
    );
    town.says(issue, "/flag list").await;
    assert_eq!(town.replies(issue).len(), 31, "that is said once an hour");

    // The others, and the same person elsewhere, have theirs.
    town.says_as(town.tobias, issue, "/flag list").await;
    assert_eq!(town.replies(issue).len(), 32);
    let other = town.issue();
    town.says(other, "/flag list").await;
    assert_eq!(town.replies(other).len(), 1);
    town.end().await;
}

#[tokio::test]
async fn values_are_not_shown_where_everybody_reads() {
    let town = Town::planned(Plan { visibility: Some(Visibility::Public), ..Plan::default() }).await;
    let issue = town.issue();

    let note = town.says(issue, "/flag link checkout_v2 dark_mode\n/flag status\n/flag search check").await;
    town.ada.set("checkout_v2", "production", true, "violet").unwrap();
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(
        town.row(issue, "checkout_v2").unwrap(),
        ["⚪ off, value hidden", "⚪ off, value hidden", "🟢 on, value hidden"]
    );
    assert_eq!(town.row(issue, "dark_mode").unwrap(), ["⚪ off"; 3]);
    for note in town.bot_notes(issue) {
        assert!(!note.body.contains("blue") && !note.body.contains("violet"), "{}", note.body);
    }
    town.end().await;
}

#[tokio::test]
async fn the_rule_decides_about_values() {
    for (rule, visibility, shown) in [
        ("values = \"show\"", Visibility::Public, "⚪ off `blue`"),
        ("values = \"hide\"", Visibility::Private, "⚪ off, value hidden"),
        ("", Visibility::Internal, "⚪ off `blue`"),
    ] {
        let plan = Plan { rule: rule.into(), visibility: Some(visibility), ..Plan::default() };
        let town = Town::planned(plan).await;
        let issue = town.issue();
        town.says(issue, "/flag link checkout_v2").await;
        assert_eq!(town.row(issue, "checkout_v2").unwrap(), [shown; 3], "{rule}");
        town.end().await;
    }
}

#[tokio::test]
async fn nothing_runs_while_gitlab_does_not_say_who_somebody_is() {
    let town = Town::new().await;
    let issue = town.issue();
    let broken = town.gitlab.faults().add(Rule::new("GET", "/members/all/", Fault::status(500)).times(2));

    let note = town.says(issue, "/flag link checkout_v2").await;

    assert_eq!(town.gitlab.faults().hits(broken), 2);
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "it was asked again until it said so");
    town.end().await;
}
