//! Comments that are edited, deleted, repeated, or written at the wrong time.

use flaglink::sandbox::faults::Received;
use flaglink::sandbox::gitlab::{Edit, Note, Order};
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::town::{PATIENCE, Plan, Town};

const EDITED_BY_ANOTHER: &str = "this text was last edited by somebody other than its author, or GitLab does not say by whom, so nothing that is new in it was run. Write the command in a comment of your own.";

#[tokio::test]
async fn of_an_edited_comment_only_what_is_new_runs() {
    let town = Town::new().await;
    let issue = town.issue();
    let note = town.says(issue, "/flag link checkout_v2\n/flag list").await;
    assert_eq!(town.replies(issue).len(), 1);

    let text = "Now with both.\n\n/flag link checkout_v2\n/flag link dark_mode\n/flag list";
    town.gitlab.edit_note(town.mara, note, text).unwrap();
    town.rest().await;

    assert!(town.row(issue, "dark_mode").is_some());
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "a reaction stands once");
    assert_eq!(town.replies(issue).len(), 1, "the list was not asked for again");

    // An edit of other words runs nothing.
    town.says(issue, "/flag unlink --all").await;
    town.gitlab.edit_note(town.mara, note, &format!("{text}\n\nPS: thanks")).unwrap();
    town.rest().await;
    assert_eq!(town.row(issue, "checkout_v2"), None);
    assert_eq!(town.replies(issue).len(), 1);
    town.end().await;
}

#[tokio::test]
async fn the_same_text_in_other_clothes_is_the_same_command() {
    let town = Town::new().await;
    let issue = town.issue();
    let note = town.says(issue, "/flag link checkout_v2").await;
    town.says(issue, "/flag unlink checkout_v2").await;

    for text in ["/flag link checkout_v2", "/FLAG  LINK   checkout_v2  ", "@flag-bot flag link `checkout_v2`"]
    {
        town.gitlab.edit_note(town.mara, note, text).unwrap();
        town.rest().await;
        assert_eq!(town.row(issue, "checkout_v2"), None, "{text}");
    }
    assert!(town.replies(issue).is_empty());
    town.end().await;
}

#[tokio::test]
async fn a_command_that_is_taken_out_and_put_in_again_does_not_run_again() {
    let town = Town::new().await;
    let issue = town.issue();
    let note = town.says(issue, "First.\n\n/flag link checkout_v2").await;
    town.says(issue, "/flag unlink checkout_v2").await;

    town.gitlab.edit_note(town.mara, note, "First.").unwrap();
    town.rest().await;
    town.gitlab.edit_note(town.mara, note, "First.\n\n/flag link checkout_v2").unwrap();
    town.rest().await;
    assert_eq!(town.row(issue, "checkout_v2"), None);

    // One more of the same is a new command.
    town.gitlab
        .edit_note(town.mara, note, "First.\n\n/flag link checkout_v2\n/flag link checkout_v2")
        .unwrap();
    town.rest().await;
    assert!(town.row(issue, "checkout_v2").is_some());
    town.end().await;
}

#[tokio::test]
async fn equal_commands_are_counted() {
    let town = Town::new().await;
    let issue = town.issue();

    let note = town.says(issue, "/flag list\n/flag list").await;
    assert_eq!(town.replies(issue).len(), 2);
    town.gitlab.edit_note(town.mara, note, "/flag list\n/flag list\n/flag list").unwrap();
    town.rest().await;
    assert_eq!(town.replies(issue).len(), 3);
    town.gitlab.edit_note(town.mara, note, "/flag list\n/flag list").unwrap();
    town.rest().await;
    assert_eq!(town.replies(issue).len(), 3);
    town.end().await;
}

#[tokio::test]
async fn what_another_person_writes_into_a_comment_does_not_run_in_its_authors_name() {
    let town = Town::new().await;
    let issue = town.issue();
    let note = town.says(issue, "/flag link checkout_v2").await;

    town.gitlab.edit_note(town.tobias, note, "/flag link checkout_v2\n/flag link dark_mode").unwrap();
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark", "x"]);
    assert_eq!(town.answer(issue, note), EDITED_BY_ANOTHER);
    assert_eq!(town.row(issue, "dark_mode"), None);

    // The same edit told again, and another edit by the same person without anything new in it: it was said.
    let deliveries = town.gitlab.read(|model| model.deliveries_of(town.hook).last().unwrap().id);
    town.gitlab.resend(town.tobias, deliveries).await.unwrap();
    town.gitlab.edit_note(town.tobias, note, "So:\n\n/flag link checkout_v2\n/flag link dark_mode").unwrap();
    town.rest().await;
    assert_eq!(town.replies(issue).len(), 1);

    // What the author adds later runs; what the other had put in does not come with it.
    town.gitlab
        .edit_note(town.mara, note, "So:\n\n/flag link checkout_v2\n/flag link dark_mode\n/flag list")
        .unwrap();
    town.rest().await;
    assert_eq!(town.replies(issue).len(), 2);
    assert!(town.replies(issue)[1].body.contains("linked here:"));
    assert_eq!(town.row(issue, "dark_mode"), None);
    town.end().await;
}

