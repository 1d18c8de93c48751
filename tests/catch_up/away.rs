//! flaglink was away while people went on.

use flaglink::sandbox::gitlab::{Fate, Order, level};

use crate::kit::{assert_done, back, caught, caught_up};
use crate::town::{PATIENCE, Plan, Town};

/// Everything that can happen while flaglink is away, and what is to be seen of it afterwards. Returns what was caught up in
/// which way.
async fn a_day_off(town: &mut Town) -> [u64; 4] {
    let (linked, other, request) = (town.issue(), town.issue(), town.merge_request());
    town.says(linked, "/flag link checkout_v2").await;
    let edited = town.says(other, "/flag status dark_mode").await;
    let meddled = town.says(other, "Let us see.").await;
    let thread = town.gitlab.comment_in_thread(town.tobias, request, "What about dark_mode?").unwrap();
    town.rest().await;

    town.stop().await;
    town.a_second_later();
    let gitlab = &town.gitlab;
    let written = gitlab.comment(town.mara, other, "Now:\n\n/flag link dark_mode\n/flag list").unwrap();
    gitlab.edit_note(town.mara, edited, "/flag status dark_mode\n/flag status checkout_v2").unwrap();
    gitlab.edit_note(town.tobias, meddled, "/flag unlink checkout_v2").unwrap();
    let by_guest = gitlab.comment(town.gus, other, "/flag link checkout_v2").unwrap();
    let inside = gitlab.reply(town.mara, thread, "/flag status dark_mode").unwrap();
    let internal = gitlab.internal_comment(town.mara, other, "/flag status dark_mode").unwrap();
    let described = gitlab.issue(town.mara, town.shop, "Dark", "Soon.\n\n/flag link dark_mode").unwrap();
    gitlab.retitle(town.mara, linked, "Checkout is fast").unwrap();
    gitlab.close(town.mara, linked).unwrap();
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();

    back(town).await;
    town.flagsmith
        .until(PATIENCE, |world| {
            world.resources.values().any(|page| page.metadata["state"] == "closed")
                && world.resources.len() == 3
        })
        .await
        .unwrap();
    town.rest().await;
    let assert_all = |town: &Town| {
        assert_done(town, other, written);
        assert!(town.answer(other, written).starts_with("linked here:"));
        assert!(town.row(other, "dark_mode").is_some());
        assert_eq!(town.reactions(meddled), ["x"], "{}", town.gitlab.transcript(other));
        assert!(town.reply_to(other, meddled).contains("edited"));
        assert_eq!(town.reactions(by_guest), ["eyes", "x"]);
        assert_done(town, request, inside);
        let discussion = |note: u64| town.gitlab.read(|model| model.notes[&note].discussion.clone());
        let answer = town.replies(request).pop().unwrap();
        assert_eq!(answer.discussion, discussion(thread), "{}", town.gitlab.transcript(request));
        assert_done(town, other, internal);
        assert_eq!(town.bot_notes(other).iter().filter(|note| note.internal).count(), 1);
        assert_eq!(town.reactions_on_page(described), ["eyes", "white_check_mark"]);
        assert_eq!(town.row(described, "dark_mode").unwrap().len(), 3);
        assert_eq!(town.row(linked, "checkout_v2").unwrap()[1], "🟢 on `blue`");
        // The one answer to each version of the edited comment.
        let link = format!("#note_{edited})");
        let answers: Vec<_> =
            town.replies(other).into_iter().filter(|reply| reply.body.contains(&link)).collect();
        assert_eq!(answers.len(), 2, "{}", town.gitlab.transcript(other));
        assert!(answers[1].body.contains("checkout") && !answers[1].body.contains("dark"));
        // Written, by the guest, by another, inside, internal: one answer each; of the two versions two.
        assert_eq!(town.replies(other).len() + town.replies(request).len(), 7);
        let titles = town.flagsmith.read(|world| {
            let mut titles: Vec<String> =
                world.resources.values().map(|page| page.metadata["title"].to_string()).collect();
            titles.sort();
            titles
        });
        assert!(titles.iter().any(|title| title.contains("Checkout is fast")), "{titles:?}");
    };
    assert_all(town);
    let found = caught(town).await;

    // Away and back once more: nothing is left to be found, and nothing happens again.
    town.stop().await;
    back(town).await;
    assert_all(town);
    assert_eq!(caught(town).await, [0; 4]);
    found
}

