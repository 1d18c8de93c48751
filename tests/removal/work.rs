//! Issues and merge requests that are deleted in GitLab, which tells nobody: their links go, and what only looks so changes nothing.

use std::collections::BTreeMap;

use flaglink::sandbox::faults::Received;
use flaglink::sandbox::gitlab::{HookSpec, NoteableRef, Visibility, level};

use crate::kit::{believe, panel, until_ready_says};
use crate::town::{GITLAB_SECRET, PATIENCE, Plan, Town};

const ASKS: &str = "linked issues and merge requests any more";

async fn town() -> Town {
    Town::planned(Plan { catch_up: Some("1s"), ..Plan::default() }).await
}

/// Somebody deletes it, with all comments.
fn delete(town: &Town, on: NoteableRef) {
    town.gitlab.change(|model| {
        model.notes.retain(|_, note| note.on != on);
        model.noteables.remove(&on);
    });
}

/// What stands on the flag in Flagsmith because of linked work: how many links, and which tags.
fn on_the_flag(town: &Town, flag: &str) -> (usize, Vec<String>) {
    town.flagsmith.read(|world| {
        let feature = world.features.values().find(|known| known.name == flag).unwrap();
        let links = world.resources.values().filter(|link| link.feature == feature.id).count();
        let tags = feature.tags.iter().filter_map(|tag| world.tags.get(tag)).map(|tag| tag.label.clone());
        (links, tags.collect())
    })
}

