//! The panel over time, and what of the page shows on the flag.

use super::town::{PATIENCE, Plan, Town, as_read};

#[tokio::test]
async fn a_panel_that_somebody_deletes_is_made_again_with_the_next_change() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let first = town.panel(issue).unwrap();

    town.gitlab.delete_note(town.tobias, first.id).unwrap();
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.rest().await;

    let second = town.panel(issue).unwrap();
    assert_ne!(second.id, first.id);
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[1], "🟢 on `blue`");
    assert_eq!(town.bot_notes(issue).len(), 1);
    town.end().await;
}

#[tokio::test]
async fn a_panel_is_touched_only_when_the_truth_changed() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let edits = || town.gitlab.faults().count("PUT", "/notes/");

    town.says(issue, "/flag list").await;
    town.says(issue, "/flag status").await;
    town.says(issue, "/flag link checkout_v2").await;
    town.gitlab.retitle(town.mara, issue, "Another title").unwrap();
    town.ada.describe("checkout_v2", "The new one").unwrap();
    town.rest().await;
    assert_eq!(edits(), 0, "{}", town.gitlab.faults().describe());

    // What somebody wrote over it is put right with the next change.
    let panel = town.panel(issue).unwrap();
    town.gitlab.edit_note(town.tobias, panel.id, "Nothing 🚩 Feature flags to see here").unwrap();
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert_eq!(town.panel(issue).unwrap().id, panel.id);
    assert_eq!(town.row(issue, "checkout_v2").unwrap(), ["⚪ off `blue`", "⚪ off `blue`", "🟢 on `blue`"]);
    town.end().await;
}

#[tokio::test]
async fn several_pages_share_one_flag() {
    let town = Town::new().await;
    let (issue, request) = (town.issue(), town.merge_request());
    town.says(issue, "/flag link checkout_v2").await;
    town.says(request, "/flag link checkout_v2").await;

    town.ada.set("checkout_v2", "staging", true, "red").unwrap();
    town.rest().await;

    for page in [issue, request] {
        assert_eq!(town.row(page, "checkout_v2").unwrap()[1], "🟢 on `red`");
        let panel = as_read(&town.panel(page).unwrap().body);
        assert!(panel.contains("off → on in `staging`"), "{panel}");
        assert!(panel.contains("`blue` → `red`"), "{panel}");
    }
    assert_eq!(town.links("checkout_v2"), [town.page(issue), town.page(request)]);
    town.says(issue, "/flag unlink checkout_v2").await;
    assert_eq!(town.links("checkout_v2"), [town.page(request)]);
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert_eq!(town.row(request, "checkout_v2").unwrap()[2], "🟢 on `blue`");
    assert!(!town.panel(issue).unwrap().body.contains("production"));
    town.end().await;
}

#[tokio::test]
async fn the_link_on_the_flag_follows_title_and_state_of_the_work() {
    let town = Town::new().await;
    let request = town.merge_request();
    town.says(request, "/flag link checkout_v2").await;
    let on_the_flag = || {
        town.flagsmith.read(|world| {
            let resource = world.resources.values().next().unwrap();
            (resource.kind.clone(), resource.metadata["title"].clone(), resource.metadata["state"].clone())
        })
    };
    assert_eq!(on_the_flag(), ("GITLAB_MR".to_owned(), "A faster checkout".into(), "opened".into()));

    town.gitlab.retitle(town.mara, request, "The fastest checkout").unwrap();
    town.gitlab.close(town.mara, request).unwrap();
    town.rest().await;
    assert_eq!(on_the_flag(), ("GITLAB_MR".to_owned(), "The fastest checkout".into(), "closed".into()));
    town.gitlab.reopen(town.mara, request).unwrap();
    town.gitlab.merge(town.tobias, request).unwrap();
    town.rest().await;
    assert_eq!(on_the_flag().2, "merged");
    town.end().await;
}

#[tokio::test]
async fn a_link_that_a_person_put_on_the_flag_stays_theirs() {
    let town = Town::new().await;
    let issue = town.issue();
    let page = town.page(issue);
    town.ada.link("checkout_v2", "GITLAB_ISSUE", &page, serde_json::json!({"title": "Mine"})).unwrap();

    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.links("checkout_v2"), std::slice::from_ref(&page));
    town.says(issue, "/flag unlink checkout_v2").await;
    assert_eq!(town.links("checkout_v2"), [page], "flaglink takes away only what it made");
    town.end().await;
}

#[tokio::test]
async fn a_new_bot_follows_an_old_one() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let old = town.panel(issue).unwrap();
    town.stop().await;
    let successor = town.gitlab.bot("flag-bot-two");
    town.gitlab.member(town.shop, successor, 40);
    let token = town.gitlab.token(successor, &["api"]);
    std::fs::write(town.folder().join("gitlab-token"), token).unwrap();
    town.start().await;

    let note = town.says(issue, "/flag link dark_mode").await;

    let reactions: Vec<String> =
        town.gitlab.read(|model| model.reactions(note, successor).into_iter().map(str::to_owned).collect());
    assert_eq!(reactions, ["eyes", "white_check_mark"]);
    let panels: Vec<String> = town
        .gitlab
        .read(|model| model.notes_by(issue, successor).into_iter().map(|note| note.body.clone()).collect());
    assert_eq!(panels.len(), 1, "{}", town.gitlab.transcript(issue));
    assert!(panels[0].contains("checkout_v2") && panels[0].contains("dark_mode"));
    assert_eq!(town.panel(issue).unwrap().body, old.body, "the old one is not its to edit");
    // The old bot is still one of ours: nobody listens to it.
    let own = town.says_as(town.bot, issue, "/flag unlink --all").await;
    assert!(town.gitlab.read(|model| model.reactions(own, successor).is_empty()));
    town.end().await;
}

#[tokio::test]
async fn polling_alone_is_enough() {
    let rule = "tell = [\"production\"]".to_owned();
    let town = Town::planned(Plan { rule, no_flag_webhook: true, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;

    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.gitlab.until(PATIENCE, |model| model.notes_by(issue, town.bot).len() == 2).await.unwrap();
    town.rest().await;

    assert_eq!(town.row(issue, "checkout_v2").unwrap()[2], "🟢 on `blue`");
    let told = as_read(&town.replies(issue)[0].body);
    assert!(
        told.contains("🚩 [`checkout_v2`] is now 🟢 on `blue` in `production` (was ⚪ off `blue`)"),
        "{told}"
    );
    assert!(told.contains("by somebody whom the flag service does not name"), "a poll does not know: {told}");
    town.end().await;
}
