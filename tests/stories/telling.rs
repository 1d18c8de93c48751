//! What is told of changes: gathered for a while, then one reply about what is otherwise than it was.

use std::time::Duration;

use flaglink::sandbox::flagsmith::Value;
use flaglink::sandbox::gitlab::{Model, NoteableRef, Visibility};

use crate::town::{PATIENCE, Plan, Town, as_read};

/// Long enough for what a story does within it, on a busy machine too.
const WINDOW: &str = "tell = [\"*\"]\ntell_after = \"4s\"";

async fn town(rule: &str) -> (Town, NoteableRef) {
    let rule = format!("{WINDOW}\n{rule}");
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2 dark_mode").await;
    (town, issue)
}

/// Everything that came in is looked at; what was gathered is not told yet.
async fn gathered(town: &Town, on: NoteableRef, flag: &str, state: &str) {
    let name = format!("{flag}`");
    let cell = format!("{state} |");
    town.gitlab
        .until(PATIENCE, |model| {
            let notes = model.notes_by(on, town.bot);
            let panel = notes.into_iter().find(|note| note.body.contains("🚩 Feature flags"));
            panel.is_some_and(|panel| {
                panel.body.lines().any(|line| {
                    line.starts_with('|') && line.contains(&name) && format!("{line} ").contains(&cell)
                })
            })
        })
        .await
        .unwrap();
    assert!(town.replies(on).is_empty(), "told too soon:\n{}", town.gitlab.transcript(on));
}

/// The panel says that.
async fn until_panel_has(town: &Town, on: NoteableRef, words: &str) {
    let there = |model: &Model| {
        let notes = model.notes_by(on, town.bot);
        notes.iter().any(|note| note.body.contains("🚩 Feature flags") && note.body.contains(words))
    };
    town.gitlab.until(PATIENCE, there).await.unwrap();
}

/// The lines of the one reply there is.
fn told(town: &Town, on: NoteableRef) -> Vec<String> {
    let replies = town.replies(on);
    assert_eq!(replies.len(), 1, "{}", town.gitlab.transcript(on));
    let lines = replies[0].body.lines().filter(|line| line.starts_with("🚩"));
    lines.map(as_read).collect()
}

#[tokio::test]
async fn many_changes_in_a_while_are_one_reply() {
    let (town, issue) = town("").await;
    town.ada.new_flag("search_v3", true, Value::Nothing).unwrap();
    town.says(issue, "/flag link search_v3").await;
    // Ten changes: three states are others in the end, one is as it was.
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.ada.set_value("checkout_v2", "production", "green").unwrap();
    town.bob.set_value("checkout_v2", "production", "red").unwrap();
    town.ada.switch("dark_mode", "staging", true).unwrap();
    town.ada.switch("dark_mode", "production", true).unwrap();
    gathered(&town, issue, "dark_mode", "🟢 on | 🟢 on").await;
    town.ada.switch("dark_mode", "staging", false).unwrap();
    town.ada.switch("search_v3", "development", false).unwrap();
    town.ada.switch("search_v3", "development", true).unwrap();
    town.ada.switch("search_v3", "development", false).unwrap();
    town.ada.set_value("checkout_v2", "production", "violet").unwrap();
    gathered(&town, issue, "search_v3", "⚪ off | 🟢 on | 🟢 on").await;
    town.rest().await;
    let lines = told(&town, issue);
    let line = |begins: &str| {
        let found: Vec<&String> = lines.iter().filter(|line| line.contains(begins)).collect();
        assert_eq!(found.len(), 1, "{begins}: {lines:#?}");
        found[0].clone()
    };
    let checkout = line("[`checkout_v2`] is now 🟢 on `violet` in `production` (was ⚪ off `blue`), 2");
    assert!(checkout.contains("by <code>ada"), "{checkout}");
    line("[`dark_mode`] is now 🟢 on in `production` (was ⚪ off), 2");
    line("[`dark_mode`] was changed and changed back in `staging`: ⚪ off, 2");
    line("[`search_v3`] is now ⚪ off in `development` (was 🟢 on), 2");
    assert_eq!(lines.len(), 4, "{lines:#?}");
    // What comes afterwards is another reply.
    town.ada.switch("search_v3", "development", true).unwrap();
    town.rest().await;
    assert_eq!(town.replies(issue).len(), 2, "{}", town.gitlab.transcript(issue));
    town.end().await;
}

