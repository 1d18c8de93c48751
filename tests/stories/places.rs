//! Where a command counts, and how a rule changes what is seen.

use flaglink::sandbox::gitlab::IssueType;

use super::town::{Plan, Town, as_read, without_marker};

#[tokio::test]
async fn only_plain_paragraphs_hold_commands() {
    let town = Town::new().await;
    let issue = town.issue();
    let places = [
        "```\n/flag link checkout_v2\n```",
        "~~~\n/flag link checkout_v2\n~~~",
        "    /flag link checkout_v2",
        "> /flag link checkout_v2",
        ">>>\n/flag link checkout_v2\n\n/flag link checkout_v2\n>>>",
        "- /flag link checkout_v2",
        "1. one\n   /flag link checkout_v2",
        "| a |\n| - |\n| b |\n/flag link checkout_v2",
        "# /flag link checkout_v2",
        "/flag link checkout_v2\n===",
        "<div>\n/flag link checkout_v2\n</div>",
        "<!--\n/flag link checkout_v2\n-->",
        "`code over\n/flag link checkout_v2\nlines`",
        "Write /flag link checkout_v2 to link it.",
        " /flag link checkout_v2",
        "/flag\tlink checkout_v2",
        "/flagsmith link checkout_v2",
    ];
    for text in places {
        let note = town.says(issue, text).await;
        assert!(town.reactions(note).is_empty(), "{text}\n{}", town.gitlab.transcript(issue));
    }
    town.assert_silence(issue);

    let note = town
        .says(issue, "```\n/flag link dark_mode\n```\n\n> like this\n\n/flag link checkout_v2\r\nThanks!")
        .await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.row(issue, "checkout_v2").is_some());
    assert_eq!(town.row(issue, "dark_mode"), None);
    town.end().await;
}

#[tokio::test]
async fn gitlabs_own_quick_actions_stand_beside_ours() {
    let town = Town::new().await;
    let issue = town.issue();

    let note = town.says(issue, "/flag link checkout_v2\n/close\nDone with it.").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.row(issue, "checkout_v2").is_some());
    let (state, text) =
        town.gitlab.read(|model| (model.noteables[&issue].state.name(), model.notes[&note].body.clone()));
    assert_eq!(state, "closed", "GitLab ran its own");
    assert!(text.contains("/flag link checkout_v2"), "and left ours where it was: {text}");
    town.end().await;
}

#[tokio::test]
async fn tasks_and_incidents_are_work_like_any_other() {
    let town = Town::new().await;
    for kind in [IssueType::Task, IssueType::Incident] {
        let work = town.gitlab.work_item(town.mara, town.shop, kind, "Look into it").unwrap();
        let note = town.says(work, "/flag link checkout_v2").await;
        assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
        assert!(town.row(work, "checkout_v2").is_some());
        assert_eq!(town.labels(work), ["Feature flag"]);
    }
    assert_eq!(town.links("checkout_v2").len(), 2);
    town.end().await;
}

#[tokio::test]
async fn a_rule_without_panel_and_label_still_links() {
    let rule = "panel = false\nlabel = \"\"".to_owned();
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();

    let note = town.says(issue, "/flag link checkout_v2").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.bot_notes(issue).is_empty(), "{}", town.gitlab.transcript(issue));
    assert!(town.labels(issue).is_empty());
    assert_eq!(town.links("checkout_v2"), [town.page(issue)]);
    let list = town.says(issue, "/flag list").await;
    assert!(town.answer(issue, list).contains("checkout_v2"));
    town.end().await;
}

#[tokio::test]
async fn the_label_is_the_one_of_the_rule_and_people_have_the_last_word_about_it() {
    let rule = "label = \"rollout::🚩 flag\"".to_owned();
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.labels(issue), ["rollout::🚩 flag"]);

    // Taken off by a person it stays off, until the next link.
    town.gitlab.remove_labels(town.mara, issue, &["rollout::🚩 flag"]).unwrap();
    town.rest().await;
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.rest().await;
    assert!(town.labels(issue).is_empty());
    town.says(issue, "/flag link dark_mode").await;
    assert_eq!(town.labels(issue), ["rollout::🚩 flag"]);
    town.says(issue, "/flag unlink --all").await;
    assert!(town.labels(issue).is_empty());

    // Put on by a person it is theirs, and stays when the last flag goes.
    let other = town.issue();
    town.gitlab.add_labels(town.mara, other, &["rollout::🚩 flag", "urgent"]).unwrap();
    town.says(other, "/flag link checkout_v2").await;
    town.says(other, "/flag unlink checkout_v2").await;
    assert_eq!(town.labels(other), ["rollout::🚩 flag", "urgent"]);
    town.end().await;
}

#[tokio::test]
async fn a_project_without_a_rule_sees_nothing_of_the_bot() {
    let town = Town::new().await;
    let issue = town.gitlab.issue(town.mara, town.elsewhere, "Here too?", "/flag link checkout_v2").unwrap();
    town.rest().await;
    town.says(issue, "/flag link checkout_v2").await;
    town.says(issue, "/flag hlep").await;
    town.says(issue, "@flag-bot flag help").await;
    town.assert_silence(issue);
    assert!(town.links("checkout_v2").is_empty());
    town.end().await;
}

#[tokio::test]
async fn a_description_of_something_new_carries_commands_too() {
    let town = Town::new().await;
    let text = "## What\n\nBehind a flag.\n\n/flag link checkout_v2\n/flag link nope_nope";
    let issue = town.gitlab.issue(town.mara, town.shop, "With a template", text).unwrap();
    let request = town.gitlab.merge_request(town.mara, town.shop, "The code", text).unwrap();
    town.rest().await;

    for place in [issue, request] {
        assert_eq!(town.reactions_on_page(place), ["eyes", "warning"]);
        assert!(town.row(place, "checkout_v2").is_some());
        assert_eq!(town.labels(place), ["Feature flag"]);
        let replies = town.replies(place);
        assert_eq!(replies.len(), 1);
        assert_eq!(
            as_read(&without_marker(&replies[0].body)),
            "The command in the description: `flagsmith` has no flag `nope_nope`. Write `/flag search TEXT` to find one."
        );
        assert!(town.gitlab.read(|model| model.unresolved_threads(place).is_empty()));
    }

    // Later edits of a description are no commands.
    town.gitlab.describe(town.mara, issue, "/flag link dark_mode").unwrap();
    town.rest().await;
    assert_eq!(town.row(issue, "dark_mode"), None);
    town.end().await;
}
