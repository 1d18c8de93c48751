//! The state of linked work as tags on the flag, in Flagsmith and in Unleash.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::flagsmith::World;
use flaglink::sandbox::gitlab::{NoteableRef, Order};
use serde_json::json;

use super::services::{SELDOM, Services};
use super::town::{PATIENCE, Plan, Town};

/// The tags on `checkout_v2`, by name.
fn tags(town: &Town) -> Vec<String> {
    let mut labels = town.ada.labels("checkout_v2").unwrap();
    labels.sort_unstable();
    labels
}

/// What the readiness says below its first line.
async fn remarks(town: &Town) -> String {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(format!("http://{}/readyz", town.daemon().admin())).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    answer.text().await.unwrap()
}

/// Flagsmith's own GitLab integration is switched on, or off.
fn own_integration(town: &Town, on: bool) {
    let url = town.gitlab.url();
    town.flagsmith.change(|world| {
        let project = world.features.values().next().unwrap().project;
        if on {
            world.set_gitlab(project, &url, "token", true);
        } else {
            world.delete_gitlab(project);
        }
    });
}

#[tokio::test]
async fn the_tags_follow_an_issue_and_a_merge_request() {
    let town = Town::new().await;
    town.ada.tag("checkout_v2", "team: shop").unwrap();
    let issue = town.issue();
    let request = town.gitlab.merge_request(town.mara, town.shop, "Draft: Faster", "").unwrap();
    let after = async |what: &str, expected: &[&str]| {
        town.rest().await;
        assert_eq!(tags(&town), expected, "{what}");
    };
    town.says(issue, "/flag link checkout_v2").await;
    after("an open issue", &["Issue Open", "team: shop"]).await;
    town.says(request, "/flag link checkout_v2").await;
    after("a draft", &["Issue Open", "MR Draft", "team: shop"]).await;
    town.gitlab.set_draft(town.mara, request, false).unwrap();
    after("ready", &["Issue Open", "MR Open", "team: shop"]).await;
    town.gitlab.close(town.mara, request).unwrap();
    after("closed", &["Issue Open", "MR Closed", "team: shop"]).await;
    town.gitlab.reopen(town.mara, request).unwrap();
    town.gitlab.close(town.mara, issue).unwrap();
    after("reopened, and the issue closed", &["Issue Closed", "MR Open", "team: shop"]).await;
    town.gitlab.merge(town.tobias, request).unwrap();
    town.gitlab.reopen(town.mara, issue).unwrap();
    after("merged, and the issue open again", &["Issue Open", "MR Merged", "team: shop"]).await;
    town.says(request, "/flag unlink checkout_v2").await;
    after("the merge request unlinked", &["Issue Open", "team: shop"]).await;
    town.says(issue, "/flag unlink --all").await;
    after("nothing linked", &["team: shop"]).await;
    town.end().await;
}

#[tokio::test]
async fn the_tags_tell_of_all_links_and_on_every_flag() {
    // Flagsmith's own integration goes by the last event, and by the first flag alone.
    let town = Town::new().await;
    let (first, second) = (town.issue(), town.issue());
    town.says(first, "/flag link checkout_v2 dark_mode").await;
    town.says(second, "/flag link checkout_v2").await;
    town.gitlab.close(town.mara, second).unwrap();
    town.rest().await;
    assert_eq!(tags(&town), ["Issue Open"], "one is open");
    town.gitlab.close(town.mara, first).unwrap();
    town.rest().await;
    assert_eq!(tags(&town), ["Issue Closed"]);
    assert_eq!(town.ada.labels("dark_mode").unwrap(), ["Issue Closed"], "every flag of a page");
    town.gitlab.reopen(town.mara, second).unwrap();
    town.rest().await;
    assert_eq!(tags(&town), ["Issue Open"]);
    town.says(second, "/flag unlink checkout_v2").await;
    assert_eq!(tags(&town), ["Issue Closed"], "computed again from what is left");
    town.end().await;
}

