//! More than one page, while people go on; and an end in the middle.

use std::collections::BTreeMap;

use flaglink::sandbox::faults::{Fault, Received, Rule, RuleId};
use flaglink::sandbox::gitlab::NoteableRef;
use jiff::{SignedDuration, ToSpan as _};

use crate::kit::{assert_done, back, caught};
use crate::town::{PATIENCE, Plan, Town};

/// So many issues with a command each, written while flaglink was away; the first 120 in one and the same moment. GitLab lost the
/// webhooks.
fn written(town: &Town, count: usize) -> BTreeMap<u64, NoteableRef> {
    town.gitlab.drop_deliveries(true);
    let mut notes = BTreeMap::new();
    for _ in 0..count {
        let issue = town.issue();
        notes.insert(town.gitlab.comment(town.mara, issue, "/flag list").unwrap(), issue);
    }
    town.gitlab.change(|model| {
        let begin = model.now();
        for (number, issue) in notes.values().enumerate() {
            let late = i64::try_from(number.saturating_sub(120)).unwrap();
            model.noteables.get_mut(issue).unwrap().updated_at =
                begin - 20.seconds() + (late * 10).milliseconds();
        }
    });
    notes
}

/// After so many pages of issues the next waits until it is let go.
fn a_page_waits(town: &Town, after: usize) -> RuleId {
    let path = format!("/projects/{}/issues\\?", town.shop);
    town.gitlab.faults().add(Rule::new("GET", &path, Fault::Hold).after(after).times(1))
}

async fn until_it_waits(town: &Town) {
    let held = |requests: &[Received]| requests.iter().any(|request| request.fault.is_some());
    town.gitlab.faults().until(PATIENCE, held).await.unwrap();
}

/// Hundreds of answers at once; the pace of comments has stories of its own.
fn without_a_pace() -> Plan {
    Plan { more: "[limits]\nnotes_per_minute = 0".to_owned(), ..Plan::default() }
}

#[tokio::test]
async fn more_than_a_page_is_read_while_what_is_on_it_moves() {
    let mut town = Town::planned(without_a_pace()).await;
    town.stop().await;
    let notes = written(&town, 250);
    let waits = a_page_waits(&town, 1);

    town.start().await;
    until_it_waits(&town).await;
    // What was on the first page changes, and so moves behind everything else; and so does what was not seen yet.
    let pages: Vec<NoteableRef> = notes.values().copied().collect();
    let mut late = BTreeMap::new();
    for page in [&pages[..60], &pages[150..170]].concat() {
        late.insert(town.gitlab.comment(town.mara, page, "/flag list").unwrap(), page);
        town.gitlab.retitle(town.mara, page, "Changed meanwhile").unwrap();
    }
    town.gitlab.faults().release(waits);
    town.daemon().caught_up(1).await;
    town.rest().await;
    for (note, page) in &notes {
        assert_done(&town, *page, *note);
    }
    assert!(caught(&town).await[1] >= 250);

    // What was written after the look began may be left to the next one.
    town.stop().await;
    back(&mut town).await;
    for (note, page) in notes.iter().chain(&late) {
        assert_done(&town, *page, *note);
    }
    let answers: usize = pages.iter().map(|page| town.replies(*page).len()).sum();
    assert_eq!(answers, notes.len() + late.len());
    town.end().await;
}

#[tokio::test]
async fn an_end_in_the_middle_repeats_and_skips_nothing() {
    let mut town = Town::planned(Plan { since: SignedDuration::from_hours(-2), ..without_a_pace() }).await;
    town.daemon().caught_up(1).await;
    town.stop().await;
    let notes = written(&town, 150);
    // The page that changed last has a comment that is older than every change of the others: how far the list was read is not
    // how far comments were.
    let (old, page) = notes.iter().next_back().unwrap();
    town.gitlab.change(|model| {
        let now = model.now();
        let note = model.notes.get_mut(old).unwrap();
        (note.created_at, note.updated_at) = (now - 40.minutes(), now - 40.minutes());
        let page = model.noteables.get_mut(page).unwrap();
        (page.created_at, page.updated_at) = (now - 60.minutes(), now);
    });
    a_page_waits(&town, 2);
    town.start().await;
    until_it_waits(&town).await;
    town.stop().await;
    town.gitlab.faults().clear();

    back(&mut town).await;
    for (note, page) in &notes {
        // One that was under way at the end, and had to be sent again, may come after the other.
        let mut reactions = town.reactions(*note);
        reactions.sort_unstable();
        assert_eq!(reactions, ["eyes", "white_check_mark"], "{}", town.gitlab.transcript(*page));
        assert_eq!(town.replies(*page).len(), 1);
    }
    town.end().await;
}

/// A long talk: the command is not on the first page of comments.
#[tokio::test]
async fn comments_are_read_page_by_page_as_well() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.rest().await;
    town.stop().await;
    town.gitlab.drop_deliveries(true);
    let first = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    for number in 0..230 {
        town.gitlab.comment(town.tobias, issue, &format!("Talk {number}.")).unwrap();
    }
    let last = town.gitlab.comment(town.mara, issue, "/flag list").unwrap();

    back(&mut town).await;
    assert_done(&town, issue, first);
    assert_done(&town, issue, last);
    assert!(town.answer(issue, last).contains("checkout_v2"), "in their order");
    town.end().await;
}
