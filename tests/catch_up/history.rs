//! What is history, or a copy, stays so: catching up is no way around any rule.

use flaglink::sandbox::gitlab::{Model, NoteableRef, level};
use jiff::{SignedDuration, ToSpan as _};

use crate::kit::{assert_done, assert_unread, back, caught};
use crate::town::{Plan, Town};

/// A town whose rule is in force since long ago, and that nobody sends webhooks to.
async fn old_town() -> Town {
    let town = Town::planned(Plan { since: SignedDuration::from_hours(-72), ..Plan::default() }).await;
    town.gitlab.drop_deliveries(true);
    // It has listed the projects.
    town.daemon().caught_up(1).await;
    town
}

/// As if a comment had been written so many minutes ago.
fn long_ago(model: &mut Model, note: u64, minutes: i64) {
    let note = model.notes.get_mut(&note).unwrap();
    let at = note.created_at - minutes.minutes();
    (note.created_at, note.updated_at) = (at, at);
}

/// As if an issue had been there for long.
fn old_page(town: &Town) -> NoteableRef {
    let issue = town.issue();
    town.gitlab.change(|model| {
        let page = model.noteables.get_mut(&issue).unwrap();
        let at = page.created_at - 60.hours();
        (page.created_at, page.updated_at) = (at, at);
    });
    issue
}

#[tokio::test]
async fn what_was_written_before_the_rule_is_history() {
    let mut town = Town::planned(Plan { since: SignedDuration::from_hours(1), ..Plan::default() }).await;
    town.gitlab.drop_deliveries(true);
    let issue = town.issue();
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let described = town.gitlab.issue(town.mara, town.shop, "Dark", "/flag link dark_mode").unwrap();
    town.stop().await;
    back(&mut town).await;
    assert_unread(&town, issue, note);
    town.assert_silence(described);
    assert_eq!(caught(&town).await, [0; 4]);
    town.end().await;
}

#[tokio::test]
async fn a_command_older_than_a_day_is_not_run_and_a_younger_one_is() {
    let mut town = old_town().await;
    let issue = old_page(&town);
    town.stop().await;
    let old = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let young = town.gitlab.comment(town.mara, issue, "/flag link dark_mode").unwrap();
    let again = town.gitlab.comment(town.mara, issue, "/flag list").unwrap();
    town.gitlab.change(|model| {
        long_ago(model, old, 25 * 60);
        long_ago(model, young, 23 * 60);
        long_ago(model, again, 26 * 60);
    });
    // An old comment to which somebody reacted is old; one that its author edited is not.
    town.gitlab.react(town.tobias, old, "thumbsup").unwrap();
    town.gitlab.edit_note(town.mara, again, "/flag list\n/flag status dark_mode").unwrap();

    back(&mut town).await;
    assert_unread(&town, issue, old);
    assert_done(&town, issue, young);
    assert_done(&town, issue, again);
    assert!(town.row(issue, "checkout_v2").is_none());
    town.end().await;
}

/// Where only the webhook of an edit says that it was one, a reaction is not taken for it.
#[tokio::test]
async fn without_graphql_a_reaction_to_an_old_comment_is_no_edit() {
    let mut town = old_town().await;
    town.gitlab.change(|model| model.settings.graphql = false);
    let issue = old_page(&town);
    town.stop().await;
    let old = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.change(|model| long_ago(model, old, 25 * 60));
    town.gitlab.react(town.tobias, old, "thumbsup").unwrap();
    back(&mut town).await;
    assert_unread(&town, issue, old);
    town.end().await;
}

#[tokio::test]
async fn what_was_imported_is_history() {
    let mut town = old_town().await;
    let (issue, page) = (town.issue(), town.issue());
    town.stop().await;
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let on_page = town.gitlab.comment(town.mara, page, "/flag link checkout_v2").unwrap();
    let described = town.gitlab.issue(town.mara, town.shop, "Dark", "/flag link dark_mode").unwrap();
    town.gitlab.change(|model| {
        model.notes.get_mut(&note).unwrap().imported = true;
        for page in [page, described] {
            model.noteables.get_mut(&page).unwrap().imported = true;
        }
    });
    back(&mut town).await;
    assert_unread(&town, issue, note);
    assert_unread(&town, page, on_page);
    town.assert_silence(described);
    assert_eq!(caught(&town).await, [0; 4]);
    town.end().await;
}

/// A move keeps the moments of a page and of its comments; only their numbers are new.
#[tokio::test]
async fn copies_that_came_with_a_page_are_not_run() {
    let mut town = old_town().await;
    let far = town.gitlab.issue(town.mara, town.elsewhere, "Far away", "/flag link checkout_v2").unwrap();
    town.gitlab.comment(town.mara, far, "/flag link dark_mode").unwrap();
    let near = town.gitlab.issue(town.mara, town.shop, "Near", "").unwrap();
    town.stop().await;
    back(&mut town).await;
    town.stop().await;
    let command = town.gitlab.comment(town.mara, near, "/flag link dark_mode").unwrap();
    let cloned = town.gitlab.clone_issue(town.mara, near, town.shop).unwrap();
    let moved = town.gitlab.move_issue(town.mara, far, town.shop).unwrap();
    let copy = town.gitlab.read(|model| {
        let mut copies = model.notes_on(moved).filter(|note| !note.system);
        copies.next().unwrap().id
    });
    let after = town.gitlab.comment(town.mara, moved, "/flag list").unwrap();

    back(&mut town).await;
    assert_done(&town, near, command);
    town.assert_silence(cloned);
    assert_unread(&town, moved, copy);
    assert_done(&town, moved, after);
    assert!(town.panel(moved).is_none(), "{}", town.gitlab.transcript(moved));

    // Nor when it is edited there, by whoever wrote it.
    town.stop().await;
    town.a_second_later();
    town.gitlab.edit_note(town.mara, copy, "/flag link dark_mode\n/flag link checkout_v2").unwrap();
    back(&mut town).await;
    assert_unread(&town, moved, copy);
    town.end().await;
}

#[tokio::test]
async fn what_a_project_brings_when_it_comes_to_its_rule_is_history() {
    let mut town = old_town().await;
    let page = town.gitlab.issue(town.mara, town.elsewhere, "Elsewhere", "/flag link dark_mode").unwrap();
    let before = town.gitlab.comment(town.mara, page, "/flag link checkout_v2").unwrap();
    town.stop().await;
    town.a_second_later();
    // It has been there for long before flaglink listed the projects.
    town.gitlab.move_project(town.elsewhere, "shop/elsewhere");
    let fresh = town.gitlab.project("shop/fresh", flaglink::sandbox::gitlab::Visibility::Private);
    for (who, level) in [(town.bot, level::MAINTAINER), (town.mara, level::DEVELOPER)] {
        town.gitlab.member(fresh, who, level);
    }
    let new = town.gitlab.issue(town.mara, fresh, "In a new project", "").unwrap();
    let there = town.gitlab.comment(town.mara, new, "/flag link checkout_v2").unwrap();

    back(&mut town).await;
    assert_unread(&town, page, before);
    assert!(town.reactions_on_page(page).is_empty());
    // A project that was made since is caught up from its beginning.
    assert_done(&town, new, there);

    town.stop().await;
    town.a_second_later();
    let after = town.gitlab.comment(town.mara, page, "/flag link checkout_v2").unwrap();
    back(&mut town).await;
    assert_done(&town, page, after);
    assert_unread(&town, page, before);
    town.end().await;
}