#[tokio::test]
async fn a_restart_in_between_loses_nothing_and_tells_nothing_twice() {
    let (mut town, issue) = town("").await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    gathered(&town, issue, "checkout_v2", "🟢 on `blue`").await;
    town.stop().await;
    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.flagsmith.settled(PATIENCE).await.unwrap();
    town.start().await;
    town.gitlab.until(PATIENCE, |model| model.notes_by(issue, town.bot).len() == 2).await.unwrap();
    town.rest().await;
    let replies = town.replies(issue);
    let all: String = replies.iter().map(|reply| as_read(&reply.body)).collect();
    assert_eq!(all.matches("is now 🟢 on `blue` in `production`").count(), 1, "{all}");
    assert_eq!(all.matches("is now 🟢 on `blue` in `staging`").count(), 1, "{all}");
    for _ in 0..2 {
        town.stop().await;
        town.start().await;
        town.rest().await;
    }
    assert_eq!(town.replies(issue).len(), replies.len(), "{}", town.gitlab.transcript(issue));
    town.end().await;
}

#[tokio::test]
async fn what_is_as_it_was_is_not_told() {
    let (town, issue) = town("").await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    gathered(&town, issue, "checkout_v2", "🟢 on `blue`").await;
    town.ada.switch("checkout_v2", "production", false).unwrap();
    town.rest().await;
    assert!(town.replies(issue).is_empty(), "{}", town.gitlab.transcript(issue));
    assert!(town.panel(issue).unwrap().body.contains("on → off"), "the panel remembers");
    town.end().await;
}

#[tokio::test]
async fn gitlab_is_asked_again_when_it_is_told() {
    let (town, issue) = town("").await;
    town.ada.set("checkout_v2", "production", true, "green").unwrap();
    gathered(&town, issue, "checkout_v2", "🟢 on `green`").await;
    town.gitlab.set_visibility(town.shop, Visibility::Public);
    town.rest().await;
    let lines = told(&town, issue);
    assert!(
        lines[0].contains("is now 🟢 on, value hidden in `production` (was ⚪ off, value hidden)"),
        "{lines:?}"
    );
    town.end().await;
}

#[tokio::test]
async fn a_value_that_is_hidden_is_told_to_have_changed() {
    let rule = format!("{WINDOW}\nvalues = \"hide\"");
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.ada.set_value("checkout_v2", "production", "green").unwrap();
    town.rest().await;
    let lines = told(&town, issue);
    let words = "[`checkout_v2`]: value changed in `production` (still ⚪ off, value hidden), 2";
    let plain = words.replace("[`checkout_v2`]", "`checkout_v2`");
    assert!(lines[0].contains(words) || lines[0].contains(&plain), "{lines:?}");
    assert!(!lines[0].contains("is now"), "{lines:?}");
    town.end().await;
}

#[tokio::test]
async fn environments_that_come_go_or_are_called_otherwise_are_no_changes_of_the_flag() {
    let (mut town, issue) = town("").await;
    town.stop().await;
    town.flagsmith.change(|world| {
        let staging = world.environments.values_mut().find(|one| one.name == "staging").unwrap();
        staging.name = "preview".to_owned();
    });
    town.start().await;
    until_panel_has(&town, issue, "`preview`").await;
    town.rest().await;
    let panel = as_read(&town.panel(issue).unwrap().body);
    assert!(panel.contains("`preview`") && !panel.contains("staging"), "{panel}");
    // What happens there goes on where it was.
    town.ada.switch("checkout_v2", "preview", true).unwrap();
    town.rest().await;
    let lines = told(&town, issue);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("is now 🟢 on `blue` in `preview` (was ⚪ off `blue`)"), "{lines:?}");

    town.stop().await;
    town.ada.new_environment("canary").unwrap();
    town.flagsmith.change(|world| {
        let gone = world.environments.values().find(|one| one.name == "development").unwrap().id;
        world.environments.remove(&gone);
        world.states.retain(|_, state| state.environment != gone);
    });
    town.start().await;
    until_panel_has(&town, issue, "`canary`").await;
    town.rest().await;
    let panel = as_read(&town.panel(issue).unwrap().body);
    let columns = panel.lines().find(|line| line.starts_with("| Flag")).unwrap();
    assert!(columns.contains("`canary`") && !columns.contains("development"), "{panel}");
    assert_eq!(told(&town, issue).len(), 1, "{}", town.gitlab.transcript(issue));
    town.end().await;
}

