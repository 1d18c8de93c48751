//! GitLab, Flagsmith or flaglink itself away for a while.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::NoteableRef;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::town::{PATIENCE, Plan, Town};

fn assert_all_there(town: &Town, issue: NoteableRef, note: u64) {
    let transcript = town.gitlab.transcript(issue);
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "{transcript}");
    assert_eq!(town.row(issue, "checkout_v2").unwrap(), ["⚪ off `blue`"; 3], "{transcript}");
    assert_eq!(town.labels(issue), ["Feature flag"], "{transcript}");
    assert_eq!(town.links("checkout_v2"), [town.page(issue)], "{transcript}");
}

#[tokio::test]
async fn what_was_written_while_flaglink_was_away_is_caught_up_and_a_resend_does_nothing_more() {
    let mut town = Town::new().await;
    let issue = town.issue();
    let before = town.says(issue, "/flag link dark_mode").await;
    let panel = town.panel(issue).unwrap();
    town.stop().await;
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    town.start().await;
    town.daemon().caught_up(1).await;
    town.rest().await;
    assert_all_there(&town, issue, note);
    let after = town.panel(issue).unwrap();

    let failed = town.gitlab.read(|model| {
        let failed = model.deliveries_of(town.hook).into_iter().find(|delivery| !delivery.fate.is_success());
        failed.unwrap().id
    });
    town.gitlab.resend(town.tobias, failed).await.unwrap();
    town.rest().await;

    assert_all_there(&town, issue, note);
    assert_eq!(town.reactions(before), ["eyes", "white_check_mark"]);
    assert_eq!(after.id, panel.id);
    assert_eq!(town.panel(issue).unwrap().updated_at, after.updated_at, "nothing changed");
    town.end().await;
}

#[tokio::test]
async fn what_waits_when_flaglink_stops_goes_on_when_it_starts() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.flagsmith.server().go_away().await;
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2\n/flag list").unwrap();
    town.gitlab.until(PATIENCE, |model| model.reactions(note, town.bot) == ["eyes"]).await.unwrap();
    town.stop().await;
    town.flagsmith.server().come_back().await.unwrap();
    assert!(town.panel(issue).is_none());

    town.start().await;
    town.rest().await;

    assert_all_there(&town, issue, note);
    assert!(town.answer(issue, note).starts_with("linked here:"), "in order, and once");
    assert_eq!(town.gitlab.faults().requests("POST", "/award_emoji").len(), 2);
    town.end().await;
}

#[tokio::test]
async fn a_new_flaglink_starts_without_gitlab_and_goes_on_when_it_is_there() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.rest().await;
    town.stop().await;
    std::fs::remove_dir_all(town.folder().join("store")).unwrap();
    town.gitlab.server().go_away().await;
    town.start().await;

    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let by_name = town.gitlab.comment(town.mara, issue, "@flag-bot flag link dark_mode").unwrap();
    town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    let all_kept = town.gitlab.read(|model| {
        model.deliveries_of(town.hook).iter().rev().take(2).all(|delivery| delivery.fate.is_success())
    });
    assert!(all_kept, "taken and kept meanwhile");
    town.gitlab.server().come_back().await.unwrap();
    town.rest().await;

    assert_all_there(&town, issue, note);
    assert_eq!(town.reactions(by_name), ["eyes", "white_check_mark"]);
    assert!(town.row(issue, "dark_mode").is_some());
    town.end().await;
}

#[tokio::test]
async fn gitlab_goes_away_while_flaglink_runs() {
    let town = Town::new().await;
    let issue = town.issue();
    town.rest().await;
    town.gitlab.server().go_away().await;
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2\n/flag status").unwrap();
    town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    town.gitlab.server().come_back().await.unwrap();
    town.rest().await;

    assert_all_there(&town, issue, note);
    assert!(town.answer(issue, note).starts_with("the state now:"));
    town.end().await;
}

