//! Many things that wait at the same time.

use std::time::Duration;

use flaglink::sandbox::faults::{Fault, Rule};

use crate::town::Town;

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