#[tokio::test]
async fn what_gitlab_could_not_deliver_and_kept_is_taken_in() {
    let mut town = Town::new().await;
    let found = a_day_off(&mut town).await;
    assert!(found[0] >= 8, "{found:?}");
    assert_eq!(found[1..3], [0, 0], "the deliveries told of every text: {found:?}");
    town.end().await;
}

#[tokio::test]
async fn without_the_right_to_see_webhooks_comments_are_enough() {
    let mut town = Town::planned(Plan { role: Some(level::DEVELOPER), ..Plan::default() }).await;
    let found = a_day_off(&mut town).await;
    assert_eq!(found, [0, 6, 1, 1], "deliveries, comments, descriptions, changes");
    town.end().await;
}

#[tokio::test]
async fn on_a_gitlab_that_keeps_no_deliveries_comments_are_enough() {
    let mut town = Town::new().await;
    town.gitlab.change(|model| model.settings.version = "17.2.9".to_owned());
    let found = a_day_off(&mut town).await;
    assert_eq!(found, [0, 6, 1, 1]);
    town.end().await;
}

/// GitLab drops webhooks over its limit, and those of a hook that it has switched off; it keeps nothing of them.
#[tokio::test]
async fn what_gitlab_never_sent_is_found() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.gitlab.drop_deliveries(true);
    let found = a_day_off_without_webhooks(&mut town).await;
    assert_eq!(found[0], 0, "{found:?}");
    town.end().await;
}

async fn a_day_off_without_webhooks(town: &mut Town) -> [u64; 4] {
    let issue = town.issue();
    town.stop().await;
    let note = town.gitlab.comment(town.mara, issue, "/flag link dark_mode").unwrap();
    let request = town.merge_request();
    let other = town.gitlab.comment(town.mara, request, "/flag link dark_mode").unwrap();
    back(town).await;
    assert_done(town, issue, note);
    assert_done(town, request, other);
    caught(town).await
}

#[tokio::test]
async fn what_did_arrive_and_is_in_the_log_of_failures_all_the_same_is_a_repeat() {
    let mut town = Town::new().await;
    let issue = town.issue();
    let note = town.says(issue, "/flag link checkout_v2").await;
    let list = town.says(issue, "/flag list").await;
    town.stop().await;
    // The answers were lost on their way back.
    town.gitlab.change(|model| {
        for delivery in model.deliveries.values_mut() {
            delivery.fate = Fate::Failed("timeout".to_owned());
        }
    });

    back(&mut town).await;
    assert_done(&town, issue, note);
    assert_done(&town, issue, list);
    assert_eq!(town.replies(issue).len(), 1);
    assert_eq!(caught(&town).await, [0; 4]);
    town.end().await;
}

#[tokio::test]
async fn what_is_delivered_after_it_was_caught_up_does_nothing_more() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.rest().await;
    town.gitlab.hold_deliveries();
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2\n/flag list").unwrap();
    let described = town.gitlab.issue(town.mara, town.shop, "Dark", "/flag link dark_mode").unwrap();
    town.stop().await;
    back(&mut town).await;
    assert_done(&town, issue, note);
    assert_eq!(town.reactions_on_page(described), ["eyes", "white_check_mark"]);
    assert_eq!(caught(&town).await, [0, 1, 1, 0]);

    town.gitlab.release_deliveries(Order::Reversed);
    town.rest().await;
    assert_done(&town, issue, note);
    assert_eq!(town.replies(issue).len(), 1);
    assert_eq!(town.reactions_on_page(described), ["eyes", "white_check_mark"]);
    assert_eq!(town.bot_notes(described).len(), 1);
    town.end().await;
}

/// In the order in which they were written, not in that of GitLab's log.
#[tokio::test]
async fn what_failed_is_taken_in_in_its_order() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.rest().await;
    town.stop().await;
    for turn in 0..15 {
        let command = if turn % 2 == 0 { "/flag link checkout_v2" } else { "/flag unlink checkout_v2" };
        town.gitlab.comment(town.mara, issue, command).unwrap();
        town.gitlab.comment(town.mara, issue, "Words between.").unwrap();
    }
    town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();

    back(&mut town).await;
    assert!(town.row(issue, "checkout_v2").is_some(), "the last word counts");
    assert_eq!(caught(&town).await, [15, 0, 0, 0]);
    caught_up(&town, 0).await;
    town.end().await;
}
