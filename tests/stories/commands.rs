//! Linking and unlinking, alone and several in one comment.

use flaglink::sandbox::flagsmith::Flagsmith;

use super::town::{PATIENCE, Plan, Town, as_read, without_marker};

#[tokio::test]
async fn several_commands_in_one_comment_run_in_order_and_share_one_reaction() {
    let town = Town::new().await;
    let issue = town.issue();

    let note = town
        .says(
            issue,
            "/flag link checkout_v2\n/flag link dark_mode\nand then\n\n/flag unlink checkout_v2\n/flag list",
        )
        .await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(town.row(issue, "checkout_v2"), None, "it was unlinked again");
    assert_eq!(town.row(issue, "dark_mode").unwrap(), ["⚪ off"; 3]);
    let answer = town.answer(issue, note);
    assert!(answer.starts_with("linked here:\n\n- [`dark_mode`], linked by `mara` on "), "{answer}");
    assert!(!answer.contains("checkout_v2"), "the list comes after the commands before it: {answer}");
    assert!(town.links("checkout_v2").is_empty());
    assert_eq!(town.links("dark_mode"), [town.page(issue)]);
    town.end().await;
}

#[tokio::test]
async fn what_can_be_done_is_done_and_the_reply_says_what_was_not() {
    let town = Town::new().await;
    let issue = town.issue();

    let note = town.says(issue, "/flag link checkout_v2 dark_mood").await;

    assert_eq!(town.reactions(note), ["eyes", "warning"]);
    assert_eq!(
        town.answer(issue, note),
        "`flagsmith` has no flag `dark_mood`. Did you mean `dark_mode`? Write `/flag link dark_mode`."
    );
    assert_eq!(town.row(issue, "checkout_v2").unwrap(), ["⚪ off `blue`"; 3]);
    town.end().await;
}

#[tokio::test]
async fn one_command_that_fails_among_others_is_a_warning_too() {
    let town = Town::new().await;
    let issue = town.issue();

    let note = town.says(issue, "/flag link nothing_like_it\n/flag link dark_mode").await;

    assert_eq!(town.reactions(note), ["eyes", "warning"]);
    assert_eq!(
        town.answer(issue, note),
        "`flagsmith` has no flag `nothing_like_it`. Write `/flag search TEXT` to find one."
    );
    assert!(town.row(issue, "dark_mode").is_some());
    town.end().await;
}

#[tokio::test]
async fn a_typo_links_nothing_and_offers_what_is_near() {
    let town = Town::new().await;
    let issue = town.issue();

    let note = town.says(issue, "/flag link chekout_v2").await;

    assert_eq!(town.reactions(note), ["eyes", "x"]);
    assert_eq!(
        town.answer(issue, note),
        "`flagsmith` has no flag `chekout_v2`. Did you mean `checkout_v2`? Write `/flag link checkout_v2`."
    );
    assert!(town.panel(issue).is_none());
    assert!(town.labels(issue).is_empty());

    // Following the advice works.
    let second = town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.reactions(second), ["eyes", "white_check_mark"]);
    town.end().await;
}

#[tokio::test]
async fn linking_twice_changes_nothing_and_unlinking_takes_everything_back() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2").await;
    let before = town.panel(issue).unwrap();

    let again = town.says(issue, "/flag link checkout_v2 CHECKOUT_V2 flagsmith:checkout_v2").await;
    assert_eq!(town.reactions(again), ["eyes", "white_check_mark"]);
    let panel = town.panel(issue).unwrap();
    assert_eq!((panel.id, &panel.body), (before.id, &before.body));
    assert_eq!(panel.former, before.former, "it was not touched");
    assert_eq!(town.links("checkout_v2").len(), 1);
    assert!(town.replies(issue).is_empty());

    let gone = town.says(issue, "/flag unlink checkout_v2 flagsmith:checkout_v2").await;
    assert_eq!(town.reactions(gone), ["eyes", "white_check_mark"]);
    let panel = town.panel(issue).unwrap();
    assert_eq!(panel.id, before.id);
    assert!(panel.body.contains("The last flag was unlinked: no feature flag is linked here now."));
    assert_eq!(
        panel.body.matches("unlinked by").count(),
        2,
        "in the summary and in the fold: {}",
        panel.body
    );
    assert!(town.labels(issue).is_empty());
    assert!(town.links("checkout_v2").is_empty());

    let not_there = town.says(issue, "/flag unlink checkout_v2").await;
    assert_eq!(town.reactions(not_there), ["eyes", "x"]);
    assert_eq!(town.answer(issue, not_there), "no flag is linked here.");
    town.end().await;
}

#[tokio::test]
async fn a_flag_named_in_two_ways_is_unlinked_once_wherever_the_names_stand() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2 dark_mode").await;

    town.says(issue, "/flag unlink checkout_v2 dark_mode flagsmith:checkout_v2").await;

    let panel = town.panel(issue).unwrap().body;
    let fold = panel.split_once("</summary>").unwrap().1;
    assert_eq!(fold.matches("unlinked by").count(), 2, "once for each flag: {panel}");
    town.end().await;
}

