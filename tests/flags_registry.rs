//! Providers as configured: from the file to something that can be asked.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

use flaglink::config::configuration_markdown;
use flaglink::flags::{Registry, Surroundings, Verdict, WebhookRequest, kinds};

#[expect(dead_code, reason = "other tests need more of it")]
#[path = "support/config_dir.rs"]
mod config_dir;
use config_dir::ConfigDir;

/// A configuration with these providers.
fn with(providers: &str) -> String {
    format!(
        r#"
[gitlab]
url = "https://gitlab.example.com"
token_file = "gitlab-token"
webhook_secret_file = "webhook-secret"

{providers}

[[projects]]
match = "**"
"#
    )
}

const FLAGSMITH: &str = r#"
[providers.flagsmith]
kind = "flagsmith"
url = "https://flags.example.com"
api_key_file = "key"
project = 12
"#;

fn dir() -> ConfigDir {
    let dir = ConfigDir::new();
    dir.write("key", "prefix.secret\n");
    dir
}

fn build(dir: &ConfigDir, providers: &str) -> Result<Registry, String> {
    let config = dir.good(&with(providers));
    Registry::build(&config.providers, &Surroundings::default())
        .map_err(|error| error.to_string().replace(&format!("{}/", dir.path().display()), ""))
}

fn refused(providers: &str) -> String {
    match build(&dir(), providers) {
        Ok(registry) => panic!("this was taken: {registry:?}"),
        Err(error) => error,
    }
}

#[test]
fn providers_are_there_by_name_in_the_order_of_the_file() {
    let dir = dir().set("OTHER_KEY", "a-users-token");
    let other = r#"
[providers.beta]
kind = "flagsmith"
url = "http://127.0.0.1:8000"
api_key_env = "OTHER_KEY"
project = 3
poll = "90s"
"#;
    let registry = build(&dir, &format!("{FLAGSMITH}{other}")).unwrap();
    let names: Vec<&str> = registry.iter().map(|provider| provider.name()).collect();
    assert_eq!(names, ["flagsmith", "beta"]);
    assert_eq!(registry.get("flagsmith").unwrap().poll_interval().as_secs(), 300);
    assert_eq!(registry.get("beta").unwrap().poll_interval().as_secs(), 90);
    assert_eq!(registry.get("beta").unwrap().service(), "Flagsmith");
    assert!(registry.get("Flagsmith").is_none() && registry.get("").is_none());
    assert_eq!((&registry).into_iter().count(), 2);
}

#[test]
fn every_line_of_a_webhook_secret_counts() {
    let dir = dir();
    dir.write("hook", "old\n\n  new \n");
    let registry = build(&dir, &format!("{FLAGSMITH}webhook_secret_file = \"hook\"\n")).unwrap();
    let provider = registry.get("flagsmith").unwrap();
    assert!(provider.abilities().webhooks);
    for (secret, verdict) in [("old", Verdict::Genuine), ("new", Verdict::Genuine), ("", Verdict::Forged)] {
        use hmac::{Hmac, KeyInit, Mac};
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(b"{}");
        let signature = hex::encode(mac.finalize().into_bytes());
        let headers = [("x-flagsmith-signature".to_owned(), signature)].into();
        assert_eq!(provider.verify_webhook(&WebhookRequest { headers: &headers, body: b"{}" }), verdict);
    }
}

#[test]
fn mistakes_name_the_line_and_what_to_do() {
    let with = |line: &str| format!("{FLAGSMITH}{line}\n");
    let gitlab = |line: &str| format!("\n[providers.own]\nkind = \"gitlab\"\n{line}\n");
    for (providers, words) in [
        (with("polls = \"5m\""), ["flaglink.toml:13", "`poll`"]),
        (with("poll = \"2s\""), ["flaglink.toml:13", "5s"]),
        (with("poll = 5"), ["flaglink.toml:13", "poll"]),
        (with("site_url = \"flags\""), ["flaglink.toml:13", "web address"]),
        (with("ca_file = \"nowhere.pem\""), ["flaglink.toml:13", "nowhere.pem"]),
        (with("ca_file = \"key\""), ["flaglink.toml:13", "PEM"]),
        (FLAGSMITH.replace("project = 12\n", ""), ["[providers.flagsmith]", "project"]),
        (FLAGSMITH.replace("12", "\"shop\""), ["flaglink.toml:12", "project"]),
        (FLAGSMITH.replace("api_key_file = \"key\"\n", ""), ["`api_key_file`", "`api_key_env`"]),
        (FLAGSMITH.replace("\"key\"", "\"no-key\""), ["flaglink.toml:11", "no-key"]),
        (FLAGSMITH.replace("https://flags.example.com", "flags"), ["flaglink.toml:10", "`url`"]),
        (FLAGSMITH.replace("\"flagsmith\"", "\"unleash\""), ["flaglink.toml:", "api_token_file"]),
        (FLAGSMITH.replace("\"flagsmith\"", "\"gitlab\""), ["flaglink.toml:10", "no key `url`"]),
        (gitlab("poll = \"2s\""), ["flaglink.toml:10", "5s"]),
        (gitlab("project = \" \""), ["flaglink.toml:10", "project"]),
        (gitlab("environments = [\"a\", \"A\"]"), ["flaglink.toml:10", "environments"]),
        (FLAGSMITH.replace("\"flagsmith\"", "\"flagsmit\""), ["flaglink.toml:9", "`flagsmith`"]),
    ] {
        let error = refused(&providers);
        assert!(words.iter().all(|word| error.contains(word)), "{error}\nshould name {words:?}");
        assert!(!error.contains("prefix.secret"));
    }
    let dir = dir();
    dir.write("key", "one.key\nanother.key\n");
    let error = build(&dir, FLAGSMITH).unwrap_err();
    assert!(error.contains("flaglink.toml:11") && error.contains("one key"), "{error}");
    assert!(!error.contains("another.key"));
}

#[test]
fn the_reference_documents_every_setting() {
    let kinds: Vec<_> = kinds().iter().map(|kind| (kind.kind, (kind.schema)())).collect();
    let page = configuration_markdown(&kinds);
    for (kind, schema) in &kinds {
        let settings = schema.as_value()["properties"].as_object().unwrap();
        assert!(settings.len() >= 3, "{kind}");
        for (name, setting) in settings {
            let description = setting["description"].as_str().unwrap_or_default();
            assert!(description.len() > 20, "{kind}: {name} says nothing about itself");
            assert!(page.contains(&format!("`{name}`")), "{kind}: {name} is not in the reference");
        }
    }
    assert!(page.contains("default `\"5m\"`"), "{page}");
}