#[tokio::test]
async fn of_merge_requests_what_is_under_way_is_told_first() {
    let town = Town::new().await;
    let requests: Vec<NoteableRef> = (0..3).map(|_| town.merge_request()).collect();
    for request in &requests {
        town.says(*request, "/flag link checkout_v2").await;
    }
    town.gitlab.close(town.mara, requests[0]).unwrap();
    town.gitlab.merge(town.tobias, requests[1]).unwrap();
    town.gitlab.set_draft(town.mara, requests[2], true).unwrap();
    town.rest().await;
    assert_eq!(tags(&town), ["MR Draft"]);
    town.gitlab.close(town.mara, requests[2]).unwrap();
    town.rest().await;
    assert_eq!(tags(&town), ["MR Merged"], "merged before dropped");
    town.end().await;
}

#[tokio::test]
async fn flagsmiths_own_tags_are_used_and_missing_ones_are_made_once() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.gitlab.close(town.mara, issue).unwrap();
    town.rest().await;
    let other = town.issue();
    town.says(other, "/flag link dark_mode").await;
    town.gitlab.close(town.mara, other).unwrap();
    town.rest().await;
    let made = |label: &str| {
        town.flagsmith.read(|world| {
            let tags = world.tags.values().filter(|tag| tag.label == label);
            tags.map(|tag| (tag.is_system, tag.color.clone())).collect::<Vec<_>>()
        })
    };
    // Flagsmith made the first with the link, by itself.
    assert_eq!(made("Issue Open"), [(true, "#FC6D26".to_owned())]);
    assert_eq!(made("Issue Closed"), [(false, "#FC6D26".to_owned())]);
    town.end().await;
}

#[tokio::test]
async fn a_tag_taken_off_by_hand_stays_off_until_the_state_changes_or_something_is_linked() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.ada.untag("checkout_v2", "Issue Open").unwrap();
    town.gitlab.add_labels(town.mara, issue, &["bug"]).unwrap();
    town.gitlab.retitle(town.mara, issue, "Checkout is very slow").unwrap();
    town.rest().await;
    assert_eq!(tags(&town), [""; 0]);
    let other = town.issue();
    town.says(other, "/flag link checkout_v2").await;
    assert_eq!(tags(&town), ["Issue Open"]);
    town.ada.untag("checkout_v2", "Issue Open").unwrap();
    town.gitlab.close(town.mara, issue).unwrap();
    town.gitlab.close(town.mara, other).unwrap();
    town.rest().await;
    town.gitlab.reopen(town.mara, issue).unwrap();
    town.rest().await;
    assert_eq!(tags(&town), ["Issue Open"]);
    town.end().await;
}

#[tokio::test]
async fn confidential_work_sets_no_tag_and_takes_its_own_back() {
    let town = Town::new().await;
    // Somebody else's: it says nothing of ours.
    town.ada.tag("dark_mode", "Issue Open").unwrap();
    let issue = town.gitlab.confidential_issue(town.mara, town.shop, "A secret plan", "").unwrap();
    town.says(issue, "/flag link checkout_v2 dark_mode").await;
    assert_eq!(tags(&town), [""; 0]);
    assert_eq!(town.ada.labels("dark_mode").unwrap(), ["Issue Open"]);
    town.gitlab.set_confidential(town.mara, issue, false).unwrap();
    town.rest().await;
    assert_eq!(tags(&town), ["Issue Open"]);
    town.gitlab.set_confidential(town.mara, issue, true).unwrap();
    town.rest().await;
    assert_eq!(tags(&town), [""; 0]);
    town.end().await;
}