async fn until_on_the_flag(town: &Town, flag: &str, links: usize, tags: &[&str]) {
    let wanted = (links, tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
    let waiting = async {
        let mut tick = tokio::time::interval(std::time::Duration::from_millis(50));
        while on_the_flag(town, flag) != wanted {
            tick.tick().await;
        }
    };
    if tokio::time::timeout(2 * PATIENCE, waiting).await.is_err() {
        panic!("{:?}\n{}", on_the_flag(town, flag), town.gitlab.faults().describe());
    }
}

/// Waits until flaglink has begun so many more looks for the linked issues of a project.
async fn until_looked(town: &Town, on: NoteableRef, times: usize) {
    let path = format!("/projects/{}/issues?", on.project);
    let shown = |one: &&Received| {
        let asked = one.path_and_query();
        asked.contains(&path) && asked.contains("iids")
    };
    let before = town.gitlab.faults().log().iter().filter(shown).count();
    let looked = |all: &[Received]| all.iter().filter(shown).count() >= before + times;
    town.gitlab.faults().until(2 * PATIENCE, looked).await.unwrap();
}

#[tokio::test]
async fn a_deleted_issue_loses_its_links_and_its_flags_their_tags() {
    let town = town().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(on_the_flag(&town, "checkout_v2"), (1, vec!["Issue Open".to_owned()]));
    delete(&town, issue);
    // What changes of the flag meanwhile cannot be shown there any more.
    town.ada.switch("checkout_v2", "production", true).unwrap();
    until_on_the_flag(&town, "checkout_v2", 0, &[]).await;
    town.rest().await;
    assert!(town.dead().await.is_empty(), "{:#?}", town.dead().await);
    let history = history(town, issue).await;
    assert!(history.iter().any(|change| change.deleted && !change.linked), "{history:?}");
}

async fn history(mut town: Town, on: NoteableRef) -> Vec<flaglink::domain::LinkChange> {
    use flaglink::store::Store as _;
    use flaglink::store::sled::{SledStore, StoreOptions};
    town.stop().await;
    let store = SledStore::open(&town.folder().join("store"), StoreOptions::default()).unwrap();
    let instance = store.register().await.unwrap().value.unwrap().instances[0].id.clone();
    let (project, iid) = (on.project, on.iid);
    let kind = flaglink::domain::NoteableKind::Issue;
    let noteable = flaglink::domain::Noteable { instance, project, kind, iid };
    let record = store.noteable(&noteable).await.unwrap().value.unwrap();
    assert!(record.links.is_empty());
    record.history
}

/// GitLab shows it to nobody any more, with all comments, until what is returned is called.
fn hide(town: &Town, on: NoteableRef) -> impl FnOnce(&Town) {
    let (work, notes) = town.gitlab.change(|model| {
        let (hidden, kept): (BTreeMap<_, _>, _) =
            std::mem::take(&mut model.notes).into_iter().partition(|(_, note)| note.on == on);
        model.notes = kept;
        (model.noteables.remove(&on).unwrap(), hidden)
    });
    move |town| {
        town.gitlab.change(|model| {
            model.noteables.insert(on, work);
            model.notes.extend(notes);
        });
    }
}

#[tokio::test]
async fn an_issue_that_is_shown_again_has_its_links_again() {
    let town = town().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let stands = on_the_flag(&town, "checkout_v2");
    assert_eq!(stands, (1, vec!["Issue Open".to_owned()]));
    let show = hide(&town, issue);
    until_on_the_flag(&town, "checkout_v2", 0, &[]).await;
    // What changes of the flag meanwhile is shown when it is there again.
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    show(&town);
    until_on_the_flag(&town, "checkout_v2", 1, &["Issue Open"]).await;
    town.rest().await;
    assert_eq!(
        town.row(issue, "checkout_v2").unwrap()[2],
        "🟢 on `blue`",
        "{}",
        town.gitlab.transcript(issue)
    );
    let panel = panel(&town, issue);
    assert!(panel.contains("linked again, because GitLab shows this page again"), "{panel}");
    // It is the one that stood there, and it goes on.
    town.ada.switch("checkout_v2", "production", false).unwrap();
    town.rest().await;
    assert!(!town.row(issue, "checkout_v2").unwrap()[2].contains("on"), "{}", town.gitlab.transcript(issue));
    let says = town.says(issue, "/flag list").await;
    assert!(town.reply_to(issue, says).contains("checkout_v2"));
    assert!(town.dead().await.is_empty(), "{:#?}", town.dead().await);
    town.end().await;
}

#[tokio::test]
async fn a_flag_that_is_linked_again_as_soon_as_its_request_is_shown_is_linked_once() {
    let town = town().await;
    let request = town.merge_request();
    town.says(request, "/flag link checkout_v2 dark_mode").await;
    let show = hide(&town, request);
    until_on_the_flag(&town, "checkout_v2", 0, &[]).await;
    until_on_the_flag(&town, "dark_mode", 0, &[]).await;
    show(&town);
    town.says(request, "/flag link checkout_v2").await;
    until_on_the_flag(&town, "dark_mode", 1, &["MR Open"]).await;
    until_on_the_flag(&town, "checkout_v2", 1, &["MR Open"]).await;
    town.rest().await;
    assert!(town.row(request, "checkout_v2").is_some() && town.row(request, "dark_mode").is_some());
    town.end().await;
}

#[tokio::test]
async fn of_two_that_are_linked_the_other_one_says_the_tag() {
    let town = town().await;
    let (open, closed) = (town.issue(), town.issue());
    let request = town.merge_request();
    for on in [open, closed, request] {
        town.says(on, "/flag link checkout_v2").await;
    }
    town.gitlab.close(town.mara, closed).unwrap();
    town.rest().await;
    let both = ["Issue Open".to_owned(), "MR Open".to_owned()];
    let (links, mut tags) = on_the_flag(&town, "checkout_v2");
    tags.sort();
    assert_eq!((links, tags), (3, both.to_vec()));
    delete(&town, open);
    until_on_the_flag(&town, "checkout_v2", 2, &["MR Open", "Issue Closed"]).await;
    delete(&town, request);
    until_on_the_flag(&town, "checkout_v2", 1, &["Issue Closed"]).await;
    assert!(town.row(closed, "checkout_v2").is_some());
    town.end().await;
}

#[tokio::test]
async fn issues_that_are_switched_off_for_a_while_lose_nothing() {
    let town = town().await;
    let (issue, request) = (town.issue(), town.merge_request());
    town.says(issue, "/flag link checkout_v2").await;
    town.says(request, "/flag link checkout_v2").await;
    let stands = on_the_flag(&town, "checkout_v2");
    let off = |off: bool| {
        town.gitlab.change(|model| {
            let project = model.projects.get_mut(&town.shop).unwrap();
            (project.issues_off, project.merge_requests_off) = (off, off);
        });
    };
    off(true);
    // Far more often than would be needed, and for longer.
    until_looked(&town, issue, 14).await;
    assert_eq!(on_the_flag(&town, "checkout_v2"), stands);
    off(false);
    town.ada.switch("checkout_v2", "production", true).unwrap();
    until_looked(&town, issue, 2).await;
    town.rest().await;
    assert_eq!(on_the_flag(&town, "checkout_v2"), stands);
    for on in [issue, request] {
        assert_eq!(town.row(on, "checkout_v2").unwrap()[2], "🟢 on `blue`", "{}", town.gitlab.transcript(on));
    }
    town.end().await;
}

#[tokio::test]
async fn what_a_bot_that_became_a_guest_does_not_see_is_not_taken_for_deleted() {
    let town = town().await;
    let (secret, request) = (town.issue(), town.merge_request());
    town.says(secret, "/flag link checkout_v2").await;
    town.says(request, "/flag link dark_mode").await;
    town.gitlab.change(|model| model.noteables.get_mut(&secret).unwrap().confidential = true);
    let project = town.shop;
    town.gitlab.member(project, town.bot, level::GUEST);
    until_looked(&town, secret, 14).await;
    town.gitlab.member(project, town.bot, level::MAINTAINER);
    until_looked(&town, secret, 2).await;
    town.rest().await;
    assert!(town.row(secret, "checkout_v2").is_some() && town.row(request, "dark_mode").is_some());
    assert_eq!(on_the_flag(&town, "dark_mode").0, 1);
    let says = town.says(secret, "/flag list").await;
    assert!(town.reply_to(secret, says).contains("checkout_v2"));
    town.end().await;
}

#[tokio::test]
async fn a_doubt_holds_back_its_own_project_and_goes_when_that_is_archived() {
    let town = town().await;
    let other = other_project(&town);
    let mut issues = Vec::new();
    for _ in 0..4 {
        let issue = town.issue();
        town.says(issue, "/flag link checkout_v2").await;
        issues.push(issue);
    }
    let here = |title: &str| town.gitlab.issue(town.mara, other, title, "").unwrap();
    let (first, second) = (here("First"), here("Second"));
    town.says(first, "/flag link dark_mode").await;
    town.says(second, "/flag link dark_mode").await;
    for issue in issues {
        delete(&town, issue);
    }
    let said = until_ready_says(&town, |said| said.contains(ASKS)).await;
    assert!(said.contains("4 of 4") && said.contains("This is about shop/web"), "{said}");
    delete(&town, first);
    until_on_the_flag(&town, "dark_mode", 1, &["Issue Open"]).await;
    assert_eq!(on_the_flag(&town, "checkout_v2").0, 4);
    town.gitlab.set_archived(town.shop, true);
    until_ready_says(&town, |said| !said.contains(ASKS)).await;
    delete(&town, second);
    until_on_the_flag(&town, "dark_mode", 0, &[]).await;
    assert_eq!(on_the_flag(&town, "checkout_v2").0, 4);
    // As long as nothing can be said of it nothing is doubted; then it begins anew.
    town.gitlab.set_archived(town.shop, false);
    until_ready_says(&town, |said| said.contains(ASKS)).await;
    town.end().await;
}

#[tokio::test]
async fn a_doubt_about_issues_goes_when_issues_are_switched_off() {
    let town = town().await;
    let request = town.merge_request();
    town.says(request, "/flag link dark_mode").await;
    let mut issues = Vec::new();
    for _ in 0..4 {
        let issue = town.issue();
        town.says(issue, "/flag link checkout_v2").await;
        issues.push(issue);
    }
    for issue in issues {
        delete(&town, issue);
    }
    until_ready_says(&town, |said| said.contains(ASKS)).await;
    town.gitlab.change(|model| model.projects.get_mut(&town.shop).unwrap().issues_off = true);
    until_ready_says(&town, |said| !said.contains(ASKS)).await;
    delete(&town, request);
    until_on_the_flag(&town, "dark_mode", 0, &[]).await;
    assert_eq!(on_the_flag(&town, "checkout_v2").0, 4);
    town.end().await;
}

/// Another project in which flags can be linked.
fn other_project(town: &Town) -> u64 {
    let other = town.gitlab.project("shop/api", Visibility::Private);
    for (who, level) in [(town.bot, level::MAINTAINER), (town.mara, level::DEVELOPER)] {
        town.gitlab.member(other, who, level);
    }
    let address = format!("http://{}/hooks/gitlab", town.daemon().webhooks());
    town.gitlab.hook(other, HookSpec::everything(&address, GITLAB_SECRET));
    other
}

#[tokio::test]
async fn twenty_that_are_deleted_at_once_are_asked_about() {
    let town = town().await;
    other_project(&town);
    let issues: Vec<NoteableRef> = (0..20).map(|_| town.issue()).collect();
    for issue in &issues {
        town.gitlab.comment(town.mara, *issue, "/flag link checkout_v2").unwrap();
    }
    town.rest().await;
    assert_eq!(on_the_flag(&town, "checkout_v2").0, 20);
    for issue in &issues {
        delete(&town, *issue);
    }
    let said = until_ready_says(&town, |said| said.contains(ASKS)).await;
    assert!(said.contains("20 of 20") && said.contains("`flaglink links believe gitlab/work`"), "{said}");
    until_looked(&town, issues[0], 12).await;
    assert_eq!(on_the_flag(&town, "checkout_v2"), (20, vec!["Issue Open".to_owned()]));
    assert!(believe(&town, "gitlab/work").await.contains("\"flags\":20"));
    until_on_the_flag(&town, "checkout_v2", 0, &[]).await;
    until_ready_says(&town, |said| !said.contains(ASKS)).await;
    town.end().await;
}
