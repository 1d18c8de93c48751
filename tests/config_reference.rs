//! `docs/configuration.md` is made from the tables themselves.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::collections::BTreeMap;

use flaglink::config::{Config, EXAMPLE, Span, configuration_markdown};
use flaglink::flags;
use schemars::{JsonSchema, schema_for};
use serde::Serialize;

#[path = "support/generated_page.rs"]
mod generated_page;

/// A service for the test.
#[derive(Serialize, JsonSchema)]
struct Kind {
    /// The address.
    #[schemars(extend("format" = "uri"))]
    url: String,
    /// How often it is asked.
    #[serde(default = "five_minutes")]
    poll: Span,
    /// Which one it is.
    project: Option<u64>,
}

fn five_minutes() -> Span {
    Span::seconds(300)
}

#[test]
fn the_page_names_every_key_with_its_kind_default_and_variable() {
    let page = configuration_markdown(&[("test", schema_for!(Kind))]);
    for expected in [
        "**`webhooks`** · text · default `\"127.0.0.1:8080\"` · `FLAGLINK_LISTEN__WEBHOOKS`",
        "**`public_url`** · URL · no default · `FLAGLINK_LISTEN__PUBLIC_URL`",
        "**`marker_key_file`** · path · default `\"marker-key\"` · `FLAGLINK_STORE__MARKER_KEY_FILE`",
        "**`retired_providers`** · list of texts · default `[]` · `FLAGLINK_STORE__RETIRED_PROVIDERS`",
        "**`url`** · URL · required · `FLAGLINK_GITLAB__URL`",
        "**`request_ceiling`** · length of time · default `\"65s\"` · `FLAGLINK_GITLAB__REQUEST_CEILING`",
        "**`catch_up`** · length of time · default `\"10m\"` · `FLAGLINK_GITLAB__CATCH_UP`",
        "**`require_signature`** · `true` or `false` · default `false` · `FLAGLINK_GITLAB__REQUIRE_SIGNATURE`",
        "**`formerly`** · list of URLs · default `[]` · `FLAGLINK_GITLAB__FORMERLY`",
        "**`kind`** · text · required · `FLAGLINK_PROVIDERS__NAME__KIND`",
        "### `kind = \"test\"`",
        "**`poll`** · length of time · default `\"5m\"` · `FLAGLINK_PROVIDERS__NAME__POLL`",
        "**`project`** · whole number · no default · `FLAGLINK_PROVIDERS__NAME__PROJECT`",
        "**`match`** · text · required\n",
        "**`values`** · `\"show\"`, `\"hide\"`, `\"auto\"` · default `\"auto\"`\n",
        "**`permissions.read`** · `\"guest\"`, `\"planner\"`, `\"reporter\"`, `\"developer\"`, `\"maintainer\"`, `\"owner\"`, \
         `\"none\"` · default `\"reporter\"`\n",
        "**`permissions.toggle`** · `\"guest\"`, `\"planner\"`, `\"reporter\"`, `\"developer\"`, `\"maintainer\"`, `\"owner\"`, \
         `\"none\"` · default `\"none\"`\n",
        "**`toggle_in`** · table of `\"guest\"`, ",
        "**`label`** · text · default `\"Feature flag\"`\n",
        "**`flags`** · list of texts · default `[\"*\"]`\n",
    ] {
        assert!(page.contains(expected), "no\n{expected}\nin\n{page}");
    }
    // Every key says something about itself.
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("**`") && !line.starts_with("**`permissions`**") {
            lines.next();
            let about = lines.peek().unwrap();
            assert!(about.len() > 10 && !about.starts_with("**`"), "nothing about {line}");
        }
    }
    assert!(page.ends_with(&format!("```toml\n{EXAMPLE}```\n")));
}

#[test]
fn the_page_of_the_configuration_is_up_to_date() {
    let kinds: Vec<_> = flags::kinds().iter().map(|kind| (kind.kind, (kind.schema)())).collect();
    assert!(!kinds.is_empty());
    // Who reads `flaglink config reference` has no use for this.
    let note = "<!-- Made from the source by its tests: to change it, change the doc comments in `src/config/file.rs` or \
                those of the\nprovider, then run `UPDATE_DOCS=1 cargo test --test config_reference`. -->";
    let page = configuration_markdown(&kinds).replacen("\n\n", &format!("\n\n{note}\n\n"), 1);
    generated_page::check("docs/configuration.md", &page);
}

#[test]
fn the_example_gives_its_providers_what_they_ask_for() {
    let dir = tempfile::tempdir().unwrap();
    for line in EXAMPLE.lines().filter(|line| !line.starts_with('#')) {
        if let Some((key, rest)) = line.split_once('=')
            && key.trim().ends_with("_file")
        {
            let name = rest.split('"').nth(1).unwrap();
            let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
            std::fs::write(dir.path().join(name), secret).unwrap();
        }
    }
    let file = dir.path().join("flaglink.toml");
    let config = Config::parse(EXAMPLE, &file, &BTreeMap::new()).unwrap();
    let registry = flags::Registry::build(&config.providers, &flags::Surroundings::default()).unwrap();
    assert_eq!(registry.iter().count(), config.providers.len());
}