#[tokio::test]
async fn unlink_all_takes_away_everything_and_a_wrong_key_names_what_is_linked() {
    let town = Town::new().await;
    let request = town.merge_request();
    town.says(request, "/flag link checkout_v2 dark_mode").await;

    let wrong = town.says(request, "/flag unlink checkout_v3").await;
    assert_eq!(town.reactions(wrong), ["eyes", "x"]);
    assert_eq!(
        town.answer(request, wrong),
        "`checkout_v3` is not linked here. Linked are `checkout_v2` and `dark_mode`."
    );

    let all = town.says(request, "/flag unlink —ALL").await;
    assert_eq!(town.reactions(all), ["eyes", "white_check_mark"]);
    assert!(town.panel(request).unwrap().body.contains("The last flag was unlinked"));
    assert!(town.labels(request).is_empty());
    assert!(town.links("checkout_v2").is_empty() && town.links("dark_mode").is_empty());
    town.end().await;
}

#[tokio::test]
async fn a_flag_that_its_service_lost_can_still_be_unlinked() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link checkout_v2 dark_mode").await;
    town.flagsmith.drop_deliveries(100);
    town.ada.delete("checkout_v2").unwrap();
    town.rest().await;

    let note = town.says(issue, "/flag unlink checkout_v2").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(town.row(issue, "checkout_v2"), None);
    assert!(town.row(issue, "dark_mode").is_some());
    town.end().await;
}

#[tokio::test]
async fn the_words_of_a_command_ignore_case_and_keys_come_back_as_the_service_spells_them() {
    let town = Town::new().await;
    let issue = town.issue();

    let note = town.says(issue, "/FLAG Link Checkout_V2").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.row(issue, "checkout_v2").is_some());
    town.end().await;
}

#[tokio::test]
async fn the_bot_can_be_spoken_to_by_name() {
    let town = Town::new().await;
    let issue = town.issue();

    let note = town.says(issue, "@flag-bot flag link checkout_v2").await;
    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert!(town.row(issue, "checkout_v2").is_some());

    // Only speaking of it is no command, and another bot's command is none of ours.
    for text in ["@flag-bot thanks!", "@other-bot flag link dark_mode", "/rebase\n/flags link dark_mode"] {
        if let Ok(note) = town.gitlab.comment(town.mara, issue, text) {
            town.rest().await;
            assert!(town.reactions(note).is_empty(), "{text}");
        }
    }
    assert!(town.replies(issue).is_empty());
    assert_eq!(town.row(issue, "dark_mode"), None);
    town.end().await;
}

#[tokio::test]
async fn words_that_are_no_command_get_one_short_reply() {
    let town = Town::new().await;
    let issue = town.issue();
    let cases = [
        ("/flag lnik checkout_v2", "there is no command `/flag lnik`. Did you mean `/flag link`?"),
        (
            "/flag frobnicate",
            "there is no command `/flag frobnicate`. Write `/flag help` for those that there are.",
        ),
        ("/flag archive", "`/flag archive KEY` needs a flag key."),
        ("/flag cleanup-issue", "`/flag cleanup-issue KEY` needs a flag key."),
        ("/flag link", "`/flag link KEY…` needs a flag key."),
        ("/flag unlink", "`/flag unlink KEY… | --all` needs a flag key or `--all`."),
        ("/flag list all", "`/flag list` does not take `all`."),
        (
            "/flag link \"checkout_v2",
            "a quote is opened and not closed. Write `/flag help` for how commands are written.",
        ),
        (
            "/flag unlink checkout_v2 --all",
            "it takes either flag keys or `--all`, not both. Write `/flag help` for how commands are written.",
        ),
    ];
    for (text, answer) in cases {
        let note = town.says(issue, text).await;
        assert_eq!(town.reactions(note), ["eyes", "x"], "{text}");
        assert_eq!(town.answer(issue, note), answer, "{text}");
    }
    assert!(town.panel(issue).is_none());
    town.end().await;
}

#[tokio::test]
async fn too_much_in_one_comment_is_answered_and_the_rest_is_done() {
    let town = Town::new().await;
    let (issue, other) = (town.issue(), town.issue());

    let fifty = format!("{}/flag list\n/flag list", "/flag link dark_mode\n".repeat(50));
    let many = town.says(issue, &fifty).await;
    assert_eq!(town.reactions(many), ["eyes", "warning"]);
    assert_eq!(
        town.answer(issue, many),
        "one comment takes at most 50 commands; the others were left out. Write `/flag help` for how commands are written."
    );
    assert!(town.row(issue, "dark_mode").is_some());

    // What is wrong stands far behind two keys that are there.
    let keys: Vec<String> = (0..19).map(|n| format!("key_number_{n:03}")).collect();
    let text = format!("/flag link dark_mode checkout_v2 {}", keys.join(" "));
    let wide = town.says(other, &text).await;
    assert_eq!(town.reactions(wide), ["eyes", "x"]);
    assert_eq!(
        town.answer(other, wide),
        "one command takes at most 20 flag keys. Write `/flag help` for how commands are written."
    );
    let open = town.says(other, &format!("/flag link dark_mode {} \"b", "a".repeat(120))).await;
    assert_eq!(town.reactions(open), ["eyes", "x"]);
    assert!(town.panel(other).is_none());
    town.end().await;
}

