//! Many changes, many pages.

use std::time::Duration;

use flaglink::sandbox::gitlab::NoteableRef;

use crate::kit::rest_within;
use crate::town::{Plan, Town};

const PAGES: usize = 200;
const CHANGES: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_changes_of_a_flag_on_two_hundred_pages_are_few_more_than_two_hundred_edits() {
    let more = "[limits]\nnotes_per_minute = 0".to_owned();
    let town = Town::planned(Plan { more, ..Plan::default() }).await;
    let pages: Vec<NoteableRef> = (0..PAGES).map(|_| town.issue()).collect();
    for page in &pages {
        town.gitlab.comment(town.mara, *page, "/flag link checkout_v2").unwrap();
    }
    rest_within(&town, PATIENCE).await;
    let edits = || town.gitlab.faults().count("PUT", r"/notes/\d+$");
    let before = edits();

    for change in 0..CHANGES {
        town.ada.switch("checkout_v2", "production", change % 2 == 1).unwrap();
    }
    rest_within(&town, PATIENCE).await;
    for page in &pages {
        let panel = town.panel(*page).unwrap().body;
        let row = panel.lines().find(|line| line.starts_with('|') && line.contains("checkout")).unwrap();
        assert!(row.ends_with("| ⚪ off `blue` | ⚪ off `blue` | 🟢 on `blue` |"), "{panel}");
    }
    let edits = edits() - before;
    assert!((PAGES..=PAGES + PAGES / 4).contains(&edits), "{edits} edits");
    assert_eq!(town.links("checkout_v2").len(), PAGES);
    town.end().await;
}
