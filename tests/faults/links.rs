//! The links to work that stand on a flag in Flagsmith.

use flaglink::sandbox::faults::{Fault, Received, Rule};
use flaglink::sandbox::gitlab::NoteableRef;
use serde_json::{Value, json};

use crate::kit::dead;
use crate::town::{PATIENCE, Town};

fn page(town: &Town, on: NoteableRef) -> String {
    town.gitlab.read(|model| model.page_of(on))
}

/// What a link on `checkout_v2` says about its page.
fn metadata(town: &Town, on: NoteableRef) -> Value {
    let page = page(town, on);
    town.flagsmith.read(|world| {
        world
            .resources
            .values()
            .find(|link| link.url == page)
            .map(|link| link.metadata.clone())
            .unwrap_or_default()
    })
}

#[tokio::test]
async fn nothing_is_mirrored_where_flagsmith_would_comment_as_well() {
    let town = Town::new().await;
    let issue = town.issue();
    let project = town.flagsmith.read(|world| world.features.values().next().unwrap().project);
    let url = town.gitlab.url();
    town.flagsmith.change(|world| world.set_gitlab(project, &url, "token", true));
    let note = town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.ada.links("checkout_v2").unwrap().is_empty());
    assert_eq!(town.flagsmith.faults().count("POST", "external-resources"), 0);
    town.end().await;
}

#[tokio::test]
async fn a_link_that_a_person_made_is_left_alone() {
    let town = Town::new().await;
    let issue = town.issue();
    let page = page(&town, issue);
    town.ada
        .link("checkout_v2", "GITLAB_ISSUE", &page, json!({ "title": "mine", "state": "opened" }))
        .unwrap();
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.ada.links("checkout_v2").unwrap(), [page.as_str()]);
    town.gitlab.retitle(town.mara, issue, "Another title").unwrap();
    town.rest().await;
    assert_eq!(metadata(&town, issue)["title"], "mine");
    town.says(issue, "/flag unlink checkout_v2").await;
    assert_eq!(town.ada.links("checkout_v2").unwrap(), [page]);
    town.end().await;
}

#[tokio::test]
async fn a_link_taken_off_by_hand_comes_back_with_the_next_change_of_the_work() {
    // What is linked is decided in GitLab; the flag's page shows it. Who wants it gone unlinks there.
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let page = page(&town, issue);
    town.ada.unlink("checkout_v2", &page).unwrap();
    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    assert!(town.ada.links("checkout_v2").unwrap().is_empty(), "a change of the flag is no reason");
    town.gitlab.close(town.mara, issue).unwrap();
    town.rest().await;
    assert_eq!(town.ada.links("checkout_v2").unwrap(), [page.as_str()]);
    town.says(issue, "/flag unlink checkout_v2").await;
    assert!(town.ada.links("checkout_v2").unwrap().is_empty());
    town.end().await;
}

#[tokio::test]
async fn title_and_state_follow_the_work() {
    let town = Town::new().await;
    let issue = town.issue();
    let request = town.gitlab.merge_request(town.mara, town.shop, "Draft: Faster", "").unwrap();
    town.says(issue, "/flag link checkout_v2").await;
    town.says(request, "/flag link checkout_v2").await;
    assert_eq!(metadata(&town, issue), json!({ "title": "Checkout is slow", "state": "opened" }));
    assert_eq!(metadata(&town, request)["draft"], true);
    town.gitlab.retitle(town.mara, issue, "Checkout is very slow").unwrap();
    town.gitlab.close(town.mara, issue).unwrap();
    town.gitlab.set_draft(town.mara, request, false).unwrap();
    town.rest().await;
    assert_eq!(metadata(&town, issue), json!({ "title": "Checkout is very slow", "state": "closed" }));
    assert_eq!(metadata(&town, request)["draft"], false);
    town.gitlab.merge(town.tobias, request).unwrap();
    town.gitlab.reopen(town.mara, issue).unwrap();
    town.rest().await;
    assert_eq!(metadata(&town, request)["state"], "merged");
    assert_eq!(metadata(&town, issue)["state"], "opened");
    let writes = town.flagsmith.faults().count("PUT", "external-resources");
    town.gitlab.add_labels(town.mara, issue, &["bug"]).unwrap();
    town.rest().await;
    assert_eq!(town.flagsmith.faults().count("PUT", "external-resources"), writes);
    town.end().await;
}

#[tokio::test]
async fn a_link_that_somebody_takes_off_while_it_is_written_is_one_more_look() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let held = town.flagsmith.faults().add(Rule::new("PUT", "external-resources", Fault::Hold).times(1));
    town.gitlab.retitle(town.mara, issue, "Checkout is very slow").unwrap();
    let caught = |log: &[Received]| log.iter().any(|request| request.fault.is_some());
    town.flagsmith.faults().until(PATIENCE, caught).await.unwrap();
    town.ada.unlink("checkout_v2", &page(&town, issue)).unwrap();
    town.flagsmith.faults().release(held);
    town.rest().await;
    assert_eq!(dead(&town).await, [""; 0]);
    assert_eq!(metadata(&town, issue)["title"], "Checkout is very slow");
    town.end().await;
}

#[tokio::test]
async fn nothing_of_confidential_work_leaves_gitlab() {
    let town = Town::new().await;
    let issue = town.gitlab.confidential_issue(town.mara, town.shop, "A secret plan", "").unwrap();
    town.says(issue, "/flag link checkout_v2").await;
    assert!(town.panel(issue).is_some());
    assert!(town.ada.links("checkout_v2").unwrap().is_empty());
    town.gitlab.set_confidential(town.mara, issue, false).unwrap();
    town.rest().await;
    assert_eq!(town.ada.links("checkout_v2").unwrap(), [page(&town, issue)]);
    town.gitlab.set_confidential(town.mara, issue, true).unwrap();
    town.rest().await;
    assert!(town.ada.links("checkout_v2").unwrap().is_empty());
    town.end().await;
}

#[tokio::test]
async fn two_pages_stand_on_one_flag_and_each_goes_alone() {
    let town = Town::new().await;
    let (issue, request) = (town.issue(), town.merge_request());
    town.says(issue, "/flag link checkout_v2").await;
    town.says(request, "/flag link checkout_v2").await;
    let mut links = town.ada.links("checkout_v2").unwrap();
    links.sort_unstable();
    assert_eq!(links, [page(&town, issue), page(&town, request)]);
    town.says(issue, "/flag unlink checkout_v2").await;
    assert_eq!(town.ada.links("checkout_v2").unwrap(), [page(&town, request)]);
    town.end().await;
}