#[tokio::test]
async fn a_key_that_two_services_have_is_asked_about() {
    let other = Flagsmith::start().await.unwrap();
    other.take_private_addresses(true);
    let project = other.new_project("Old shop");
    let joe = other.person("joe@example.com", project);
    joe.new_environment("live").unwrap();
    joe.new_flag("checkout_v2", true, "green").unwrap();
    joe.new_flag("old_search", true, "").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    std::fs::write(&key, other.api_key()).unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let more = format!(
        "[providers.legacy]\nkind = \"flagsmith\"\nurl = \"{}\"\napi_key_file = \"{}\"\nproject = {project}\npoll = \"1h\"",
        other.url(),
        key.display()
    );
    let town = Town::planned(Plan { more, ..Plan::default() }).await;
    let issue = town.issue();

    let unclear = town.says(issue, "/flag link checkout_v2").await;
    assert_eq!(town.reactions(unclear), ["eyes", "x"]);
    assert_eq!(
        town.answer(issue, unclear),
        "more than one flag is called `checkout_v2`. Write `/flag link flagsmith:checkout_v2` or `/flag link legacy:checkout_v2`."
    );

    // With one hit the service need not be named; with the name it is that one.
    let clear = town.says(issue, "/flag link Legacy:checkout_v2 old_search dark_mode").await;
    assert_eq!(town.reactions(clear), ["eyes", "white_check_mark"]);
    assert_eq!(town.row(issue, "legacy:checkout_v2").unwrap(), ["🟢 on `green`", "–", "–", "–"]);
    assert!(town.row(issue, "legacy:old_search").is_some());
    assert!(town.row(issue, "flagsmith:dark_mode").is_some());
    assert_eq!(joe.links("checkout_v2").unwrap(), [town.page(issue)]);
    assert!(town.links("checkout_v2").is_empty());

    let gone = town.says(issue, "/flag unlink checkout_v2").await;
    assert_eq!(town.reactions(gone), ["eyes", "white_check_mark"], "here only one is called so");
    assert_eq!(town.row(issue, "legacy:checkout_v2"), None);

    // One of them away: nobody knows whether the key is one of its flags, so nothing is linked yet.
    other.server().go_away().await;
    let waits = town.gitlab.comment(town.mara, issue, "/flag link checkout_v2").unwrap();
    town.gitlab.until(PATIENCE, |model| model.reactions(waits, town.bot) == ["eyes"]).await.unwrap();
    assert_eq!(town.row(issue, "flagsmith:checkout_v2"), None);
    other.server().come_back().await.unwrap();
    town.rest().await;
    assert_eq!(town.reactions(waits), ["eyes", "x"]);
    assert!(town.answer(issue, waits).starts_with("more than one flag is called `checkout_v2`."));
    town.end().await;
}

#[tokio::test]
async fn what_a_flag_holds_can_break_neither_panel_nor_reply() {
    let town = Town::new().await;
    let issue = town.issue();
    let hostile = "x`|\n/close\n@all <img src=x>";
    town.ada.new_flag("hostile", true, hostile).unwrap();
    town.rest().await;

    let note = town.says(issue, "/flag link hostile checkout_v2\n/flag status hostile").await;

    assert_eq!(town.reactions(note), ["eyes", "white_check_mark"]);
    assert_eq!(town.row(issue, "hostile").unwrap().len(), 3, "the table stands");
    assert_eq!(town.row(issue, "checkout_v2").unwrap(), ["⚪ off `blue`"; 3]);
    let state = town.gitlab.read(|model| model.noteables[&issue].state.name());
    assert_eq!(state, "opened");
    let typo = town.says(issue, "/flag link \"</code>@all |\" `!1`").await;
    assert_eq!(town.reactions(typo), ["eyes", "x"]);
    // `end` says that nobody was mentioned and that no quick action ran.
    town.end().await;
}

#[tokio::test]
async fn two_flags_and_the_whole_panel() {
    let town = Town::new().await;
    let issue = town.issue();
    town.says(issue, "/flag link dark_mode").await;
    town.says(issue, "/flag link checkout_v2").await;

    let panel = as_read(&without_marker(&town.panel(issue).unwrap().body));

    let times = regex::Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC").unwrap();
    let panel = times.replace_all(&panel, "THEN");
    let whole = "\
#### 🚩 Feature flags

| Flag | `development` | `staging` | `production` |
| :-- | :-- | :-- | :-- |
| [`dark_mode`] | ⚪ off | ⚪ off | ⚪ off |
| [`checkout_v2`] | ⚪ off `blue` | ⚪ off `blue` | ⚪ off `blue` |

<details><summary>THEN: `checkout_v2` linked by `mara`</summary>

- THEN: `checkout_v2` linked by `mara`
- THEN: `dark_mode` linked by `mara`

</details>

<sub>Kept up to date by flaglink. Write `/flag help` for what you can do here.</sub>";
    assert_eq!(panel, whole);
    town.end().await;
}
