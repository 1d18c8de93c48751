//! A project that is made public: GitLab tells nobody, and values must not stand in public all the same.

use flaglink::sandbox::gitlab::Visibility;

use super::town::{PATIENCE, Town};

#[tokio::test]
async fn values_are_taken_out_of_the_panel_when_the_project_is_made_public() {
    let mut town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    assert!(town.panel(issue).unwrap().body.contains("`blue`"));

    town.stop().await;
    town.gitlab.set_visibility(town.shop, Visibility::Public);
    town.start().await;

    // Asked at the start, and then every five minutes.
    let (bot, shown) = (town.bot, "value hidden");
    let hidden = |model: &flaglink::sandbox::gitlab::Model| {
        model
            .notes_by(issue, bot)
            .iter()
            .any(|note| note.body.contains(shown) && !note.body.contains("`blue`"))
    };
    town.gitlab.until(PATIENCE, hidden).await.unwrap();
    let panel = town.panel(issue).unwrap().body;
    assert!(
        !panel.contains("/environment/"),
        "an address with the environment's key shows values too: {panel}"
    );
    town.end().await;
}

#[tokio::test]
async fn no_value_is_written_into_a_panel_of_a_project_that_has_just_become_public() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.gitlab.set_visibility(town.shop, Visibility::Public);
    town.ada.set_value("checkout_v2", "production", "green").unwrap();
    town.rest().await;
    let panel = town.panel(issue).unwrap().body;
    assert!(!panel.contains("green") && !panel.contains("blue") && panel.contains("value hidden"), "{panel}");
    town.end().await;
}