#[tokio::test]
async fn a_comment_that_is_first_seen_edited_by_another_runs_nothing() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.hold_deliveries();
    let note = town.gitlab.comment(town.mara, issue, "Harmless.").unwrap();
    town.a_second_later();
    town.gitlab.edit_note(town.tobias, note, "/flag link checkout_v2").unwrap();
    town.gitlab.release_deliveries(Order::AsCame);
    town.rest().await;

    assert_eq!(town.reactions(note), ["x"]);
    assert_eq!(town.answer(issue, note), EDITED_BY_ANOTHER);
    assert!(town.panel(issue).is_none());
    town.end().await;
}

#[tokio::test]
async fn where_gitlab_does_not_say_who_edited_nothing_runs() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.change(|model| model.settings.graphql = false);
    town.gitlab.hold_deliveries();
    let note = town.gitlab.comment(town.mara, issue, "Harmless.").unwrap();
    town.a_second_later();
    town.gitlab.edit_note(town.mara, note, "/flag link checkout_v2").unwrap();
    town.gitlab.change(|model| {
        let at = Timestamp::now() + 5.seconds();
        let note = model.notes.get_mut(&note).unwrap();
        note.updated_at = at;
        note.edited = Some(Edit { at, by: note.author });
    });
    town.gitlab.release_deliveries(Order::AsCame);
    town.rest().await;

    assert_eq!(town.reactions(note), ["x"]);
    assert_eq!(town.answer(issue, note), EDITED_BY_ANOTHER);

    // A comment that nobody edited runs there as everywhere.
    let plain = town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.reactions(plain), ["eyes", "white_check_mark"]);
    town.end().await;
}

#[tokio::test]
async fn a_reaction_is_no_edit() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.hold_deliveries();
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.react(town.tobias, note, "tada").unwrap();
    town.gitlab.release_deliveries(Order::AsCame);
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.replies(issue).is_empty());
    town.end().await;
}

#[tokio::test]
async fn an_edit_that_overtakes_the_comment_is_enough() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.hold_deliveries();
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.a_second_later();
    town.gitlab
        .edit_note(town.mara, note, "/flag link checkout_v2\n/flag link dark_mode\n/flag list")
        .unwrap();
    town.gitlab.release_deliveries(Order::Reversed);
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.row(issue, "checkout_v2").is_some() && town.row(issue, "dark_mode").is_some());
    assert_eq!(town.replies(issue).len(), 1);
    town.end().await;
}

#[tokio::test]
async fn a_comment_that_is_gone_runs_nothing() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.hold_deliveries();
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.delete_note(town.mara, note).unwrap();
    town.gitlab.release_deliveries(Order::AsCame);
    town.rest().await;
    town.assert_silence(issue);
    assert!(town.links("checkout_v2").is_empty());

    // One that goes after it ran takes nothing back.
    let note = town.says(issue, "/flag link checkout_v2").await;
    town.gitlab.delete_note(town.mara, note).unwrap();
    town.rest().await;
    assert!(town.row(issue, "checkout_v2").is_some());
    town.end().await;
}

#[tokio::test]
async fn a_comment_from_before_the_rule_is_history() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.hold_deliveries();
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.change(|model| {
        let before = Timestamp::now() - 90.seconds();
        model.noteables.get_mut(&issue).unwrap().created_at = before;
        let note = model.notes.get_mut(&note).unwrap();
        (note.created_at, note.updated_at) = (before, before);
    });
    town.gitlab.release_deliveries(Order::AsCame);
    town.rest().await;
    town.assert_silence(issue);
    town.end().await;
}

#[tokio::test]
async fn a_command_of_the_day_before_yesterday_is_not_run_and_yesterdays_is() {
    let town = Town::planned(Plan { since: SignedDuration::from_hours(-72), ..Plan::default() }).await;
    for (hours, runs) in [(25, false), (23, true)] {
        let issue = town.issue();
        town.gitlab.hold_deliveries();
        let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
        town.gitlab.change(|model| {
            let then = Timestamp::now() - hours.hours();
            model.noteables.get_mut(&issue).unwrap().created_at = then;
            let note = model.notes.get_mut(&note).unwrap();
            (note.created_at, note.updated_at) = (then, then);
        });
        town.gitlab.release_deliveries(Order::AsCame);
        town.rest().await;
        assert_eq!(town.row(issue, "checkout_v2").is_some(), runs, "{hours} hours");
        if !runs {
            town.assert_silence(issue);
        }
    }
    town.end().await;
}

