//! Pages that share a flag.

use flaglink::sandbox::faults::{Fault, Rule};
use flaglink::sandbox::gitlab::NoteableRef;

use crate::kit::rest_within;
use crate::town::{PATIENCE, Town};

/// What can become of an answer.
fn mishaps() -> [Fault; 4] {
    [
        Fault::WorkThenClose,
        Fault::Close,
        Fault::WorkThenAnswer { status: 502, headers: Vec::new(), body: String::new() },
        Fault::HalfAnswer,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_that_share_a_flag_do_not_lose_each_others_links_whatever_answers_are_lost() {
    let town = Town::new().await;
    let page = |on: &NoteableRef| town.page(*on);
    let pages: Vec<NoteableRef> = (0..12).map(|_| town.issue()).collect();
    let faults = town.flagsmith.faults();
    for (n, mishap) in mishaps().into_iter().enumerate() {
        faults.add(Rule::new("POST", "feature-external-resources", mishap).after(2 * n).times(1));
    }
    for on in &pages {
        town.gitlab.comment(town.mara, *on, "/flag link checkout_v2").unwrap();
    }
    rest_within(&town, 2 * PATIENCE).await;
    let sorted = |mut links: Vec<String>| {
        links.sort_unstable();
        links
    };
    let all = sorted(pages.iter().map(page).collect());
    assert_eq!(sorted(town.links("checkout_v2")), all, "{}", faults.describe());

    // Half of them go while the other half stay, and a new one comes.
    for mishap in mishaps() {
        faults.add(Rule::new("DELETE", "feature-external-resources", mishap).times(1));
    }
    let late = town.merge_request();
    let (go, stay) = pages.split_at(6);
    for on in go {
        town.gitlab.comment(town.mara, *on, "/flag unlink checkout_v2").unwrap();
    }
    town.gitlab.comment(town.mara, late, "/flag link checkout_v2").unwrap();
    rest_within(&town, 2 * PATIENCE).await;
    let left = sorted(stay.iter().chain([&late]).map(page).collect());
    assert_eq!(sorted(town.links("checkout_v2")), left, "{}", faults.describe());
    for on in stay {
        assert!(town.row(*on, "checkout_v2").is_some(), "{}", town.gitlab.transcript(*on));
    }
    town.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_on_one_page_are_answered_in_the_order_in_which_they_were_written() {
    let town = Town::new().await;
    let pages: Vec<NoteableRef> = (0..5).map(|_| town.issue()).collect();
    let turns = ["link", "unlink", "link", "unlink", "link"];
    // What a page asks goes back and forth; the pages' comments come mixed.
    for (n, turn) in turns.iter().enumerate() {
        for (m, page) in pages.iter().enumerate() {
            let key = if (n + m) % 2 == 0 { "checkout_v2 dark_mode" } else { "dark_mode checkout_v2" };
            town.gitlab.comment(town.mara, *page, &format!("/flag {turn} {key}")).unwrap();
        }
    }
    rest_within(&town, 2 * PATIENCE).await;
    for page in &pages {
        for flag in ["checkout_v2", "dark_mode"] {
            assert!(town.row(*page, flag).is_some(), "{}", town.gitlab.transcript(*page));
            assert!(town.links(flag).contains(&town.page(*page)), "{flag}");
        }
        let panel = town.panel(*page).unwrap().body;
        let history: Vec<&str> = panel.lines().filter(|line| line.starts_with("- ")).collect();
        assert_eq!(history.len(), 2 * turns.len(), "{panel}");
        let linked: Vec<bool> = history
            .iter()
            .filter(|line| line.contains("checkout"))
            .map(|line| !line.contains("unlinked"))
            .collect();
        assert_eq!(linked, [true, false, true, false, true], "{panel}");
    }
    town.end().await;
}
