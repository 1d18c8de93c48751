//! Links that people put on a flag in Flagsmith, or take off there, where the rule says `adopt`.

use flaglink::sandbox::faults::{Fault, Received, Rule};
use flaglink::sandbox::gitlab::{Model, NoteableRef, Visibility, level};
use serde_json::json;

use super::town::{PATIENCE, Plan, Town};

/// A town that adopts links, and polls often.
async fn adopting() -> Town {
    Town::planned(Plan { rule: "adopt = true".to_owned(), no_flag_webhook: true, ..Plan::default() }).await
}

/// Waits until the flags' links were looked at so many times more, each of them to its end.
async fn looks(town: &Town, times: usize) {
    let looks = || town.flagsmith.faults().count("GET", r"/projects/\d+/features/\?page=");
    let wanted = looks() + times + 1;
    let enough = |requests: &[Received]| {
        let lists = requests.iter().filter(|request| {
            request.method == "GET"
                && request.path.contains("/features/")
                && request.query.starts_with("page=")
        });
        lists.count() >= wanted
    };
    town.flagsmith.faults().until(2 * PATIENCE, enough).await.unwrap();
    town.rest().await;
}

/// Waits until a page has its panel.
async fn until_linked(town: &Town, on: NoteableRef) {
    town.gitlab
        .until(PATIENCE, |model| {
            model.notes_by(on, town.bot).iter().any(|note| note.body.contains("🚩 Feature flags"))
        })
        .await
        .unwrap();
    town.rest().await;
}

fn by_hand(town: &Town, flag: &str, kind: &str, url: &str) {
    town.ada.link(flag, kind, url, json!({ "title": "by hand", "state": "opened" })).unwrap();
}

/// What the links on all flags say, in the order in which they were made.
fn titles(town: &Town) -> Vec<String> {
    town.flagsmith.read(|world| {
        let links = world.resources.values();
        links.map(|link| link.metadata["title"].as_str().unwrap().to_owned()).collect()
    })
}

#[tokio::test]
async fn a_link_made_by_hand_is_adopted_however_its_address_is_written() {
    let town = adopting().await;
    let (issue, request) = (town.issue(), town.merge_request());
    let page = town.page(issue).replace("http://", "HTTP://").replace("/-/issues/", "/-/work_items/");
    by_hand(&town, "checkout_v2", "GITLAB_ISSUE", &format!("{page}?a=b#note_5"));
    let diffs = format!("{}/diffs#tab", town.page(request));
    by_hand(&town, "dark_mode", "GITLAB_MR", &diffs);
    until_linked(&town, issue).await;
    until_linked(&town, request).await;
    assert!(town.row(issue, "checkout_v2").is_some());
    assert!(town.panel(issue).unwrap().body.contains("linked by `flag-bot`"));
    assert_eq!(town.labels(issue), ["Feature flag"]);
    assert_eq!(
        town.links("dark_mode"),
        [diffs.as_str()],
        "it stays as it was written, and stands there once"
    );
    assert_eq!(titles(&town), ["Checkout is slow", "A faster checkout"], "kept up to date from now on");

    // It is a link as any other: who unlinks it here takes it off there, and it does not come back.
    town.says(request, "/flag unlink dark_mode").await;
    assert!(town.links("dark_mode").is_empty());
    looks(&town, 1).await;
    assert!(town.row(request, "dark_mode").is_none());
    assert_eq!(town.links("checkout_v2").len(), 1);
    town.end().await;
}

/// With more flags than it answers about at once, a look that began anew each time would never come to its end.
#[tokio::test]
async fn a_flagsmith_that_wants_it_slower_is_asked_slower_and_not_from_the_beginning() {
    const LINKS: &str = r"/features/\d+/feature-external-resources/";
    let town = adopting().await;
    let (issue, request) = (town.issue(), town.merge_request());
    let slower =
        town.flagsmith.faults().add(Rule::new("GET", LINKS, Fault::too_many(Some(1))).after(1).times(1));
    by_hand(&town, "checkout_v2", "GITLAB_ISSUE", &town.page(issue));
    by_hand(&town, "dark_mode", "GITLAB_MR", &town.page(request));
    until_linked(&town, issue).await;
    until_linked(&town, request).await;
    assert_eq!(town.flagsmith.faults().hits(slower), 1);
    let log = town.flagsmith.faults().log();
    let refused = log.iter().position(|request| request.status == Some(429)).unwrap();
    let lists =
        |request: &&Received| request.path.ends_with("/features/") && request.query.starts_with("page=");
    let again = log[refused + 1..].iter().position(|request| request.path == log[refused].path).unwrap();
    assert_eq!(
        log[refused..=refused + 1 + again].iter().filter(lists).count(),
        0,
        "{}",
        town.flagsmith.faults().describe()
    );
}

