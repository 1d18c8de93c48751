//! Webhooks that come twice, late, in the wrong order, from the wrong people, or with lies in them.

use flaglink::sandbox::gitlab::{Fate, HookSpec, NoteableRef, Order};
use serde_json::{Value, json};

use super::town::{GITLAB_SECRET, Town};

/// The body of the newest webhook about a note.
fn body_of(town: &Town, note: u64) -> Value {
    town.gitlab.read(|model| {
        let mut bodies = model.deliveries.values().rev().map(|delivery| delivery.json());
        bodies.find(|body| body["object_attributes"]["id"] == note).unwrap()
    })
}

/// What stands on a page once one link was made by one command without a reply.
fn assert_linked_once(town: &Town, issue: NoteableRef, note: u64) {
    let transcript = town.gitlab.transcript(issue);
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "{transcript}");
    assert_eq!(town.bot_notes(issue).len(), 1, "{transcript}");
    assert_eq!(town.panel(issue).unwrap().body.matches("linked by").count(), 2, "{transcript}");
    assert_eq!(town.labels(issue), ["Feature flag"]);
    assert_eq!(town.links("checkout_v2"), [town.page(issue)]);
}

#[tokio::test]
async fn the_same_delivery_again_does_nothing() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.duplicate_deliveries(3);

    let note = town.says(issue, "/flag link checkout_v2").await;
    assert_linked_once(&town, issue, note);

    // By hand, by another person, a while later.
    let delivery = town.gitlab.read(|model| {
        let mut deliveries = model.deliveries_of(town.hook).into_iter();
        deliveries.find(|delivery| delivery.event == "Note Hook").unwrap().id
    });
    let fate = town.gitlab.resend(town.tobias, delivery).await.unwrap();
    assert!(matches!(fate, Fate::Answered { status: 200, ref body } if body.is_empty()), "{fate:?}");
    town.rest().await;
    assert_linked_once(&town, issue, note);
    town.end().await;
}

#[tokio::test]
async fn two_hooks_tell_of_one_comment() {
    let town = Town::new().await;
    let url = format!("http://{}/hooks/gitlab", town.address());
    town.gitlab.hook(town.shop, HookSpec::everything(&url, GITLAB_SECRET));
    let issue = town.issue();

    let note = town.says(issue, "/flag link checkout_v2").await;
    assert_linked_once(&town, issue, note);
    let list = town.says(issue, "/flag list").await;
    assert!(town.answer(issue, list).contains("checkout_v2"), "answered once");
    town.end().await;
}

#[tokio::test]
async fn a_gitlab_without_keys_for_its_deliveries_is_served_as_well() {
    let town = Town::new().await;
    town.gitlab.change(|model| model.settings.version = "16.11.0".to_owned());
    town.gitlab.duplicate_deliveries(2);
    let issue = town.issue();

    let note = town.says(issue, "/flag link checkout_v2").await;
    assert_linked_once(&town, issue, note);
    town.end().await;
}

#[tokio::test]
async fn the_test_button_runs_nothing_in_the_name_of_who_presses_it() {
    let town = Town::new().await;
    let issue = town.issue();
    let note = town.says(issue, "/flag link checkout_v2").await;
    // The newest note is the bot's own panel.
    town.gitlab.press_test(town.tobias, town.hook, "note_events").await.unwrap();
    town.rest().await;
    assert_linked_once(&town, issue, note);

    // Now it is one of a guest, whose webhook never came.
    town.gitlab.drop_deliveries(true);
    let other = town.issue();
    let of_gus = town.gitlab.comment(town.gus, other, "/flag link dark_mode").unwrap();
    town.gitlab.drop_deliveries(false);
    town.gitlab.press_test(town.tobias, town.hook, "note_events").await.unwrap();
    town.rest().await;
    assert_eq!(town.reactions(of_gus), ["eyes", "x"]);
    assert!(town.answer(other, of_gus).contains("yours is Guest"));
    assert!(town.panel(other).is_none());

    // And for issues it says that the newest one was opened just now.
    let described =
        town.gitlab.issue(town.mara, town.shop, "With a command", "/flag link dark_mode").unwrap();
    town.rest().await;
    town.says(described, "/flag unlink dark_mode").await;
    town.gitlab.press_test(town.tobias, town.hook, "issues_events").await.unwrap();
    town.rest().await;
    assert_eq!(town.row(described, "dark_mode"), None, "the description had its turn");
    town.end().await;
}

#[tokio::test]
async fn deliveries_in_the_wrong_order_still_run_each_command_once() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.hold_deliveries();
    let link = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    let both = town.gitlab.comment(town.mara, issue, "/flag link dark_mode\n/flag status dark_mode").unwrap();
    let list = town.gitlab.comment(town.mara, issue, "/flag list").unwrap();
    town.gitlab.release_deliveries(Order::Reversed);
    town.rest().await;

    for note in [link, both, list] {
        assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    }
    assert!(town.row(issue, "checkout_v2").is_some() && town.row(issue, "dark_mode").is_some());
    assert_eq!(town.replies(issue).len(), 2);
    town.end().await;
}

#[tokio::test]
async fn without_the_secret_nothing_is_even_read() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.drop_deliveries(true);
    town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.drop_deliveries(false);
    let url = format!("http://{}/hooks/gitlab", town.address());
    let wrong = town.gitlab.hook(town.shop, HookSpec::everything(&url, "town-gitlab-webhook-secreT"));
    let none = town.gitlab.hook(town.shop, HookSpec { token: None, ..HookSpec::everything(&url, "") });

    for hook in [wrong, none] {
        let fate = town.gitlab.press_test(town.tobias, hook, "note_events").await.unwrap();
        assert!(matches!(fate, Fate::Answered { status: 401, .. }), "{fate:?}");
    }
    town.rest().await;
    town.assert_silence(issue);
    town.end().await;
}

