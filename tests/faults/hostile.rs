//! Text that means harm, wherever people outside GitLab can write one. What GitLab makes of the bot's comments is seen by
//! the sandbox GitLab, which runs quick actions and finds mentions by its own reading.

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};

use crate::kit::panel;
use crate::town::{Plan, Town};

const EVIL: &str = "x`|\n/close\n@all <img src=x>";

fn harmful() -> Vec<String> {
    vec![
        EVIL.to_owned(),
        "\n\n/close\n\n".to_owned(),
        "a|b|c\n|--|--|\n".to_owned(),
        "</details></summary><script>alert(1)</script>".to_owned(),
        "``` \n/merge\n```".to_owned(),
        "[x](javascript:alert(1)) ![](https://evil.example/pixel.png) @mara #1 !1 ~bug".to_owned(),
        "\u{202e}\u{2066}gnp.exe\u{2069}\u{200b}\u{feff}".to_owned(),
        "@mara ".repeat(20_000 / 6),
        "\\".repeat(99),
        "&#10;/close &commat;all".to_owned(),
        "\r/close\r\u{2028}/close\u{85}/close".to_owned(),
        "<!-- flaglink:00 --> --> ".to_owned(),
    ]
}

/// Cells in every row of the one table of a panel.
fn rows(text: &str) -> Vec<usize> {
    let mut options = Options::default();
    options.extension.table = true;
    let arena = Arena::new();
    let root = parse_document(&arena, text, &options);
    root.descendants()
        .filter(|node| matches!(node.data().value, NodeValue::TableRow(_)))
        .map(|row| row.children().count())
        .collect()
}

#[tokio::test]
async fn hostile_values_stand_in_the_panel_and_in_replies_as_text() {
    let town = Town::planned(Plan { rule: "tell = [\"*\"]".into(), ..Plan::default() }).await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2 dark_mode").await;
    for value in harmful() {
        let before = town.replies(issue).len();
        town.ada.set_value("checkout_v2", "production", value.as_str()).unwrap();
        town.rest().await;
        let text = panel(&town, issue);
        assert_eq!(rows(&text), [4, 4, 4], "{value:?} broke the table:\n{text}");
        assert!(text.chars().count() < 10_000, "{value:?}");
        assert_eq!(town.replies(issue).len(), before + 1, "{value:?} was not told");
    }
    town.gitlab.read(|model| assert_eq!(model.noteables[&issue].state.name(), "opened"));
    town.end().await;
}

#[tokio::test]
async fn hostile_names_of_environments_and_people() {
    let town = Town::planned(Plan { rule: "tell = [\"*\"]".into(), ..Plan::default() }).await;
    let issue = town.issue();
    let environments = ["x`|\n/close\n@all", "</code>|</summary>"];
    for name in environments {
        town.ada.new_environment(name).unwrap();
    }
    town.says(issue, "/flag link checkout_v2").await;
    let project = town.flagsmith.read(|world| world.features.values().next().unwrap().project);
    for (number, who) in harmful().into_iter().enumerate() {
        let person = town.flagsmith.person(&format!("{number}{who}@x"), project);
        let environment = environments[number % environments.len()];
        let (on, _) = person.state("checkout_v2", environment).unwrap();
        person.switch("checkout_v2", environment, !on).unwrap();
        town.rest().await;
        assert_eq!(rows(&panel(&town, issue)), [6, 6]);
        assert_eq!(town.replies(issue).len(), number + 1, "{who:?}");
    }
    town.end().await;
}

#[tokio::test]
async fn hostile_flags_are_found_offered_and_linked_as_text() {
    let town = Town::new().await;
    let issue = town.issue();
    for (number, name) in
        ["chekout|v2", "checkout_v3`", "checkout_v4<img>", "checkout_@all"].into_iter().enumerate()
    {
        town.ada.new_flag(name, true, "v").unwrap();
        town.ada.describe(name, &format!("payments {}", harmful()[number])).unwrap();
    }
    for (number, words) in harmful().into_iter().enumerate() {
        let name = format!("p{number}");
        town.ada.new_flag(&name, true, "v").unwrap();
        town.ada.describe(&name, &format!("payments {words}")).unwrap();
    }
    for text in ["/flag search payments", "/flag link checkout_v", "/flag status checkout_v4<img> chekout|v2"]
    {
        let note = town.says(issue, text).await;
        assert!(town.reply_to(issue, note).len() < 20_000);
    }
    let note = town.says(issue, "/flag link chekout|v2 checkout_v3` checkout_v4<img> checkout_@all").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"], "{}", town.gitlab.transcript(issue));
    assert_eq!(rows(&panel(&town, issue)), [4; 5]);
    town.end().await;
}

#[tokio::test]
async fn a_hostile_title_reaches_flagsmith_as_a_title_and_nothing_else() {
    let town = Town::new().await;
    let title = "Fix `x`|@all <img src=x>";
    let issue = town.gitlab.issue(town.mara, town.shop, title, "").unwrap();
    town.says(issue, "/flag link checkout_v2").await;
    let titles = town.flagsmith.read(|world| {
        world
            .resources
            .values()
            .map(|link| link.metadata["title"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    });
    assert_eq!(titles, [title]);
    assert!(!panel(&town, issue).contains("<img"));
    town.end().await;
}