#[tokio::test]
async fn tags_of_the_other_kind_of_work_are_somebody_elses() {
    let town = Town::new().await;
    let (issue, request) = (town.issue(), town.merge_request());
    let by_hand = json!({ "title": "by hand", "state": "opened" });
    town.ada.link("checkout_v2", "GITLAB_ISSUE", &town.page(issue), by_hand).unwrap();
    assert_eq!(tags(&town), ["Issue Open"], "Flagsmith's own");
    town.says(request, "/flag link checkout_v2").await;
    assert_eq!(tags(&town), ["Issue Open", "MR Open"]);
    town.gitlab.merge(town.tobias, request).unwrap();
    town.rest().await;
    assert_eq!(tags(&town), ["Issue Open", "MR Merged"]);
    town.says(request, "/flag unlink checkout_v2").await;
    assert_eq!(tags(&town), ["Issue Open"]);
    town.end().await;
}

#[tokio::test]
async fn where_flagsmiths_own_integration_is_on_nothing_is_put_on_and_an_admin_reads_why() {
    let mut town = Town::new().await;
    own_integration(&town, true);
    let issue = town.issue();
    let note = town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.row(issue, "checkout_v2").is_some(), "everything else works");
    town.gitlab.close(town.mara, issue).unwrap();
    town.rest().await;
    assert_eq!((tags(&town), town.links("checkout_v2")), (vec![], vec![]));
    assert_eq!(town.flagsmith.faults().count("(POST|PATCH|PUT)", "/projects/"), 0);
    let said = remarks(&town).await;
    assert_eq!(said.matches("Flagsmith's own GitLab integration is on").count(), 1, "{said}");

    town.stop().await;
    own_integration(&town, false);
    town.start().await;
    let page = town.page(issue);
    let there = |world: &World| {
        world.resources.values().any(|link| link.url == page)
            && world.features.values().any(|feature| !feature.tags.is_empty())
    };
    town.flagsmith.until(PATIENCE, there).await.unwrap();
    town.rest().await;
    assert_eq!(tags(&town), ["Issue Closed"]);
    assert!(!remarks(&town).await.contains("integration"));
    town.end().await;
}

