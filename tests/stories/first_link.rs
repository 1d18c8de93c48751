//! The main story: a comment becomes a link, the link shows the truth, a change reaches the work.
use super::town::{Plan, Town};

#[tokio::test]
async fn a_comment_links_a_flag() {
    let town = Town::new().await;
    let issue = town.issue();

    let note = town.says(issue, "Let us put this behind a flag.\n\n/flag link checkout_v2").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    let panel = town.panel(issue).unwrap().body;
    for environment in ["development", "staging", "production"] {
        assert!(panel.contains(environment), "{panel}");
    }
    assert!(panel.contains("checkout_v2") && panel.contains("off"), "{panel}");
    assert!(town.replies(issue).is_empty(), "a link that went well needs no reply");
    assert_eq!(town.labels(issue), ["Feature flag"]);
    let page = town.gitlab.read(|model| model.page_of(issue));
    assert_eq!(town.ada.links("checkout_v2").unwrap(), [page]);
    town.end().await;
}

#[tokio::test]
async fn a_change_of_the_flag_reaches_the_panel_and_the_people_who_want_to_be_told() {
    let town = Town::planned(Plan { rule: "tell = [\"production\"]".into(), ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;

    town.ada.switch("checkout_v2", "staging", true).unwrap();
    town.rest().await;
    let panel = town.panel(issue).unwrap();
    assert!(panel.body.contains("off → on in `staging`"), "{}", panel.body);
    assert!(town.replies(issue).is_empty(), "staging is not told");

    town.ada.switch("checkout_v2", "production", true).unwrap();
    town.rest().await;
    let replies = town.replies(issue);
    assert_eq!(replies.len(), 1, "{}", town.gitlab.transcript(issue));
    assert!(replies[0].body.contains("is now 🟢 on"), "{}", replies[0].body);
    assert!(replies[0].body.contains("ada"), "{}", replies[0].body);
    assert_eq!(town.panel(issue).unwrap().id, panel.id, "edited in place");
    town.end().await;
}
