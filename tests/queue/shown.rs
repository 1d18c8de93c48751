//! What the queues show of work: as people write it, and with its page.

use crate::kit::{dead, forbidden, queue};
use crate::town::Town;

#[tokio::test(flavor = "multi_thread")]
async fn work_is_shown_as_people_write_it_and_a_panel_with_its_page() {
    let town = Town::new().await;
    let issue = town.issue();
    forbidden(&town, issue);
    town.says(issue, "/flag link checkout_v2").await;
    let dead = dead(&town).await;
    let panel = dead.iter().find(|letter| letter["what"] == "panel").unwrap();
    assert_eq!(panel["work"], format!("shop/web#{}", issue.iid));

    let list = queue(&town, &["list"]).await;
    assert!(list.out.contains(&format!("shop/web#{}", issue.iid)) && !list.out.contains("gl-"), "{list:?}");
    let shown = queue(&town, &["show", &panel["id"].to_string()]).await;
    assert_eq!(shown.code, 0, "{shown:?}");
    let page = format!("{}/shop/web/-/issues/{}", town.gitlab.url(), issue.iid);
    assert!(shown.out.contains(&page) && shown.out.contains("shop/web#"), "{shown:?}");
    town.end().await;
}