#[tokio::test]
async fn closed_work_and_drafts_are_told_as_the_rule_says() {
    for (rule, closed, merged, draft) in [
        ("", 0, 0, 1),
        ("tell_closed = true", 1, 1, 1),
        ("tell_drafts = false", 0, 0, 0),
        ("tell_closed = true\ntell_drafts = false", 1, 1, 0),
    ] {
        let (town, issue) = town(rule).await;
        let requests = [town.merge_request(), town.merge_request()];
        for request in requests {
            town.says(request, "/flag link checkout_v2").await;
        }
        let [gets_merged, is_draft] = requests;
        town.gitlab.set_draft(town.mara, is_draft, true).unwrap();
        town.gitlab.until(PATIENCE, |model| model.all_delivered()).await.unwrap();
        town.ada.switch("checkout_v2", "production", true).unwrap();
        gathered(&town, issue, "checkout_v2", "🟢 on `blue`").await;
        // No webhook tells of it in time.
        town.gitlab.drop_deliveries(true);
        town.gitlab.close(town.mara, issue).unwrap();
        town.gitlab.merge(town.tobias, gets_merged).unwrap();
        town.rest().await;
        let told = [issue, gets_merged, is_draft].map(|page| town.replies(page).len());
        assert_eq!(told, [closed, merged, draft], "{rule}");
        town.end().await;
    }
}

#[tokio::test]
async fn every_page_of_a_flag_is_told_for_itself_and_only_while_it_is_linked() {
    let (town, issue) = town("").await;
    let [request, leaves] = [town.merge_request(), town.issue()];
    for page in [request, leaves] {
        town.says(page, "/flag link checkout_v2").await;
    }
    town.ada.switch("checkout_v2", "production", true).unwrap();
    gathered(&town, issue, "checkout_v2", "🟢 on `blue`").await;
    town.gitlab.comment(town.mara, leaves, "/flag unlink checkout_v2").unwrap();
    town.rest().await;
    for page in [issue, request] {
        assert!(told(&town, page)[0].contains("is now 🟢 on `blue` in `production`"));
    }
    assert!(town.replies(leaves).is_empty(), "{}", town.gitlab.transcript(leaves));
    town.end().await;
}

#[tokio::test]
async fn that_a_flag_is_deleted_is_told_and_takes_the_label_off() {
    let (town, issue) = town("").await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert_eq!(town.labels(issue), ["Feature flag"]);
    town.ada.delete("checkout_v2").unwrap();
    town.rest().await;
    let all: Vec<String> = town.replies(issue).iter().map(|reply| as_read(&reply.body)).collect();
    let gone: Vec<&String> = all.iter().filter(|told| told.contains("any more")).collect();
    assert_eq!(gone.len(), 1, "{all:#?}");
    assert!(
        gone[0]
            .contains("[`checkout_v2`] is not in `flagsmith` any more (was 🟢 on `blue` in `production`), 2"),
        "{all:#?}"
    );
    assert!(!gone[0].contains("somebody"), "{all:#?}");
    assert_eq!(town.labels(issue), ["Feature flag"], "one is still there");

    town.ada.delete("dark_mode").unwrap();
    town.rest().await;
    assert!(town.labels(issue).is_empty());
    let list = town.says(issue, "/flag list").await;
    assert!(town.reply_to(issue, list).contains("checkout_v2"), "the link is kept");
    town.end().await;
}