#[tokio::test]
async fn only_visible_work_of_projects_that_adopt_is_linked() {
    let town = adopting().await;
    let secret = town.gitlab.confidential_issue(town.mara, town.shop, "A secret plan", "").unwrap();
    let elsewhere = town.gitlab.issue(town.mara, town.elsewhere, "Elsewhere", "").unwrap();
    let issue = town.issue();
    let page = town.page(issue);
    for url in [
        town.page(secret),
        town.page(elsewhere),
        page.replace("127.0.0.1", "127.0.0.2"),
        page.replace("/-/issues/", "/-/epics/"),
        format!("{page}99"),
    ] {
        by_hand(&town, "dark_mode", "GITLAB_ISSUE", &url);
    }
    let before = town.links("dark_mode");
    by_hand(&town, "checkout_v2", "GITLAB_ISSUE", &page);
    until_linked(&town, issue).await;
    looks(&town, 1).await;
    town.assert_silence(secret);
    town.assert_silence(elsewhere);
    assert!(town.row(issue, "dark_mode").is_none());
    assert_eq!(town.links("dark_mode"), before, "they are left alone");
    town.end().await;
}

#[tokio::test]
async fn without_adopt_a_link_made_by_hand_means_nothing() {
    let town = Town::planned(Plan { no_flag_webhook: true, ..Plan::default() }).await;
    let issue = town.issue();
    by_hand(&town, "checkout_v2", "GITLAB_ISSUE", &town.page(issue));
    let polls = || town.flagsmith.faults().count("GET", "/integrations/gitlab/");
    let before = polls();
    let twice = |requests: &[Received]| {
        let asked = requests.iter().filter(|request| request.path.ends_with("/integrations/gitlab/"));
        asked.count() >= before + 2
    };
    town.flagsmith.faults().until(PATIENCE, twice).await.unwrap();
    town.rest().await;
    town.assert_silence(issue);
    assert_eq!(town.flagsmith.faults().count("GET", "external-resources"), 0);
    town.end().await;
}

#[tokio::test]
async fn a_link_taken_off_by_hand_is_taken_off_here_after_a_second_look() {
    let town = adopting().await;
    let (issue, request) = (town.issue(), town.merge_request());
    town.says(issue, "/flag link checkout_v2").await;
    town.says(request, "/flag link checkout_v2").await;
    let faults = town.flagsmith.faults();
    let lists = || faults.count("GET", r"/projects/\d+/features/\?page=");
    let puts = || faults.count("POST", "external-resources");
    town.ada.unlink("checkout_v2", &town.page(issue)).unwrap();
    let (lists_before, puts_before) = (lists(), puts());
    town.gitlab.retitle(town.mara, issue, "Checkout is very slow").unwrap();
    let gone = |model: &Model| {
        model
            .notes_by(issue, town.bot)
            .iter()
            .any(|note| note.body.contains("unlinked, because its link was taken off in `flagsmith`"))
    };
    town.gitlab.until(2 * PATIENCE, gone).await.unwrap();
    town.rest().await;
    assert!(lists() >= lists_before + 2, "not believed at once");
    assert_eq!(puts(), puts_before, "not put on again meanwhile");
    assert!(town.row(issue, "checkout_v2").is_none());
    assert!(town.labels(issue).is_empty());
    assert!(town.row(request, "checkout_v2").is_some(), "the other stays");
    assert_eq!(town.ada.labels("checkout_v2").unwrap(), ["MR Open"]);
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.links("checkout_v2").len(), 2, "it can be linked again");
    town.end().await;
}

#[tokio::test]
async fn what_flaglink_links_and_unlinks_itself_is_not_taken_for_the_work_of_people() {
    let town = adopting().await;
    let issue = town.issue();
    for turn in 0..3 {
        if turn == 1 {
            // Whoever put it on: unlinked is unlinked.
            by_hand(&town, "checkout_v2", "GITLAB_ISSUE", &town.page(issue));
        }
        town.says(issue, "/flag link checkout_v2 dark_mode").await;
        town.says(issue, "/flag unlink --all").await;
    }
    looks(&town, 1).await;
    assert!(town.row(issue, "checkout_v2").is_none());
    let body = town.panel(issue).unwrap().body;
    assert!(!body.contains("unlinked by `flag-bot`") && !body.contains("taken off in"), "{body}");
    assert!(town.links("checkout_v2").is_empty());
    town.end().await;
}