#[tokio::test]
async fn an_old_comment_that_nothing_is_remembered_of_runs_nothing_when_it_is_edited() {
    let town = Town::planned(Plan { since: SignedDuration::from_hours(-24 * 30), ..Plan::default() }).await;
    for (days, runs) in [(10, false), (6, true)] {
        let issue = town.issue();
        town.gitlab.drop_deliveries(true);
        let note = town.gitlab.comment(town.mara, issue, "Let us lnik it.").unwrap();
        town.gitlab.change(|model| {
            let then = Timestamp::now() - SignedDuration::from_hours(24 * days);
            model.noteables.get_mut(&issue).unwrap().created_at = then;
            let note = model.notes.get_mut(&note).unwrap();
            (note.created_at, note.updated_at) = (then, then);
        });
        town.gitlab.drop_deliveries(false);

        town.gitlab.edit_note(town.mara, note, "Let us link it.\n\n/flag link checkout_v2").unwrap();
        town.rest().await;

        assert_eq!(town.row(issue, "checkout_v2").is_some(), runs, "{days} days");
        if !runs {
            town.assert_silence(issue);
        }
    }
    town.end().await;
}

#[tokio::test]
async fn what_came_here_with_a_move_or_an_import_is_no_command() {
    let town = Town::planned(Plan { since: SignedDuration::from_hours(-2), ..Plan::default() }).await;
    let moved = town.issue();
    let imported = town.issue();
    town.gitlab.hold_deliveries();
    let older = town.gitlab.comment(town.mara, moved, "/flag link checkout_v2").unwrap();
    let copied = town.gitlab.comment(town.mara, imported, "/flag link checkout_v2").unwrap();
    town.gitlab.change(|model| {
        let then = Timestamp::now() - 1.hour();
        let note = model.notes.get_mut(&older).unwrap();
        (note.created_at, note.updated_at) = (then, then);
        model.notes.get_mut(&copied).unwrap().imported = true;
    });
    town.gitlab.release_deliveries(Order::AsCame);
    town.rest().await;
    town.assert_silence(moved);
    town.assert_silence(imported);
    town.end().await;
}

#[tokio::test]
async fn the_commands_of_a_moved_issue_do_not_run_where_gitlab_tells_of_the_move_later() {
    let town = Town::planned(Plan { since: SignedDuration::from_hours(-2), ..Plan::default() }).await;
    // GitLab's note comes after the webhook, also where the issue is no older than a moment but somebody else moves it.
    for (who, ago) in [(town.mara, 3.minutes()), (town.tobias, 0.minutes())] {
        // Where it was no rule holds.
        let issue = town.gitlab.issue(town.mara, town.elsewhere, "Slow", "/flag link checkout_v2").unwrap();
        town.gitlab.change(|model| {
            model.noteables.get_mut(&issue).unwrap().created_at = Timestamp::now() - ago;
        });
        town.gitlab.hold_deliveries();
        let moved = town.gitlab.move_issue(who, issue, town.shop).unwrap();
        let told = town.gitlab.change(|model| {
            let of_move = |note: &&Note| note.on == moved && note.body.starts_with("moved from");
            let id = model.notes.values().find(of_move).unwrap().id;
            model.notes.remove(&id).unwrap()
        });
        town.gitlab.release_deliveries(Order::AsCame);
        let notes = format!("/projects/{}/issues/{}/notes", town.shop, moved.iid);
        let looked =
            |log: &[Received]| log.iter().any(|one| one.path.ends_with(&notes) && one.status.is_some());
        town.gitlab.faults().until(PATIENCE, looked).await.unwrap();
        town.gitlab.change(|model| model.notes.insert(told.id, told));
        town.rest().await;
        town.assert_silence(moved);
    }
    town.end().await;
}

#[tokio::test]
async fn a_command_that_waited_for_a_day_is_over() {
    let town = Town::planned(Plan { since: SignedDuration::from_hours(-72), ..Plan::default() }).await;
    let issue = town.issue();
    town.flagsmith.server().go_away().await;
    town.gitlab.hold_deliveries();
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.change(|model| {
        let then = Timestamp::now() - 24.hours() + 2.seconds();
        model.noteables.get_mut(&issue).unwrap().created_at = then;
        let note = model.notes.get_mut(&note).unwrap();
        (note.created_at, note.updated_at) = (then, then);
    });
    town.gitlab.release_deliveries(Order::AsCame);
    town.gitlab.until(PATIENCE, |model| model.reactions(note, town.bot) == ["eyes", "x"]).await.unwrap();
    town.flagsmith.server().come_back().await.unwrap();
    town.rest().await;

    let replies = town.replies(issue);
    assert_eq!(
        replies.len(),
        2,
        "that it waits, and that it waited too long: {}",
        town.gitlab.transcript(issue)
    );
    assert!(replies[1].body.contains("this waited for more than a day"), "{}", replies[1].body);
    assert!(town.panel(issue).is_none());
    town.end().await;
}
