//! `flaglink demo`: the same story with each flag service, each in its own words.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/cli.rs"]
mod support;

use support::{House, finished, least};

/// Tells the story, which checks itself; returns its words, without the margin of comments.
async fn told(arguments: &[&str]) -> String {
    let said = House::new(&least("")).run(&[&["demo"], arguments].concat()).await;
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{}", said.out);
    assert!(said.out.contains("✔ All of it was as told"), "{}", said.out);
    let words = said.out.split_whitespace().filter(|&word| word != "│");
    words.collect::<Vec<_>>().join(" ")
}

/// The words of a story with this service in it: all of `there`, and of `missing` none, in capitals or not.
fn assert_words(story: &str, there: &[&str], missing: &[&str]) {
    for words in there {
        assert!(story.contains(words), "`{words}` is not in it: {story}");
    }
    for words in missing {
        assert!(!story.to_lowercase().contains(words), "`{words}` is in it: {story}");
    }
}

#[tokio::test]
async fn it_is_told_with_flagsmith_unless_another_service_is_named() {
    let story = told(&[]).await;
    let there = [
        "and a small Flagsmith (http://127.0.0.1:",
        "`checkout_v2` 🟢 on `blue` ⚪ off `blue` ⚪ off `blue`",
        "in Flagsmith the flag links back to the issue",
        "2. In Flagsmith, Tobias switches the flag on in production",
        "is now 🟢 on `blue` in `production` (was ⚪ off `blue`)",
        "/flag on checkout_v2 --env staging --reason QA looks at it tomorrow",
        "in Flagsmith the flag is now on in staging",
        "off → on in `staging`, value `blue`, by `mara` (reason: `QA looks at it tomorrow`)",
        "Flagsmith then sent its webhook about it",
        "`flagsmith` has no flag `darkmode`. Did you mean `dark_mode`?",
        "switching flags here needs the role Developer",
        "Label and back-link are gone",
    ];
    assert_words(&story, &there, &["unleash"]);
}

#[tokio::test]
async fn with_unleash_flags_have_no_values() {
    let story = told(&["--provider", "unleash"]).await;
    let there = [
        "and a small Unleash (http://127.0.0.1:",
        "`checkout_v2` 🟢 on ⚪ off ⚪ off",
        "in Unleash the flag links back to the issue",
        "2. In Unleash, Tobias switches the flag on in production",
        "is now 🟢 on in `production` (was ⚪ off)",
        "in Unleash the flag is now on in staging",
        "off → on in `staging`, by `mara` (reason: `QA looks at it tomorrow`)",
        "Unleash then sent its webhook about it",
        "`unleash` has no flag `darkmode`. Did you mean `dark_mode`?",
        "Label and back-link are gone",
    ];
    assert_words(&story, &there, &["flagsmith", "`blue`"]);
}

#[tokio::test]
async fn with_the_flags_of_gitlab_there_is_no_second_server_and_no_back_link() {
    let story = told(&["--provider", "gitlab"]).await;
    let there = [
        "with feature flags of its own",
        "`checkout_v2` ⚪ off ⚪ off ⚪ off",
        "2. Under Operate → Feature flags, Tobias switches the flag on",
        "is now 🟢 on in `production` (was ⚪ off)",
        "in GitLab the flag is now on in staging",
        "off → on in `staging`, by `mara` (reason: `QA looks at it tomorrow`)",
        "`gitlab` has no flag `darkmode`. Did you mean `dark_mode`?",
        "The label is gone",
    ];
    let missing = ["flagsmith", "unleash", "`blue`", "back-link", "links back", "sent its webhook"];
    assert_words(&story, &there, &missing);
}

#[tokio::test]
async fn a_service_that_is_not_known_is_a_2_and_the_known_ones_are_named() {
    let house = House::new(&least(""));
    let unknown = house.run(&["demo", "--provider", "launchdarkly"]).await;
    assert_eq!((unknown.code, unknown.out.as_str()), (2, ""), "{unknown:?}");
    let help = house.run(&["demo", "--help"]).await;
    assert_eq!(help.code, 0, "{help:?}");
    for name in ["flagsmith", "unleash", "gitlab"] {
        assert!(unknown.err.contains(name), "{unknown:?}");
        assert!(help.out.contains(&format!("- {name}:")), "{help:?}");
    }
    assert!(help.out.contains("[default: flagsmith]"), "{help:?}");
}

#[tokio::test]
async fn what_cannot_be_told_is_a_1_that_says_why() {
    let house = House::new(&least(""));
    let mut command = house.command(&["demo"]);
    command.env("TMPDIR", house.path("not there"));
    let said = finished(command).await;
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("the demo's folder cannot be used"), "{said:?}");
    assert!(!said.out.contains("as told"), "{said:?}");
}