#[tokio::test]
async fn whatever_gitlab_refuses_for_a_moment_is_done_in_the_end_and_once() {
    let faults = [
        ("GET", "/issues/[0-9]+$", Fault::status(500)),
        ("GET", "/notes/[0-9]+$", Fault::html(502)),
        ("GET", "/members/all/", Fault::Close),
        ("POST", "/notes$", Fault::status(500)),
        ("POST", "/notes$", Fault::too_many(Some(1))),
        ("POST", "/notes$", Fault::Close),
        ("POST", "/award_emoji", Fault::status(503)),
        ("POST", "/award_emoji", Fault::too_many(Some(1))),
        ("POST", "/labels$", Fault::status(500)),
        ("PUT", "/issues/[0-9]+", Fault::Close),
    ];
    let town = Town::new().await;
    let mut pages = Vec::new();
    for (method, path, fault) in faults {
        let issue = town.issue();
        town.gitlab.faults().add(Rule::new(method, path, fault).times(1));
        let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2\n/flag list").unwrap();
        pages.push((format!("{method} {path}"), issue, note));
    }
    town.rest().await;

    for (what, issue, note) in pages {
        let transcript = town.gitlab.transcript(issue);
        assert_eq!(town.reactions(note).len(), 2, "{what}: {transcript}");
        assert!(town.panel(issue).is_some(), "{what}: {transcript}");
        assert_eq!(town.labels(issue), ["Feature flag"], "{what}: {transcript}");
        assert!(town.answer(issue, note).starts_with("linked here:"), "{what}");
    }
    town.end().await;
}

#[tokio::test]
async fn what_gitlab_did_before_its_answer_was_lost_stands_once() {
    for fault in [Fault::WorkThenClose, Fault::HalfAnswer] {
        let town = Town::new().await;
        let issue = town.issue();
        let lost = [
            town.gitlab.faults().add(Rule::new("POST", "/notes$", fault.clone()).times(2)),
            town.gitlab.faults().add(Rule::new("POST", "/award_emoji", fault.clone()).times(2)),
            town.gitlab.faults().add(Rule::new("PUT", "/issues/", fault.clone()).times(1)),
        ];

        let note = town.says(issue, "/flag link checkout_v2\n/flag status").await;

        assert_all_there(&town, issue, note);
        assert!(town.answer(issue, note).starts_with("the state now:"));
        assert_eq!(town.bot_notes(issue).len(), 2, "{}", town.gitlab.transcript(issue));
        assert!(town.gitlab.read(|model| model.deleted_notes.is_empty()), "nothing was written twice");
        assert!(lost.iter().all(|rule| town.gitlab.faults().hits(*rule) > 0));
        town.end().await;
    }
}

#[tokio::test]
async fn a_command_waits_for_its_flag_service_and_the_person_is_told_once() {
    let town = Town::planned(Plan { since: SignedDuration::from_hours(-1), ..Plan::default() }).await;
    let issue = town.issue();
    town.flagsmith.server().go_away().await;
    town.gitlab.hold_deliveries();
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2\n/flag help").unwrap();
    // Written two minutes ago: long enough to be told.
    town.gitlab.change(|model| {
        let then = Timestamp::now() - 2.minutes();
        model.noteables.get_mut(&issue).unwrap().created_at = then;
        let note = model.notes.get_mut(&note).unwrap();
        (note.created_at, note.updated_at) = (then, then);
    });
    town.gitlab.release_deliveries(flaglink::sandbox::gitlab::Order::AsCame);
    town.gitlab.until(PATIENCE, |model| model.notes_by(issue, town.bot).len() == 2).await.unwrap();

    assert_eq!(town.reactions(note), ["eyes"], "it is not over");
    let replies = town.replies(issue);
    let waits = replies.iter().find(|reply| reply.body.contains("does not answer as it should")).unwrap();
    assert!(
        waits.body.contains("The command is kept and runs as soon as the service is back"),
        "{}",
        waits.body
    );
    assert!(
        replies.iter().any(|reply| reply.body.contains("this is what you can do here")),
        "help waits for nothing"
    );
    assert!(town.labels(issue).is_empty() && town.panel(issue).is_none());

    town.flagsmith.server().come_back().await.unwrap();
    town.rest().await;
    assert_all_there(&town, issue, note);
    assert_eq!(town.replies(issue).len(), 2, "told once: {}", town.gitlab.transcript(issue));
    town.end().await;
}