#[tokio::test]
async fn a_project_that_is_renamed_and_an_issue_that_moves_keep_their_links() {
    let town = adopting().await;
    let (issue, request) = (town.issue(), town.merge_request());
    by_hand(&town, "checkout_v2", "GITLAB_ISSUE", &town.page(issue));
    town.says(request, "/flag link checkout_v2").await;
    until_linked(&town, issue).await;
    let old = town.page(request);
    town.gitlab.move_project(town.shop, "shop/front");
    looks(&town, 1).await;
    town.gitlab.retitle(town.mara, request, "An even faster checkout").unwrap();
    town.rest().await;
    assert!(town.row(issue, "checkout_v2").is_some() && town.row(request, "checkout_v2").is_some());
    let links = town.links("checkout_v2");
    assert!(links.contains(&town.page(request)) && !links.contains(&old), "{links:?}");

    let other = town.gitlab.project("shop/other", Visibility::Private);
    for person in [town.bot, town.mara] {
        town.gitlab.member(other, person, level::MAINTAINER);
    }
    let new = town.gitlab.move_issue(town.mara, issue, other).unwrap();
    looks(&town, 1).await;
    assert!(town.row(issue, "checkout_v2").is_some(), "the link stays where it was made");
    assert!(!town.links("checkout_v2").contains(&town.page(new)));
    let mut tags = town.ada.labels("checkout_v2").unwrap();
    tags.sort_unstable();
    assert_eq!(tags, ["Issue Closed", "MR Open"]);
    town.end().await;
}

#[tokio::test]
async fn a_link_made_by_hand_to_what_is_linked_already_is_brought_up_to_date_when_it_is_adopted() {
    let mut town = Town::planned(Plan { no_flag_webhook: true, ..Plan::default() }).await;
    let issue = town.issue();
    by_hand(&town, "checkout_v2", "GITLAB_ISSUE", &town.page(issue));
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(titles(&town), ["by hand"], "it is theirs");
    town.start_rewritten("match = \"shop/**\"", "match = \"shop/**\"\n            adopt = true").await;
    looks(&town, 1).await;
    assert_eq!(titles(&town), ["Checkout is slow"]);
    town.end().await;
}

#[tokio::test]
async fn unlinked_is_unlinked_however_many_links_to_the_work_stand_there() {
    let town = adopting().await;
    let (issue, request) = (town.issue(), town.merge_request());
    town.says(issue, "/flag link checkout_v2").await;
    town.says(request, "/flag link checkout_v2").await;
    let (page, diffs) = (town.page(issue), format!("{}/diffs", town.page(request)));
    by_hand(&town, "checkout_v2", "GITLAB_ISSUE", &format!("{page}#note_5"));
    by_hand(&town, "checkout_v2", "GITLAB_MR", &diffs);
    let other = format!("{page}77");
    by_hand(&town, "checkout_v2", "GITLAB_ISSUE", &other);
    town.says(issue, "/flag unlink checkout_v2").await;
    looks(&town, 1).await;
    assert!(town.row(issue, "checkout_v2").is_none());
    town.says(request, "/flag unlink checkout_v2").await;
    assert_eq!(town.links("checkout_v2"), [other.as_str()], "all to this work, and no other");
    town.end().await;
}

#[tokio::test]
async fn links_on_a_flag_that_was_made_again_are_adopted_also_where_the_old_one_was_linked() {
    let town = adopting().await;
    let (issue, request) = (town.issue(), town.merge_request());
    town.says(issue, "/flag link dark_mode").await;
    town.ada.delete("dark_mode").unwrap();
    let panel_says = |on: NoteableRef, words: &'static str| {
        let bot = town.bot;
        move |model: &Model| model.notes_by(on, bot).iter().any(|note| note.body.contains(words))
    };
    town.gitlab.until(2 * PATIENCE, panel_says(issue, "not found in `flagsmith` since")).await.unwrap();
    town.rest().await;

    town.ada.new_flag("dark_mode", true, "new").unwrap();
    by_hand(&town, "dark_mode", "GITLAB_ISSUE", &town.page(issue));
    by_hand(&town, "dark_mode", "GITLAB_MR", &town.page(request));
    for page in [issue, request] {
        town.gitlab.until(2 * PATIENCE, panel_says(page, "🟢 on `new`")).await.unwrap();
    }
    town.rest().await;
    for page in [issue, request] {
        let text = town.panel(page).unwrap().body;
        assert!(text.contains("linked by `flag-bot`") && !text.contains("not found in"), "{text}");
        assert_eq!(town.labels(page), ["Feature flag"]);
    }
    assert!(town.panel(issue).unwrap().body.contains("linked by `mara`"), "the history stays");
    assert_eq!(titles(&town), ["Checkout is slow", "A faster checkout"], "kept up to date from now on");
    let mut tags = town.ada.labels("dark_mode").unwrap();
    tags.sort_unstable();
    assert_eq!(tags, ["Issue Open", "MR Open"]);
    town.end().await;
}
