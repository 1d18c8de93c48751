//! Where replies go: threads, internal notes, confidential work, and whose words are listened to.

use flaglink::sandbox::gitlab::Order;

use super::town::{Town, as_read, without_marker};

#[tokio::test]
async fn a_plain_comment_is_answered_by_a_plain_comment_that_blocks_no_merge() {
    let town = Town::new().await;
    town.gitlab.change(|model| model.projects.get_mut(&town.shop).unwrap().threads_block_merge = true);
    let request = town.merge_request();

    let note = town.says(request, "/flag link checkout_v2 nope_nope\n/flag status").await;

    assert_eq!(town.reactions(note), ["eyes", "warning"]);
    assert_eq!(town.replies(request).len(), 2);
    for reply in town.bot_notes(request) {
        assert!(!reply.resolvable(), "{}", reply.body);
        assert_ne!(reply.discussion, town.gitlab.read(|model| model.notes[&note].discussion.clone()));
    }
    assert!(town.gitlab.read(|model| model.unresolved_threads(request).is_empty()));
    town.gitlab.merge(town.tobias, request).unwrap();
    town.end().await;
}

#[tokio::test]
async fn a_command_in_a_thread_is_answered_there() {
    let town = Town::new().await;
    let (issue, request) = (town.issue(), town.merge_request());
    let threads = [
        town.gitlab.comment_in_thread(town.mara, issue, "/flag status dark_mode").unwrap(),
        town.gitlab.comment_in_thread(town.mara, request, "/flag status dark_mode").unwrap(),
        town.gitlab.comment_on_diff(town.mara, request, "/flag status dark_mode").unwrap(),
    ];
    town.rest().await;

    for note in threads {
        let (on, discussion) = town.gitlab.read(|model| {
            let note = &model.notes[&note];
            (note.on, note.discussion.clone())
        });
        assert!(town.answer(on, note).starts_with("the state now:"));
        let reply = town.replies(on).into_iter().find(|reply| reply.body.contains(&format!("#note_{note})")));
        assert_eq!(reply.unwrap().discussion, discussion);
    }
    // No thread is there that people did not open.
    assert_eq!(town.gitlab.read(|model| model.unresolved_threads(request).len()), 2);

    // An answer of somebody in a thread, with a command in it.
    let later = town.gitlab.reply(town.tobias, threads[0], "/flag status checkout_v2").unwrap();
    town.rest().await;
    let discussion = town.gitlab.read(|model| model.notes[&later].discussion.clone());
    assert_eq!(town.replies(issue).last().unwrap().discussion, discussion);
    // The panel stands by itself, whoever links from where.
    let link = town.gitlab.reply(town.mara, threads[1], "/flag link dark_mode").unwrap();
    town.rest().await;
    assert_eq!(town.reactions(link), ["eyes", "white_check_mark"]);
    let panel = town.panel(request).unwrap();
    assert!(!panel.resolvable());
    town.end().await;
}

#[tokio::test]
async fn a_thread_that_is_gone_is_answered_beside_it() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.hold_deliveries();
    let first = town.gitlab.comment_in_thread(town.mara, issue, "Hm.").unwrap();
    let note = town.gitlab.reply(town.mara, first, "/flag status dark_mode").unwrap();
    let held = town.flagsmith.faults().add(flaglink::sandbox::faults::Rule::new(
        "GET",
        "/features/",
        flaglink::sandbox::faults::Fault::Hold,
    ));
    town.gitlab.release_deliveries(Order::AsCame);
    town.flagsmith
        .faults()
        .until(super::town::PATIENCE, |requests| requests.iter().any(|request| request.fault.is_some()))
        .await
        .unwrap();
    town.gitlab.delete_note(town.mara, note).unwrap();
    town.gitlab.delete_note(town.mara, first).unwrap();
    town.flagsmith.faults().release(held);
    town.rest().await;

    let replies = town.replies(issue);
    assert_eq!(replies.len(), 1, "{}", town.gitlab.transcript(issue));
    assert!(replies[0].body.contains("the state now:"));
    town.end().await;
}

#[tokio::test]
async fn an_internal_note_is_answered_internally_and_does_not_link() {
    let town = Town::new().await;
    let issue = town.issue();

    let link = town.gitlab.internal_comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let status = town.gitlab.internal_comment(town.mara, issue, "/flag status dark_mode").unwrap();
    town.rest().await;

    assert_eq!(town.reactions(link), ["eyes", "x"]);
    assert_eq!(
        town.answer(issue, link),
        "nothing was changed, because the panel and the label of a link are seen by everybody who sees this page, and your note is internal. Write the command in a comment that is not internal."
    );
    assert!(town.answer(issue, status).starts_with("the state now:"));
    assert!(town.bot_notes(issue).iter().all(|note| note.internal), "{}", town.gitlab.transcript(issue));
    assert!(town.labels(issue).is_empty() && town.links("checkout_v2").is_empty());

    // In an internal thread too, where GitLab says what is internal.
    let reply = town.gitlab.reply(town.mara, status, "/flag link checkout_v2").unwrap();
    town.rest().await;
    assert_eq!(town.reactions(reply), ["eyes", "x"]);
    assert!(town.bot_notes(issue).iter().all(|note| note.internal), "{}", town.gitlab.transcript(issue));
    town.end().await;
}

