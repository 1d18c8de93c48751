//! Arguments, exit codes, and the subcommands that need neither daemon nor store.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/cli.rs"]
mod support;

use support::{House, finished, least};

fn with_secrets(configuration: &str) -> House {
    let house = House::new(configuration);
    house.write("gitlab-token", "glpat-1234567890\n");
    house.write("webhook-secret", "0123456789abcdef0123\n");
    house.write("flagsmith-key", "a-key-of-flagsmith\n");
    house
}

#[tokio::test]
async fn wrong_arguments_are_a_2_and_help_is_a_0() {
    let house = House::new(&least(""));
    for arguments in
        [&["lnks"][..], &["links"], &["links", "lst"], &["--log", "verbose", "links", "list"], &[]]
    {
        let said = house.run(arguments).await;
        assert_eq!(said.code, 2, "{arguments:?}: {said:?}");
        assert_eq!(said.out, "");
    }
    for arguments in [&["--help"][..], &["run", "--help"], &["--version"], &["links", "list", "--help"]] {
        let said = house.run(arguments).await;
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{arguments:?}");
    }
}

#[tokio::test]
async fn every_command_looks_for_the_configuration_in_the_same_places() {
    let house = House::new("");
    std::fs::remove_file(house.path("flaglink.toml")).unwrap();
    for arguments in [["config", "check"], ["links", "list"], ["queue", "list"]] {
        let said = house.run(&arguments).await;
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains("flaglink.toml") && said.err.contains("--config"), "{said:?}");
    }
    let said = house.run(&["run"]).await;
    assert_eq!(said.code, 2, "{said:?}");
    let said = house.run(&["--config", "missing.toml", "config", "check"]).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("missing.toml"), "{said:?}");
}

#[tokio::test]
async fn a_good_configuration_is_called_good() {
    let house = with_secrets(&least(""));
    let said = house.run(&["config", "check"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("✔ flaglink.toml is good"), "{said:?}");
    assert!(said.out.contains("gitlab.example.com") && said.out.contains("flagsmith"), "{said:?}");
    assert!(!said.out.contains('\u{1b}'), "no colours into a pipe: {said:?}");
    let json = house.run(&["config", "check", "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((&told["good"], &told["error"]), (&true.into(), &serde_json::Value::Null));
}

#[tokio::test]
async fn a_mistake_is_shown_with_its_line_and_no_secret() {
    let house = with_secrets(&least("adminn = \"127.0.0.1:9180\""));
    let said = house.run(&["config", "check"]).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.starts_with("✘ ") && said.err.contains("flaglink.toml"), "{said:?}");
    assert!(
        said.err.contains(":2") && said.err.contains("`admin`"),
        "the line and the nearest key: {said:?}"
    );
    assert_eq!(said.out, "");
    let json = house.run(&["config", "check", "--json"]).await;
    assert_eq!(json.code, 2);
    let told: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(told["good"], false);
    assert!(told["error"].as_str().unwrap().contains("adminn"), "{told}");

    // The provider's own table is checked as well, by the provider.
    let house = with_secrets(&least("").replace("project = 12", "project = \"twelve\""));
    let said = house.run(&["config", "check"]).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("project") && !said.err.contains("glpat"), "{said:?}");

    let house = with_secrets(&least("").replace("kind = \"flagsmith\"", "kind = \"flagsmit\""));
    let said = house.run(&["config", "check"]).await;
    assert!(said.code == 2 && said.err.contains("flagsmith"), "{said:?}");
}

#[tokio::test]
async fn the_reference_knows_every_table() {
    let said = House::new("").run(&["config", "reference"]).await;
    assert_eq!(said.code, 0, "{said:?}");
    for word in ["# Configuration", "[listen]", "[store]", "[gitlab]", "kind = \"flagsmith\"", "[[projects]]"]
    {
        assert!(said.out.contains(word), "{word} is missing");
    }
}

#[tokio::test]
async fn completions_know_the_commands() {
    let house = House::new("");
    for shell in ["bash", "zsh", "fish"] {
        let said = house.run(&["completions", shell]).await;
        assert_eq!(said.code, 0, "{said:?}");
        assert!(said.out.contains("flaglink") && said.out.contains("queue"), "{shell}");
    }
    assert_eq!(house.run(&["completions", "cmd"]).await.code, 2);
}

#[tokio::test]
async fn a_filter_in_the_environment_is_checked_too() {
    let house = House::new(&least(""));
    let mut command = house.command(&["links", "list"]);
    command.env("FLAGLINK_LOG", "flaglink=loudly");
    let said = finished(command).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("FLAGLINK_LOG"), "{said:?}");
}

/// `run` would refuse it, so it is not good.
#[tokio::test]
async fn a_certificate_file_without_a_certificate_is_no_good_configuration() {
    let with_ca = least("").replace("[gitlab]", "[gitlab]\nca_file = \"ca.pem\"");
    let house = with_secrets(&with_ca);
    house.write("ca.pem", "not a certificate\n");
    let said = house.run(&["config", "check"]).await;
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.err.contains("ca.pem holds no certificate"), "{said:?}");
}

#[tokio::test]
async fn a_reload_that_finds_nobody_says_where_flaglink_may_be() {
    let said = with_secrets(&least("")).run(&["reload"]).await;
    assert_eq!(said.code, 1, "{said:?}");
    for words in ["not running", "its socket is elsewhere", "`path` in [store]"] {
        assert!(said.err.contains(words), "{words}: {said:?}");
    }
}