#[tokio::test]
async fn of_a_body_nothing_is_believed() {
    let town = Town::new().await;
    let (issue, other) = (town.issue(), town.issue());
    let harmless = town.says(issue, "What about checkout_v2?").await;
    let of_gus = town.says_as(town.gus, issue, "/flag link checkout_v2").await;
    let replies = town.bot_notes(issue).len();
    let true_body = body_of(&town, harmless);

    let mut lies: Vec<(&str, Value)> = Vec::new();
    let mut lie = |about: &'static str, base: &Value, changes: &[(&str, Value)]| {
        let mut body = base.clone();
        for (pointer, value) in changes {
            *body.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value.clone();
        }
        lies.push((about, body));
    };
    let command = json!("/flag link checkout_v2");
    let text = [("/object_attributes/note", command.clone()), ("/object_attributes/description", command)];
    lie("the text", &true_body, &text);
    let author = [("/object_attributes/author_id", json!(town.mara)), ("/user/id", json!(town.mara))];
    lie("the author", &body_of(&town, of_gus), &author);
    let with_text = |more: &[(&'static str, Value)]| [&text[..], more].concat();
    lie("the page", &true_body, &with_text(&[("/issue/iid", json!(other.iid))]));
    lie("a page that is not there", &true_body, &with_text(&[("/issue/iid", json!(4_000_000_000_u64))]));
    lie("the note", &true_body, &with_text(&[("/object_attributes/id", json!(999_999))]));
    lie("numbers", &true_body, &with_text(&[("/object_attributes/id", json!(-1))]));
    let elsewhere = [("/project/id", json!(town.elsewhere)), ("/project_id", json!(town.elsewhere))];
    lie("the project", &true_body, &with_text(&elsewhere));
    let nowhere = [("/project/id", json!(31_337)), ("/project_id", json!(31_337))];
    lie("a project that is not there", &true_body, &with_text(&nowhere));
    lie("the kind", &true_body, &with_text(&[("/object_attributes/noteable_type", json!("MergeRequest"))]));

    for (about, body) in lies {
        assert_eq!(town.post(GITLAB_SECRET, &body).await, 200, "{about}");
        town.rest().await;
        assert!(town.panel(issue).is_none(), "{about}: {}", town.gitlab.transcript(issue));
        assert!(town.reactions(harmless).is_empty(), "{about}");
        assert_eq!(town.bot_notes(issue).len(), replies, "{about}");
        town.assert_silence(other);
    }
    assert!(town.links("checkout_v2").is_empty());
    town.end().await;
}

#[tokio::test]
async fn a_note_of_another_page_is_not_run_on_this_one() {
    let town = Town::new().await;
    let (issue, other) = (town.issue(), town.issue());
    town.gitlab.drop_deliveries(true);
    let note = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.drop_deliveries(false);
    let mut body = body_of(&town, note);

    body["issue"]["iid"] = json!(other.iid);
    town.post(GITLAB_SECRET, &body).await;
    town.rest().await;
    town.assert_silence(issue);
    town.assert_silence(other);

    // The true one still has its turn.
    body["issue"]["iid"] = json!(issue.iid);
    town.post(GITLAB_SECRET, &body).await;
    town.rest().await;
    assert_linked_once(&town, issue, note);
    town.end().await;
}

#[tokio::test]
async fn a_reply_goes_where_the_note_stands_whatever_the_body_says() {
    let town = Town::new().await;
    let issue = town.issue();
    let thread = town.gitlab.comment_in_thread(town.tobias, issue, "Another talk.").unwrap();
    town.gitlab.drop_deliveries(true);
    let plain = town.gitlab.comment(town.mara, issue, "/flag status dark_mode").unwrap();
    let inside = town.gitlab.comment_in_thread(town.mara, issue, "/flag status checkout_v2").unwrap();
    town.gitlab.drop_deliveries(false);
    let discussion = |note: u64| town.gitlab.read(|model| model.notes[&note].discussion.clone());

    for (note, claim) in [(plain, json!(discussion(thread))), (inside, json!(discussion(thread)))] {
        let mut body = body_of(&town, note);
        body["object_attributes"]["discussion_id"] = claim;
        body["object_attributes"]["type"] = json!("DiscussionNote");
        town.post(GITLAB_SECRET, &body).await;
    }
    town.rest().await;

    let replies = town.replies(issue);
    assert_eq!(replies.len(), 2);
    assert!(replies.iter().all(|reply| reply.discussion != discussion(thread)));
    assert!(town.answer(issue, plain).contains("dark_mode"));
    let answer = replies.iter().find(|reply| reply.body.contains(&format!("#note_{inside})"))).unwrap();
    assert_eq!(answer.discussion, discussion(inside));
    town.end().await;
}

#[tokio::test]
async fn an_internal_note_is_internal_whatever_the_body_says() {
    let town = Town::new().await;
    let issue = town.issue();
    town.gitlab.drop_deliveries(true);
    let note = town.gitlab.internal_comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.drop_deliveries(false);
    let mut body = body_of(&town, note);
    body["event_type"] = json!("note");
    body["object_attributes"]["internal"] = json!(false);

    town.post(GITLAB_SECRET, &body).await;
    town.rest().await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert!(town.bot_notes(issue).iter().all(|note| note.internal));
    assert!(town.links("checkout_v2").is_empty());
    town.end().await;
}