#[tokio::test]
async fn what_was_missed_is_put_on_when_the_integration_is_switched_off() {
    let town = Town::planned(Plan { no_flag_webhook: true, ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    own_integration(&town, true);
    town.gitlab.close(town.mara, issue).unwrap();
    town.rest().await;
    assert_eq!(tags(&town), ["Issue Open"]);
    own_integration(&town, false);
    let closed = |world: &World| {
        let on_it = |id: &u64| world.tags.get(id).is_some_and(|tag| tag.label == "Issue Closed");
        world.features.values().any(|feature| feature.tags.iter().any(on_it))
    };
    town.flagsmith.until(PATIENCE, closed).await.unwrap();
    town.rest().await;
    assert_eq!(tags(&town), ["Issue Closed"]);
    town.end().await;
}

#[tokio::test]
async fn what_is_unlinked_while_the_integration_is_on_is_taken_off_when_it_is_switched_off() {
    let town = Town::planned(Plan { no_flag_webhook: true, ..Plan::default() }).await;
    let (issue, other) = (town.issue(), town.issue());
    town.says(issue, "/flag link checkout_v2").await;
    town.says(other, "/flag link dark_mode").await;
    own_integration(&town, true);
    town.says(issue, "/flag unlink checkout_v2").await;
    town.gitlab.retitle(town.mara, other, "Dark is dark").unwrap();
    town.rest().await;
    assert_eq!((tags(&town).len(), town.links("checkout_v2").len()), (1, 1), "left alone");
    own_integration(&town, false);
    let page = town.page(other);
    let as_it_is = |world: &World| {
        world.resources.values().all(|link| link.url == page && link.metadata["title"] == "Dark is dark")
    };
    town.flagsmith.until(PATIENCE, as_it_is).await.unwrap();
    town.rest().await;
    assert_eq!((tags(&town), town.links("checkout_v2")), (vec![], vec![]));
    assert_eq!(town.ada.labels("dark_mode").unwrap(), ["Issue Open"]);
    town.end().await;
}

#[tokio::test]
async fn a_link_by_hand_to_what_is_unlinked_while_the_integration_is_on_is_not_adopted_after_it() {
    let plan = Plan { rule: "adopt = true".to_owned(), no_flag_webhook: true, ..Plan::default() };
    let town = Town::planned(plan).await;
    let issue = town.issue();
    own_integration(&town, true);
    let by_hand = json!({ "title": "by hand", "state": "opened" });
    town.ada.link("checkout_v2", "GITLAB_ISSUE", &town.page(issue), by_hand).unwrap();
    town.says(issue, "/flag link checkout_v2").await;
    town.says(issue, "/flag unlink checkout_v2").await;
    assert_eq!((tags(&town).len(), town.links("checkout_v2").len()), (1, 1), "left alone");
    own_integration(&town, false);
    town.flagsmith.until(PATIENCE, |world| world.resources.is_empty()).await.unwrap();
    town.rest().await;
    assert!(town.row(issue, "checkout_v2").is_none(), "{}", town.panel(issue).unwrap().body);
    assert_eq!(tags(&town), [""; 0]);
    town.end().await;
}

/// The other link is somebody's wish, and is found by the tag that came with it.
#[tokio::test]
async fn of_two_links_by_hand_the_one_that_was_not_unlinked_is_adopted_after_the_integration() {
    let plan = Plan { rule: "adopt = true".to_owned(), no_flag_webhook: true, ..Plan::default() };
    let town = Town::planned(plan).await;
    let (issue, other) = (town.issue(), town.issue());
    own_integration(&town, true);
    for page in [issue, other] {
        let by_hand = json!({ "title": "by hand", "state": "opened" });
        town.ada.link("checkout_v2", "GITLAB_ISSUE", &town.page(page), by_hand).unwrap();
    }
    town.says(issue, "/flag link checkout_v2").await;
    town.says(issue, "/flag unlink checkout_v2").await;
    own_integration(&town, false);
    let adopted = |model: &flaglink::sandbox::gitlab::Model| !model.notes_by(other, town.bot).is_empty();
    town.gitlab.until(PATIENCE, adopted).await.unwrap();
    town.rest().await;
    assert!(town.row(other, "checkout_v2").is_some() && town.row(issue, "checkout_v2").is_none());
    assert_eq!((tags(&town), town.links("checkout_v2").len()), (vec!["Issue Open".to_owned()], 1));
    town.end().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_is_one_more_look() {
    let town = Town::new().await;
    town.ada.tag("checkout_v2", "team: shop").unwrap();
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    for fault in [Fault::WorkThenClose, Fault::Close, Fault::status(500)] {
        town.flagsmith.faults().add(Rule::new("PATCH", "/features/", fault).times(1));
        town.gitlab.close(town.mara, issue).unwrap();
        town.rest().await;
        assert_eq!(tags(&town), ["Issue Closed", "team: shop"]);
        town.gitlab.reopen(town.mara, issue).unwrap();
        town.rest().await;
        assert_eq!(tags(&town), ["Issue Open", "team: shop"]);
    }
    assert_eq!(town.dead().await, [json!(null); 0]);
    town.end().await;
}

#[tokio::test]
async fn two_pages_that_change_at_once_do_not_lose_each_others_tags() {
    let town = Town::new().await;
    let (issue, request) = (town.issue(), town.merge_request());
    town.says(issue, "/flag link checkout_v2").await;
    town.says(request, "/flag link checkout_v2").await;
    town.gitlab.hold_deliveries();
    town.gitlab.close(town.mara, issue).unwrap();
    town.gitlab.merge(town.tobias, request).unwrap();
    town.gitlab.release_deliveries(Order::Reversed);
    town.rest().await;
    assert_eq!(tags(&town), ["Issue Closed", "MR Merged"]);
    town.end().await;
}

#[tokio::test]
async fn an_unleash_flag_has_the_same_tags() {
    let services = Services::new(Plan::default(), SELDOM).await;
    let town = &services.town;
    services.uma.new_flag("new_search", "").unwrap();
    services.uma.tag("new_search", "simple", "team shop").unwrap();
    let tags = || {
        let mut tags = services.uma.tags("new_search").unwrap();
        tags.sort_unstable();
        tags
    };
    let (issue, request) = (town.issue(), town.merge_request());
    services.says(issue, "/flag link new_search").await;
    services.says(request, "/flag link new_search").await;
    assert_eq!(tags(), ["simple:Issue Open", "simple:MR Open", "simple:team shop"]);
    town.gitlab.merge(town.tobias, request).unwrap();
    town.gitlab.set_confidential(town.mara, issue, true).unwrap();
    services.rest().await;
    assert_eq!(tags(), ["simple:MR Merged", "simple:team shop"]);
    services.says(request, "/flag unlink --all").await;
    assert_eq!(tags(), ["simple:team shop"]);
    services.town.end().await;
}

/// Flagsmith lets several tags of a project have one label, and each flag has its own turn.
#[tokio::test]
async fn a_tag_that_several_flags_miss_at_once_is_made_once() {
    let town = Town::new().await;
    let issue = town.issue();
    let flags: Vec<String> = (0..6).map(|number| format!("flag_{number}")).collect();
    for flag in &flags {
        town.ada.new_flag(flag, false, "v").unwrap();
    }
    town.says(issue, &format!("/flag link {}", flags.join(" "))).await;
    town.gitlab.close(town.mara, issue).unwrap();
    town.rest().await;
    for flag in &flags {
        assert_eq!(town.ada.labels(flag).unwrap(), ["Issue Closed"]);
    }
    let made =
        town.flagsmith.read(|world| world.tags.values().filter(|tag| tag.label == "Issue Closed").count());
    assert_eq!(made, 1);
    town.end().await;
}

/// Flagsmith keeps addresses of up to 200 characters.
#[tokio::test]
async fn a_link_that_flagsmith_refuses_is_given_up_and_told() {
    let town = Town::new().await;
    town.gitlab.move_project(town.shop, &format!("shop/{}", "w".repeat(200)));
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    assert!(town.panel(issue).is_some(), "{}", town.page(issue));
    assert!(town.links("checkout_v2").is_empty());
    let dead = town.dead().await;
    assert_eq!(dead.len(), 1, "{dead:?}");
    assert!(dead[0].to_string().contains("no more than 200 characters"), "{dead:?}");
    assert_eq!(town.flagsmith.faults().count("POST", "/feature-external-resources/"), 1);
    town.end().await;
}

/// Somebody takes flaglink's link to an issue off, and puts one to the same page in its place that says it is a merge request.
#[tokio::test]
async fn a_link_of_the_wrong_kind_is_put_right_with_the_tag_that_came_with_it() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let page = town.page(issue);
    let wrongly = || {
        town.ada.unlink("checkout_v2", &page).unwrap();
        let by_hand = json!({ "title": "by hand", "state": "opened" });
        town.ada.link("checkout_v2", "GITLAB_MR", &page, by_hand).unwrap();
    };
    let kinds = || {
        town.flagsmith
            .read(|world| world.resources.values().map(|link| link.kind.clone()).collect::<Vec<_>>())
    };
    wrongly();
    assert!(tags(&town).contains(&"MR Open".to_owned()), "{:?}", tags(&town));
    town.gitlab.retitle(town.mara, issue, "Checkout is very slow").unwrap();
    town.rest().await;
    assert_eq!(kinds(), ["GITLAB_ISSUE"]);
    assert_eq!(tags(&town), ["Issue Open"]);

    // Where another link of that kind stands there, the tag is its own as well.
    let elsewhere = json!({ "title": "elsewhere", "state": "opened" });
    let other = "https://gitlab.example.com/other/thing/-/merge_requests/7";
    town.ada.link("checkout_v2", "GITLAB_MR", other, elsewhere).unwrap();
    wrongly();
    town.gitlab.retitle(town.mara, issue, "Checkout is slow again").unwrap();
    town.rest().await;
    assert_eq!(kinds(), ["GITLAB_MR", "GITLAB_ISSUE"]);
    assert_eq!(tags(&town), ["Issue Open", "MR Open"]);
    town.end().await;
}