#[tokio::test]
async fn an_internal_note_takes_no_link_away_either() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;

    let note = town.gitlab.internal_comment(town.mara, issue, "/flag unlink checkout_v2").unwrap();
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.row(issue, "checkout_v2").is_some(), "everybody would see who took it away");
    assert_eq!(town.replies(issue).len(), 1);
    assert!(town.replies(issue)[0].internal);
    town.end().await;
}

#[tokio::test]
async fn nothing_of_confidential_work_leaves_gitlab() {
    let town = Town::new().await;
    let title = "Hole in the checkout";
    let issue = town.gitlab.confidential_issue(town.mara, town.shop, title, "").unwrap();

    let note = town.says(issue, "/flag link checkout_v2").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.row(issue, "checkout_v2").is_some(), "it has its panel");
    assert_eq!(town.labels(issue), ["Feature flag"]);
    assert!(town.links("checkout_v2").is_empty());

    town.gitlab.set_confidential(town.mara, issue, false).unwrap();
    town.rest().await;
    assert_eq!(town.links("checkout_v2"), [town.page(issue)]);

    town.gitlab.set_confidential(town.mara, issue, true).unwrap();
    town.rest().await;
    assert!(town.links("checkout_v2").is_empty(), "it was taken back");
    town.says(issue, "/flag unlink checkout_v2").await;
    town.end().await;
}

#[tokio::test]
async fn a_title_that_changes_while_work_is_confidential_is_never_told() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.links("checkout_v2").len(), 1);

    town.gitlab.hold_deliveries();
    town.gitlab.set_confidential(town.mara, issue, true).unwrap();
    town.gitlab.retitle(town.mara, issue, "Keys were stolen").unwrap();
    town.gitlab.release_deliveries(Order::Reversed);
    town.rest().await;

    assert!(town.links("checkout_v2").is_empty());
    let told = town.flagsmith.faults().log();
    assert!(
        !told.iter().any(|request| String::from_utf8_lossy(&request.body).contains("stolen")),
        "{}",
        town.flagsmith.faults().describe()
    );
    town.end().await;
}

#[tokio::test]
async fn a_description_that_another_edited_before_it_was_read_runs_nothing() {
    let town = Town::new().await;
    town.gitlab.hold_deliveries();
    let issue = town.gitlab.issue(town.gus, town.shop, "A wish", "/flag status dark_mode").unwrap();
    town.gitlab.describe(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.release_deliveries(Order::AsCame);
    town.rest().await;

    assert_eq!(town.reactions_on_page(issue), ["x"]);
    let replies = town.replies(issue);
    assert_eq!(replies.len(), 1);
    assert_eq!(
        as_read(&without_marker(&replies[0].body)),
        "The command in the description: this text was last edited by somebody other than its author, or GitLab does not say by whom, so nothing that is new in it was run. Write the command in a comment of your own."
    );
    assert!(town.panel(issue).is_none());

    // Its author may.
    town.gitlab.hold_deliveries();
    let own = town.gitlab.issue(town.mara, town.shop, "A wish", "/flag link dark_mode").unwrap();
    town.gitlab.describe(town.mara, own, "/flag link checkout_v2").unwrap();
    town.gitlab.release_deliveries(Order::AsCame);
    town.rest().await;
    assert_eq!(town.reactions_on_page(own), ["eyes", "white_check_mark"]);
    assert!(town.row(own, "checkout_v2").is_some() && town.row(own, "dark_mode").is_none());
    town.end().await;
}

#[tokio::test]
async fn the_bot_does_not_listen_to_itself_nor_to_gitlab() {
    let town = Town::new().await;
    let issue = town.issue();

    let own = town.says_as(town.bot, issue, "/flag link checkout_v2").await;
    town.gitlab.retitle(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.rest().await;

    assert!(town.reactions(own).is_empty());
    assert_eq!(town.bot_notes(issue).len(), 1, "its own one: {}", town.gitlab.transcript(issue));
    assert!(town.links("checkout_v2").is_empty());
    let opened = town.gitlab.issue(town.bot, town.shop, "By the bot", "/flag link checkout_v2").unwrap();
    town.rest().await;
    town.assert_silence(opened);
    town.end().await;
}