#[tokio::test]
async fn a_label_that_somebody_took_off_does_not_come_back_with_its_flag() {
    let (town, issue) = town("").await;
    let other = town.issue();
    town.says(other, "/flag link checkout_v2").await;
    town.gitlab.remove_labels(town.mara, other, &["Feature flag"]).unwrap();
    town.gitlab.add_labels(town.mara, other, &["bug"]).unwrap();
    town.rest().await;
    for flag in ["checkout_v2", "dark_mode"] {
        town.ada.delete(flag).unwrap();
        town.rest().await;
    }
    assert!(town.labels(issue).is_empty());
    assert_eq!(town.labels(other), ["bug"]);
    town.ada.new_flag("checkout_v2", true, "red").unwrap();
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.labels(issue), ["Feature flag"]);
    assert_eq!(town.labels(other), ["bug"], "a person has the last word");
    // And now it is a person's.
    town.gitlab.remove_labels(town.mara, issue, &["Feature flag"]).unwrap();
    town.rest().await;
    town.gitlab.add_labels(town.mara, issue, &["Feature flag"]).unwrap();
    town.rest().await;
    town.ada.delete("checkout_v2").unwrap();
    town.rest().await;
    assert_eq!(town.labels(issue), ["Feature flag"], "it is not ours");
    tokio::time::timeout(Duration::from_secs(5), town.end()).await.unwrap();
}

/// To a program the number 5 and the text "5" are two things, and Flagsmith keeps them apart.
#[tokio::test]
async fn a_value_that_becomes_one_of_another_kind_is_a_change_that_can_be_read() {
    let town = Town::planned(Plan { rule: "tell = [\"*\"]".to_owned(), ..Plan::default() }).await;
    town.ada.set("checkout_v2", "production", true, 5).unwrap();
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.ada.set_value("checkout_v2", "production", "5").unwrap();
    town.rest().await;
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[2], "🟢 on `\"5\"`");
    let panel = as_read(&town.panel(issue).unwrap().body);
    assert!(
        panel.contains("value `5` → `\"5\"` in `production`, by <code>ada<!-- -->@example.com</code>"),
        "{panel}"
    );
    let lines = told(&town, issue);
    assert!(lines[0].contains("is now 🟢 on `\"5\"` in `production` (was 🟢 on `5`)"), "{lines:?}");

    town.bob.set_value("checkout_v2", "production", 5).unwrap();
    town.rest().await;
    let panel = as_read(&town.panel(issue).unwrap().body);
    assert!(
        panel.contains("value `\"5\"` → `5` in `production`, by <code>bob<!-- -->@example.com</code>"),
        "{panel}"
    );
    assert_eq!(town.row(issue, "checkout_v2").unwrap()[2], "🟢 on `5`");
    town.end().await;
}

#[tokio::test]
async fn what_is_noticed_late_is_told_with_the_moment_that_the_service_keeps() {
    let rule = "tell = [\"production\"]".to_owned();
    let mut town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.stop().await;
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.start().await;
    let bot = town.bot;
    let told = |model: &Model| model.notes_by(issue, bot).len() == 2;
    town.gitlab.until(PATIENCE, told).await.unwrap();
    town.rest().await;
    let panel = town.panel(issue).unwrap().body;
    assert!(panel.contains("off → on in `production`") && !panel.contains("noticed"), "{panel}");
    let reply = town.replies(issue).remove(0).body;
    assert!(!reply.contains("noticed"), "{reply}");

    // Of the archive Flagsmith keeps no moment.
    town.stop().await;
    town.ada.archive("checkout_v2", true).unwrap();
    town.start().await;
    let told = |model: &Model| model.notes_by(issue, bot).len() == 3;
    town.gitlab.until(PATIENCE, told).await.unwrap();
    town.rest().await;
    let panel = town.panel(issue).unwrap().body;
    assert!(panel.contains(" UTC (noticed): `checkout_v2` archived"), "{panel}");
    let reply = town.replies(issue).remove(1).body;
    assert!(reply.contains("was archived, noticed 20"), "{reply}");
    town.end().await;
}
