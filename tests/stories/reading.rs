//! Questions: `status`, `list`, `search`, `help`.

use super::town::{Plan, Town};

/// The lines of an answer.
fn lines(answer: &str) -> Vec<String> {
    answer.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[tokio::test]
async fn status_reads_the_service_at_that_moment() {
    let town = Town::new().await;
    let issue = town.issue();
    let nothing = town.says(issue, "/flag status").await;
    assert_eq!(town.reactions(nothing), ["eyes", "white_check_mark"]);
    assert_eq!(town.answer(issue, nothing), "no flag is linked here. Write `/flag link KEY` to link one.");
    town.says(issue, "/flag link checkout_v2").await;

    // A change that no webhook tells of: the answer is true, and the panel catches up with it.
    town.flagsmith.drop_deliveries(100);
    town.ada.set("checkout_v2", "staging", true, "green").unwrap();
    town.rest().await;
    assert_eq!(town.row(issue, "checkout_v2").unwrap(), ["⚪ off `blue`"; 3], "nobody has told it yet");
    let note = town.says(issue, "/flag status").await;

    assert_eq!(
        lines(&town.answer(issue, note)),
        [
            "the state now:",
            "- [`checkout_v2`]: `development` ⚪ off `blue`; `staging` 🟢 on `green`; `production` ⚪ off `blue`"
        ]
    );
    assert_eq!(town.row(issue, "checkout_v2").unwrap(), ["⚪ off `blue`", "🟢 on `green`", "⚪ off `blue`"]);
    town.end().await;
}

#[tokio::test]
async fn status_of_a_named_flag_links_nothing() {
    let town = Town::new().await;
    let issue = town.issue();

    let note = town.says(issue, "/flag status dark_mode no_such_flag").await;

    assert_eq!(town.reactions(note), ["eyes", "warning"]);
    assert_eq!(
        lines(&town.answer(issue, note)),
        [
            "the state now:",
            "- [`dark_mode`]: `development` ⚪ off; `staging` ⚪ off; `production` ⚪ off",
            "`flagsmith` has no flag `no_such_flag`. Write `/flag search TEXT` to find one."
        ]
    );
    assert!(town.panel(issue).is_none() && town.labels(issue).is_empty());
    town.end().await;
}

#[tokio::test]
async fn list_names_who_linked() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    town.says_as(town.tobias, issue, "/flag link dark_mode").await;

    let note = town.says(issue, "/flag list").await;

    let lines = lines(&town.answer(issue, note));
    assert_eq!(lines[0], "linked here:");
    assert!(lines[1].starts_with("- [`checkout_v2`], linked by `mara` on 20"), "{lines:?}");
    assert!(lines[2].starts_with("- [`dark_mode`], linked by `tobias` on 20"), "{lines:?}");
    assert_eq!(lines.len(), 3);
    town.end().await;
}

#[tokio::test]
async fn search_finds_keys_and_descriptions_and_says_when_there_is_nothing() {
    let town = Town::new().await;
    let issue = town.issue();
    town.ada.describe("dark_mode", "Night colours for the checkout").unwrap();
    town.rest().await;

    let note = town.says(issue, "/flag search Checkout").await;
    assert_eq!(
        lines(&town.answer(issue, note)),
        ["found:", "- [`checkout_v2`]", "- [`dark_mode`]: `Night colours for the checkout`"]
    );

    let none = town.says(issue, "/flag search what's this?").await;
    assert_eq!(town.reactions(none), ["eyes", "white_check_mark"], "a question that was answered");
    assert_eq!(town.answer(issue, none), "no flag has `what's this?` in its key or description.");
    town.end().await;
}

#[tokio::test]
async fn help_shows_what_this_person_can_do_here() {
    let town = Town::new().await;
    let issue = town.issue();
    let reporter = town.gitlab.user("rosa");
    town.gitlab.member(town.shop, reporter, 20);

    let of_mara = town.says(issue, "/flag help").await;
    let all = lines(&town.answer(issue, of_mara));
    assert_eq!(
        all,
        [
            "this is what you can do here:",
            "- `/flag link KEY…`: Link flags to this issue or merge request",
            "- `/flag unlink KEY… | --all`: Take links away again",
            "- `/flag status [KEY…]`: Show the present state of the linked or the named flags",
            "- `/flag list`: List what is linked here",
            "- `/flag search TEXT`: Find flags by a part of their key or description",
            "- `/flag help [COMMAND]`: Show what you can do here",
            "Flags come from `flagsmith`."
        ]
    );

    let of_rosa = town.says_as(reporter, issue, "/flag").await;
    let some = lines(&town.answer(issue, of_rosa));
    assert_eq!(some.len(), all.len() - 2, "{some:?}");
    assert!(!some.iter().any(|line| line.contains("link KEY")), "{some:?}");

    let about = town.says(issue, "/flag help link").await;
    let said = lines(&town.answer(issue, about));
    assert_eq!(said[0], "`/flag link KEY…`: Link flags to this issue or merge request.");
    assert!(said.contains(&"- `/flag link checkout_v2`".to_owned()), "{said:?}");

    let unknown = town.says(issue, "/flag help lnik").await;
    assert_eq!(town.reactions(unknown), ["eyes", "x"]);
    assert_eq!(town.answer(issue, unknown), "there is no command `/flag lnik`. Did you mean `/flag link`?");
    town.end().await;
}

#[tokio::test]
async fn a_flag_that_the_project_may_not_see_is_not_there() {
    let rule = "flags = [\"checkout*\", \"flagsmith:web-*\"]".to_owned();
    let town = Town::planned(Plan { rule, ..Plan::default() }).await;
    let issue = town.issue();
    town.ada.new_flag("web-banner", true, "").unwrap();
    town.ada.new_flag("secret_plan", true, "checkout for spies").unwrap();
    town.ada.describe("secret_plan", "checkout for spies").unwrap();
    town.rest().await;

    let link = town.says(issue, "/flag link dark_mode flagsmith:secret_plan secret_plans web-banner").await;
    assert_eq!(town.reactions(link), ["eyes", "warning"]);
    let answer = town.answer(issue, link);
    assert_eq!(
        lines(&answer),
        [
            "`flagsmith` has no flag `dark_mode`. Write `/flag search TEXT` to find one.",
            "`flagsmith` has no flag `flagsmith:secret_plan`. Write `/flag search TEXT` to find one.",
            "`flagsmith` has no flag `secret_plans`. Write `/flag search TEXT` to find one.",
        ]
    );
    assert!(town.row(issue, "web-banner").is_some());

    let status = town.says(issue, "/flag status secret_plan").await;
    assert_eq!(town.reactions(status), ["eyes", "x"]);
    let search = town.says(issue, "/flag search checkout").await;
    assert_eq!(lines(&town.answer(issue, search)), ["found:", "- [`checkout_v2`]"]);
    town.end().await;
}