#[tokio::test]
async fn a_short_outage_of_the_flag_service_is_nobodys_business() {
    let town = Town::new().await;
    let issue = town.issue();
    town.flagsmith.faults().add(Rule::new("GET", "/features/", Fault::status(503)).times(2));

    let note = town.says(issue, "/flag link checkout_v2").await;

    assert_all_there(&town, issue, note);
    assert!(town.replies(issue).is_empty());
    town.end().await;
}

#[tokio::test]
async fn a_flag_service_that_hangs_holds_up_only_what_needs_it() {
    let town = Town::new().await;
    let issue = town.issue();
    let held = town.flagsmith.faults().add(Rule::new("GET", "/features/", Fault::Hold));
    let link = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.until(PATIENCE, |model| model.reactions(link, town.bot) == ["eyes"]).await.unwrap();
    let asked =
        |requests: &[flaglink::sandbox::faults::Received]| requests.iter().any(|one| one.fault.is_some());
    town.flagsmith.faults().until(PATIENCE, asked).await.unwrap();

    // Meanwhile others are served, on this page too.
    let help = town.gitlab.comment(town.tobias, issue, "/flag help").unwrap();
    let behind = town.gitlab.comment(town.tobias, issue, "/flag unlink checkout_v2").unwrap();
    town.gitlab
        .until(PATIENCE, |model| {
            model.reactions(help, town.bot) == ["eyes", "white_check_mark"]
                && model.reactions(behind, town.bot) == ["eyes"]
        })
        .await
        .unwrap();
    assert!(town.answer(issue, help).starts_with("this is what you can do here"));
    assert_eq!(town.reactions(link), ["eyes"]);
    assert_eq!(town.flagsmith.faults().hits(held), 1, "it still hangs");

    town.flagsmith.faults().release(held);
    town.rest().await;
    assert_eq!(town.reactions(link), ["eyes", "white_check_mark"]);
    assert_eq!(town.reactions(behind), ["eyes", "white_check_mark"], "it waited for what came before");
    assert_eq!(town.row(issue, "checkout_v2"), None);
    assert!(town.links("checkout_v2").is_empty());
    town.end().await;
}

#[tokio::test]
async fn a_link_on_the_flag_whose_answer_was_lost_stands_once() {
    let town = Town::new().await;
    let issue = town.issue();
    let lost =
        town.flagsmith.faults().add(Rule::new("POST", "external-resources/$", Fault::WorkThenClose).times(1));

    let note = town.says(issue, "/flag link checkout_v2").await;

    assert_eq!(town.flagsmith.faults().hits(lost), 1);
    assert_all_there(&town, issue, note);
    town.says(issue, "/flag unlink checkout_v2").await;
    assert!(town.links("checkout_v2").is_empty(), "it is known as ours");
    town.end().await;
}

#[tokio::test]
async fn a_confidential_issue_that_became_so_while_its_command_waited_is_not_told() {
    let town = Town::new().await;
    let issue = town.issue();
    let held = town.flagsmith.faults().add(Rule::new("GET", "/feature", Fault::Hold).after(1));
    let link = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let asked =
        |requests: &[flaglink::sandbox::faults::Received]| requests.iter().any(|one| one.fault.is_some());
    town.flagsmith.faults().until(PATIENCE, asked).await.unwrap();
    town.gitlab.set_confidential(town.mara, issue, true).unwrap();
    town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
    town.flagsmith.faults().release(held);
    town.rest().await;

    assert_eq!(town.reactions(link), ["eyes", "white_check_mark"]);
    assert!(town.links("checkout_v2").is_empty());
    town.end().await;
}

#[tokio::test]
async fn that_a_command_was_seen_stands_before_what_came_of_it() {
    let town = Town::new().await;
    let issue = town.issue();
    // The first sign is refused for a moment, and by then the command is done.
    town.gitlab.faults().add(Rule::new("POST", "/award_emoji", Fault::status(503)).times(1));
    let note = town.says(issue, "/flag list").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "{}", town.gitlab.transcript(issue));
    town.end().await;
}
