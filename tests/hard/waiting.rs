//! Many things that wait at the same time.

use std::time::Duration;

use flaglink::sandbox::faults::{Fault, Rule};

use crate::town::{PATIENCE, Town};

/// More pages than things are carried out at the same time.
const PAGES: usize = 80;
/// Shorter than the time after which a request to a flag service is given up.
const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_flag_service_that_hangs_for_many_pages_holds_up_no_other_page() {
    let mut town = Town::new().await;
    let held = town.flagsmith.faults().add(Rule::new("GET", "/features/", Fault::Hold));
    for _ in 0..PAGES {
        let issue = town.issue();
        town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    }
    let issue = town.issue();
    let help = town.gitlab.comment(town.mara, issue, "/flag help").unwrap();
    town.gitlab
        .until(SOON, |model| model.reactions(help, town.bot) == ["eyes", "white_check_mark"])
        .await
        .unwrap();
    assert!(town.flagsmith.faults().hits(held) > 0, "nothing hung");
    town.flagsmith.faults().release(held);
    town.stop().await;
}

/// A link that is made while the label of the last one is being taken off: nobody took it off but we ourselves.
#[tokio::test]
async fn a_label_that_goes_while_a_link_comes_comes_back() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.labels(issue), ["Feature flag"]);
    // The link waits for Flagsmith until GitLab is asked to take the label off, and GitLab waits for the link.
    let label = town.gitlab.faults().add(Rule::new("PUT", r"/issues/\d+$", Fault::Hold).times(1));
    let flags = town.flagsmith.faults().add(Rule::new("GET", "/", Fault::Hold));
    let link = town.gitlab.comment(town.mara, issue, "/flag unlink --all\n/flag link dark_mode").unwrap();
    let faults = town.gitlab.faults();
    faults.until(PATIENCE, |requests| requests.iter().any(|one| one.fault.is_some())).await.unwrap();
    town.flagsmith.faults().release(flags);
    let admin = town.daemon().admin();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let linked = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            let links = client.get(format!("http://{admin}/api/v1/links")).send().await.unwrap();
            if links.text().await.unwrap().contains("dark_mode") {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, linked).await.unwrap();
    town.gitlab.faults().release(label);
    town.rest().await;
    assert_eq!(town.reactions(link), ["eyes", "white_check_mark"]);
    assert_eq!(town.labels(issue), ["Feature flag"], "{}", town.gitlab.transcript(issue));
    // It is known as ours.
    town.says(issue, "/flag unlink --all").await;
    assert!(town.labels(issue).is_empty());
    town.end().await;
}
