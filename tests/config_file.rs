//! The configuration file: what is read from it, from where, and what is said about its mistakes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flaglink::config::{self, Config, EXAMPLE, Role, Span, Values};
use proptest::prelude::*;
use schemars::JsonSchema;
use secrecy::ExposeSecret;
use serde::Deserialize;

#[path = "support/config_dir.rs"]
mod config_dir;
use config_dir::{ConfigDir, LEAST};

#[test]
fn the_least_configuration_gets_the_documented_defaults() {
    let dir = ConfigDir::new();
    let config = dir.good(LEAST);
    assert_eq!(config.listen.webhooks.to_string(), "127.0.0.1:8080");
    assert_eq!(config.listen.admin.to_string(), "127.0.0.1:9180");
    assert!(config.listen.public_url.is_none() && config.listen.admin_token.is_none());
    assert_eq!(config.store.path, Path::new("/var/lib/flaglink"));
    assert_eq!(config.gitlab.url.as_str(), "https://gitlab.example.com/");
    assert_eq!(config.gitlab.token.expose_secret(), "a-token-of-the-bot");
    assert_eq!(config.gitlab.webhook_secrets.len(), 1);
    assert!(config.gitlab.signing_tokens.is_empty() && !config.gitlab.require_signature);
    assert_eq!(config.gitlab.request_ceiling.duration(), Duration::from_secs(65));
    assert_eq!(config.gitlab.catch_up.duration(), Duration::from_secs(10 * 60));
    assert_eq!(config.providers.len(), 1);
    let rule = config.rules.for_project("shop/website").unwrap();
    assert_eq!((rule.read, rule.link), (Role::Reporter, Role::Developer));
    assert_eq!(rule.values, Values::Auto);
    assert_eq!(rule.label.as_deref(), Some("Feature flag"));
    assert_eq!(rule.providers, ["flagsmith"]);
    assert!(rule.panel && rule.token.is_none());
    assert!(rule.sees("flagsmith", "anything") && !rule.tells("flagsmith", "production"));
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn the_example_of_the_reference_is_a_good_configuration_with_every_key() {
    let dir = ConfigDir::new();
    for secret in ["admin-token", "flagsmith-key", "flagsmith-webhook", "shop-token"] {
        dir.write(secret, "0123456789abcdef0123456789abcdef");
    }
    dir.write("signing-token", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=");
    let config = dir.good(EXAMPLE);
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.listen.public_url.unwrap().as_str(), "https://flags.example.com/");
    assert_eq!(config.store.retired_providers, ["old_flags"]);
    assert_eq!(config.gitlab.signing_tokens.len(), 1);
    assert_eq!(config.gitlab.formerly.len(), 1);
    assert_eq!(config.rules.rules.len(), 2);
    assert_eq!(config.rules.for_project("shop/public/site").unwrap().values, Values::Hide);
    assert!(config.rules.for_project("shop/site").unwrap().token.is_some());
}

#[test]
fn mistakes_are_answered_with_the_line_the_key_and_the_nearest_known_one() {
    let dir = ConfigDir::new();
    let with = |more: &str| format!("{more}\n{LEAST}");
    let in_gitlab = |more: &str| LEAST.replace("[gitlab]", &format!("[gitlab]\n{more}"));
    let in_rule = |more: &str| format!("{LEAST}{more}\n");
    for (text, expected) in [
        (with("[lisen]\nport = 1"), "flaglink.toml:1: the file has no key `lisen`. Did you mean `listen`?"),
        (
            with("[listen]\n\nwebhook = \"x\""),
            "flaglink.toml:3: [listen] has no key `webhook`. Did you mean `webhooks`?",
        ),
        (
            in_gitlab("tokn_file = \"x\""),
            "flaglink.toml:3: [gitlab] has no key `tokn_file`. Did you mean `token_file`?",
        ),
        (
            in_rule("pannel = true"),
            "flaglink.toml:13: [[projects]] has no key `pannel`. Did you mean `panel`?",
        ),
        (
            in_rule("permissions = { raed = \"guest\" }"),
            "flaglink.toml:13: `permissions` of [[projects]] has no key `raed`. Did you mean `read`?",
        ),
        (
            in_rule("permissions.read = \"reporte\""),
            "flaglink.toml:13: `permissions.read` in [[projects]]: `reporte` is not known here. Did you mean `reporter`?",
        ),
        (
            in_rule("panel = \"yes\""),
            "flaglink.toml:13: `panel` in [[projects]]: this should be true or false, not a text",
        ),
        (
            in_rule("flags = \"*\""),
            "flaglink.toml:13: `flags` in [[projects]]: this should be a list, not a text",
        ),
        (
            in_rule("tell = [1]"),
            "flaglink.toml:13: `tell` in [[projects]]: this should be a text, not a whole number",
        ),
        (
            in_rule("permissions = 5"),
            "`permissions` in [[projects]]: this should be a table, not a whole number",
        ),
        (
            in_gitlab("request_ceiling = 65"),
            "`request_ceiling` in [gitlab]: this should be a length of time with its unit, such as \"65s\"",
        ),
        (in_gitlab("request_ceiling = \"0s\""), "this length of time should be more than nothing"),
        (
            LEAST.replace("url = \"https://gitlab", "ul = \"https://gitlab"),
            "[gitlab] has no key `ul`. Did you mean `url`?",
        ),
        (
            LEAST.replace("url = \"https://gitlab.example.com\"\n", ""),
            "flaglink.toml:2: [gitlab]: `url` is missing",
        ),
        (LEAST.replace("kind = ", "# kind = "), "flaglink.toml:7: [providers.flagsmith]: `kind` is missing"),
        (LEAST.replace("match = ", "# match = "), "flaglink.toml:11: [[projects]]: `match` is missing"),
        ("[gitlab\nurl = 1".to_owned(), "flaglink.toml:1: this is not TOML"),
        (with("listen = 5"), "[listen]: this should be a table, not a whole number"),
        (LEAST.replace("[[projects]]", "[projects]"), "`projects` is a list of rules"),
        (
            with("[listen]\nwebhooks = \"localhost\""),
            "flaglink.toml:2: `webhooks` in [listen]: this should be an IP address and a port",
        ),
        (with("[listen]\nadmin = \"127.0.0.1:8080\""), "this is the address of the webhook listener as well"),
        (with("[listen]\nadmin = \"0.0.0.0:9180\""), "it needs a token"),
        (with("[listen]\npublic_url = \"flags.example.com\""), "this should be the address of the service"),
        (with("[listen]\npublic_url = \"ftp://flags.example.com\""), "with http or https"),
        (with("[store]\npath = \"\""), "this names no directory"),
        (with("[store]\npath = \"store\"\nmarker_key_file = \"store/key\""), "is inside the store"),
        (
            LEAST.replace("gitlab.example.com", "bot:pw@gitlab.example.com"),
            "without a user name or password in it",
        ),
        (
            LEAST.replace("gitlab.example.com", "gitlab.example.com/?a=b"),
            "without anything from `?` or `#` on",
        ),
        (in_gitlab("formerly = [\"https://gitlab.example.com/\"]"), "is the present `url`"),
        (in_gitlab("ca_file = \"nowhere.pem\""), "`ca_file` in [gitlab]: there is no file nowhere.pem"),
        (in_gitlab("require_signature = true"), "signatures are checked with a signing token"),
        (in_gitlab("register_hooks = true"), "write `public_url` in [listen]"),
        (LEAST.replace("shop/**", "shop/web\"\nhooks = \"group"), "has to be like \"GROUP/**\""),
        (with("[limits]\nbacklog = 0"), "no webhook could come in"),
        (with("[limits]\ndrain = \"2h\""), "nobody waits for so long"),
        (with("[limits]\nreplies = 3"), "[limits] has no key `replies`"),
        (LEAST.replace("token_file", "# token_file"), "the bot needs an access token. Make one in GitLab"),
        (
            LEAST.replace("webhook_secret_file", "# webhook_secret_file"),
            "openssl rand -hex 32 > webhook-secret",
        ),
    ] {
        let error = dir.bad(&text);
        assert!(error.contains(expected), "\n  it said   {error}\n  expected  {expected}");
        assert!(error.starts_with("flaglink.toml:"), "no line: {error}");
    }
}

#[test]
fn webhooks_are_registered_where_there_is_an_address_and_no_secret_of_ones_made_by_hand() {
    let dir = ConfigDir::new();
    let public = "[listen]\npublic_url = \"https://flags.example.com\"\n";
    let no_secret = LEAST.replace("webhook_secret_file", "# webhook_secret_file");
    let registers = |text: String| dir.good(&text).gitlab.register_hooks;
    assert!(!registers(LEAST.to_owned()));
    assert!(!registers(format!("{public}{LEAST}")));
    assert!(registers(format!("{public}{no_secret}")));
    let both = LEAST.replace("webhook_secret_file", "register_hooks = true\nwebhook_secret_file");
    assert!(registers(format!("{public}{both}")));
    let neither = no_secret.replace("# webhook_secret_file", "register_hooks = false\n# webhook_secret_file");
    assert!(dir.bad(&format!("{public}{neither}")).contains("Or make them by hand"));
}

#[test]
fn what_later_versions_know_is_said_to_be_of_a_later_version() {
    let dir = ConfigDir::new();
    let error = dir.bad(&format!("[templates]\npanel = \"x\"\n{LEAST}"));
    assert!(error.contains("[templates] has no key `panel`"), "{error}");
    dir.good(&format!("{LEAST}adopt = true"));
    dir.good(&format!(
        "{LEAST}permissions = {{ toggle = \"maintainer\" }}\ntoggle_in = {{ staging = \"none\", production = \"owner\" }}"
    ));
}

#[test]
fn an_address_that_is_to_be_found_is_looked_for_as_the_tunnel_table_says() {
    let dir = ConfigDir::new();
    let plain = dir.good(LEAST);
    assert!(!plain.listen.public_auto && plain.listen.trusted_proxies.is_empty());
    let auto = dir.good(&format!("[listen]\npublic_url = \"auto\"\n{LEAST}"));
    assert!(auto.listen.public_auto && auto.listen.public_url.is_none() && auto.tunnel.embedded.is_none());
    assert!(auto.warnings.is_empty(), "{:?}", auto.warnings);
    assert_eq!(auto.tunnel.ngrok, ["127.0.0.1:4040".parse().unwrap()]);
    assert_eq!((auto.tunnel.cloudflared.len(), auto.tunnel.allow.len()), (6, 7));
    assert_eq!(
        (auto.tunnel.tailscale.as_slice(), auto.tunnel.check_every),
        (&["tailscale".to_owned()][..], Span::seconds(30))
    );
    let tables = "[listen]\npublic_url = \"auto\"\ntrusted_proxies = [\"127.0.0.1\", \"10.1.2.3/8\", \"fd00::/8\"]\n[tunnel]\n\
                  ngrok = [\"localhost:4041\", \"http://[::1]:4040/\"]\ncloudflared = []\ntailscale = [\"sudo\", \"tailscale\"]\n";
    let given = dir.good(&format!("{tables}{LEAST}"));
    assert_eq!(
        given.listen.trusted_proxies,
        ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap())
    );
    assert_eq!(given.tunnel.ngrok, ["127.0.0.1:4041", "[::1]:4040"].map(|text| text.parse().unwrap()));
    let idle = dir.good(&format!("[tunnel]\ncheck_every = \"1m\"\n{LEAST}"));
    assert!(
        idle.warnings.iter().any(|warning| warning.contains("[tunnel] changes nothing")),
        "{:?}",
        idle.warnings
    );

    for (table, line, expected) in [
        ("tunnel", "ngrok = [\"10.0.0.7:4040\"]", "is not on this machine"),
        ("tunnel", "cloudflared = [\"2000\"]", "a loopback address and a port"),
        ("tunnel", "allow = [\"*\"]", "`*` stands only at its beginning"),
        ("tunnel", "allow = [\"*.com\"]", "half of the world"),
        ("tunnel", "allow = []", "no address could ever be found"),
        ("tunnel", "check_every = \"1ms\"", "at least `100ms`"),
        ("tunnel", "tailscale = [\"\"]", "names no program"),
        ("tunnel", "agent = \"ngrok\"", "has no key `agent`"),
        ("tunnel", "ngrok_token = \"x\"", "secrets are never written"),
        ("listen", "trusted_proxies = [\"0.0.0.0/0\"]", "this is everybody"),
        ("listen", "trusted_proxies = [\"proxy.example\"]", "an IP address or a network"),
    ] {
        let error = dir.bad(&format!("[{table}]\n{line}\n{LEAST}"));
        assert!(error.contains(expected) && error.starts_with("flaglink.toml:2"), "{line}: {error}");
    }
    let keys = ["ngrok_token_file = \"t\"", "ngrok_token_env = \"T\"", "ngrok_domain = \"a.ngrok.app\""];
    for key in keys.into_iter().filter(|_| !cfg!(feature = "ngrok")) {
        let error = dir.bad(&format!("[tunnel]\n{key}\n{LEAST}"));
        assert!(error.contains("cargo build --release --features ngrok"), "{error}");
    }
}

#[test]
fn reminders_name_a_provider_and_a_project_that_has_a_rule() {
    let dir = ConfigDir::new();
    let table = "\n[[reminders]]\nprovider = \"flagsmith\"\nproject = \"shop/web\"\n";
    let good = dir.good(&format!(
        "{LEAST}{table}after = \"30 days\"\npermanent = [\"ops_*\"]\nenvironments = [\"Prod*\"]"
    ));
    let [reminder] = good.reminders.as_slice() else { panic!("{:?}", good.reminders) };
    assert_eq!((reminder.after.as_secs(), reminder.limit), (30 * 24 * 60 * 60, 5));
    assert!(reminder.counts("production") && !reminder.counts("staging"));
    assert!(reminder.keeps("ops_read_only") && !reminder.keeps("checkout"));
    assert!(reminder.keeps_tagged("Permanent"));
    for (text, said) in [
        (table.replace("flagsmith", "flagsmth"), "there is no such provider; there is `flagsmith`"),
        (table.replace("shop/web", "elsewhere/web"), "no [[projects]] rule matches it"),
        (table.replace("shop/web", "shop/*"), "the path of one project"),
        (format!("{table}limit = 0"), "1 or more"),
        (format!("{table}environments = []"), "names no environment"),
        (format!("{table}labels = [\"a,b\"]"), "cannot have a comma"),
        (format!("{table}{table}"), "a reminder for this provider and project already"),
        ("\n[reminders]\nafter = \"1d\"\n".to_owned(), "two brackets"),
    ] {
        let error = dir.bad(&format!("{LEAST}{text}"));
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn without_rules_or_providers_a_sample_is_shown() {
    let dir = ConfigDir::new();
    let (before, _) = LEAST.split_once("[[projects]]").unwrap();
    let error = dir.bad(before);
    assert!(error.contains("no rule for any project") && error.contains("match = \"shop/**\""), "{error}");
    let error = dir.bad(
        &LEAST
            .replace("[providers.flagsmith]\nkind = \"flagsmith\"\nurl = \"https://flags.example.com\"", ""),
    );
    assert!(error.contains("no flag service yet") && error.contains("[providers.flagsmith]"), "{error}");
}

#[test]
fn the_environment_goes_over_the_file() {
    let dir = ConfigDir::new()
        .set("FLAGLINK_LISTEN__WEBHOOKS", "127.0.0.1:0")
        .set("FLAGLINK_GITLAB__REQUEST_CEILING", "2m")
        .set("FLAGLINK_GITLAB__REQUIRE_SIGNATURE", "false")
        .set("FLAGLINK_GITLAB__FORMERLY", "https://git.example.com, https://old.example.com")
        .set("FLAGLINK_PROVIDERS__FLAG_SMITH__URL", "http://127.0.0.1:9")
        .set("FLAGLINK_PROVIDERS__OTHER__KIND", "flagsmith")
        .set("FLAGLINK_LOG", "debug")
        .set("SOMETHING__ELSE", "x");
    let config = dir.good(&LEAST.replace("[providers.flagsmith]", "[providers.Flag-Smith]"));
    assert_eq!(config.listen.webhooks.port(), 0);
    assert_eq!(config.gitlab.request_ceiling, Span::seconds(120));
    assert_eq!(config.gitlab.formerly.len(), 2);
    let names: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["Flag-Smith", "other"]);
    let settings: Settings = config.providers[0].read().unwrap();
    assert_eq!(settings.url, "http://127.0.0.1:9");
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    for (name, value, expected) in [
        (
            "FLAGLINK_GITLAB__URLL",
            "x",
            "environment variable FLAGLINK_GITLAB__URLL: [gitlab] has no key `urll`. Did you mean `url`?",
        ),
        ("FLAGLINK_GITLAB__REQUIRE_SIGNATURE", "maybe", "this should be true or false"),
        (
            "FLAGLINK_GITLAB__REQUEST_CEILING",
            "soon",
            "FLAGLINK_GITLAB__REQUEST_CEILING: `request_ceiling` in [gitlab]",
        ),
        ("FLAGLINK_PROJECTS__PANEL", "false", "`[[projects]]` is a list of tables, which cannot be set"),
        ("FLAGLINK_GITLAB____URL", "x", "between `__`"),
        ("FLAGLINK_GITLAB__URL__HOST", "x", "`url` is not a table"),
        ("FLAGLINK_LISTN__ADMIN", "x", "the file has no key `listn`. Did you mean `listen`?"),
        ("FLAGLINK_PROVIDERS__FLAGSMITH", "x", "should be a table"),
    ] {
        let error = ConfigDir::new().set(name, value).bad(LEAST);
        assert!(error.contains(expected), "\n  it said   {error}\n  expected  {expected}");
    }
}

/// What a provider might want.
#[derive(Debug, Deserialize, JsonSchema)]
struct Settings {
    url: String,
    #[serde(default)]
    project: Option<u32>,
    #[serde(default = "five_minutes")]
    poll: Span,
    #[serde(default)]
    api_key_file: Option<String>,
}

fn five_minutes() -> Span {
    Span::seconds(300)
}

#[test]
fn a_provider_reads_its_own_table_and_its_mistakes_have_lines() {
    let dir = ConfigDir::new();
    let with = |more: &str| LEAST.replace("kind = \"flagsmith\"", &format!("kind = \"flagsmith\"\n{more}"));
    let read = |more: &str| dir.good(&with(more)).providers[0].read::<Settings>();
    let settings = read("formerly = [\"smith\"]\nproject = 12\npoll = \"1h 30m\"").unwrap();
    assert_eq!((settings.project, settings.poll), (Some(12), Span::seconds(5400)));
    assert_eq!(read("").unwrap().poll, Span::seconds(300));
    assert!(read("").unwrap().api_key_file.is_none());
    for (more, expected) in [
        (
            "projet = 12",
            "flaglink.toml:9: [providers.flagsmith] has no key `projet`. Did you mean `project`?",
        ),
        (
            "project = -1",
            "flaglink.toml:9: `project` in [providers.flagsmith]: this should be a whole number of 0 or more",
        ),
        ("project = \"twelve\"", "this should be a whole number of 0 or more, not a text"),
        (
            "poll = \"5 bananas\"",
            "flaglink.toml:9: `poll` in [providers.flagsmith]: this should be a length of time",
        ),
        ("api_key = \"very-secret\"", "secrets are never written into the configuration itself"),
    ] {
        let error = read(more).unwrap_err().to_string();
        assert!(error.contains(expected), "\n  it said   {error}\n  expected  {expected}");
        assert!(!error.contains("very-secret"));
    }
    let table = &dir.good(&with("project = 7")).providers[0];
    assert!(
        table
            .error("project", "is not there")
            .to_string()
            .contains("flaglink.toml:9: `project` in [providers.flagsmith]: is not there")
    );
    assert!(table.error("poll", "is needed").to_string().contains("flaglink.toml:7: `poll` in"));
    let error = table.unknown_kind(&["flagsmth"], &["unleash"]).to_string();
    assert!(error.contains("flaglink.toml:8") && error.contains("Did you mean `flagsmth`?"), "{error}");
    assert!(table.unknown_kind(&[], &["flagsmith"]).to_string().contains("not in this version"));
}

#[test]
fn providers_come_in_the_order_of_the_file_and_their_names_are_distinct() {
    let dir = ConfigDir::new();
    let config = dir.good(&format!(
        "{LEAST}[providers.zebra]\nkind = \"x\"\n[providers.ant]\nkind = \"x\"\nformerly = [\"bee\"]\n"
    ));
    let names: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["flagsmith", "zebra", "ant"]);
    assert_eq!(config.providers[2].formerly, ["bee"]);
    assert_eq!(config.rules.for_project("shop/x").unwrap().providers, ["flagsmith", "zebra", "ant"]);
    for (more, expected) in [
        ("[providers.Flagsmith]\nkind = \"x\"", "too much alike"),
        ("[providers.\"a b\"]\nkind = \"x\"", "cannot be the name of a provider"),
        ("[providers.\"\"]\nkind = \"x\"", "cannot be the name of a provider"),
        ("[providers.a]\nkind = \"x\"\nformerly = [\"flagsmith\"]", "is the name of a provider now"),
        ("[providers.a]\nkind = \"x\"\nformerly = [\"c\", \"c\"]", "given twice"),
        (
            "[providers.a]\nkind = \"x\"\nformerly = [\"c\"]\n[providers.b]\nkind = \"x\"\nformerly = [\"c\"]",
            "given twice",
        ),
        ("[store]\nretired_providers = [\"flagsmith\"]", "is still configured"),
        (
            "[providers.a]\nkind = \"x\"\nformerly = [\"c\"]\n[store]\nretired_providers = [\"c\"]",
            "is still configured",
        ),
        ("[providers.flagsmith]\nkind = \"x\"", "this is not TOML"),
    ] {
        let error = dir.bad(&format!("{LEAST}{more}\n"));
        assert!(error.contains(expected), "\n  it said   {error}\n  expected  {expected}");
    }
}

#[test]
fn relative_paths_are_beside_the_file_and_the_socket_goes_with_the_store() {
    let dir = ConfigDir::new();
    let config = dir.good(&format!("[store]\npath = \"data\"\n{LEAST}"));
    assert_eq!(config.store.path, dir.path().join("data"));
    assert_eq!(config.listen.socket, dir.path().join("data/flaglink.sock"));
    let config = dir.good(&format!("[listen]\nsocket = \"s.sock\"\n[store]\npath = \"data\"\n{LEAST}"));
    assert_eq!(config.listen.socket, dir.path().join("s.sock"));
    let error = dir.bad(&format!("[store]\npath = \"{}\"\n{LEAST}", "d".repeat(120)));
    assert!(error.contains("107 bytes") && error.contains("set `socket`"), "{error}");
}

#[test]
fn what_travels_in_the_clear_is_warned_about_but_not_on_this_machine() {
    let dir = ConfigDir::new();
    let warned = |host: &str| dir.good(&LEAST.replace("https://gitlab.example.com", host)).warnings.len();
    assert_eq!(warned("http://gitlab.example.com"), 1);
    assert_eq!(warned("https://gitlab.example.com"), 0);
    assert_eq!(warned("http://127.0.0.1:3000"), 0);
    assert_eq!(warned("http://[::1]:3000"), 0);
    assert_eq!(warned("http://localhost:3000/gitlab"), 0);
}

#[test]
fn the_file_is_looked_for_in_order() {
    let dir = ConfigDir::new();
    let places = [dir.path().join("flaglink.toml"), dir.write("etc/flaglink.toml", LEAST)];
    assert_eq!(config::find(None, &places).unwrap(), places[1]);
    dir.write("flaglink.toml", LEAST);
    assert_eq!(config::find(None, &places).unwrap(), places[0]);
    // A file that was named is the file, there or not: loading it says what is wrong with it.
    let named = PathBuf::from("elsewhere.toml");
    assert_eq!(config::find(Some(&named), &places).unwrap(), named);
    assert!(
        Config::load(&named, &BTreeMap::new())
            .unwrap_err()
            .to_string()
            .contains("elsewhere.toml cannot be read")
    );
    let error = config::find(None, &[dir.path().join("nowhere.toml")]).unwrap_err().to_string();
    assert!(error.contains("nowhere.toml") && error.contains("--config"), "{error}");
    assert_eq!(config::DEFAULT_PLACES, ["flaglink.toml", "/etc/flaglink/flaglink.toml"]);
    assert!(Config::load(dir.path(), &BTreeMap::new()).unwrap_err().to_string().contains("directory"));
    std::fs::write(dir.file(), [0xff, 0xfe]).unwrap();
    assert!(Config::load(&dir.file(), &BTreeMap::new()).unwrap_err().to_string().contains("not UTF-8"));
}

#[test]
fn lengths_of_time_read_as_people_write_them() {
    for (text, seconds, shown) in [
        ("65s", 65, "65s"),
        ("5m", 300, "5m"),
        ("2 h", 7200, "2h"),
        ("1h 30m", 5400, "90m"),
        ("1 day", 86_400, "1d"),
        ("2 weeks", 1_209_600, "14d"),
    ] {
        let span: Span = text.parse().unwrap();
        assert_eq!(span.duration(), Duration::from_secs(seconds), "{text}");
        assert_eq!(span.to_string(), shown);
    }
    assert_eq!("1500ms".parse::<Span>().unwrap().to_string(), "1500ms");
    for text in
        ["", "5", "soon", "-5m", "0s", "5 months", "1 year", "401 days", "99999999999999999999s", "5m ago"]
    {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
}

proptest! {
    /// Nothing that can stand in a file makes the loader panic.
    #[test]
    fn no_text_makes_the_loader_panic(text in any::<String>()) {
        let _ = Config::parse(&text, Path::new("flaglink.toml"), &BTreeMap::new());
    }

    /// Nor does anything that looks like a configuration, with anything for values.
    #[test]
    fn no_value_makes_the_loader_panic(
        table in prop::sample::select(vec!["listen", "store", "gitlab", "providers", "providers.a", "[projects]", "x"]),
        key in prop::sample::select(vec![
            "webhooks", "public_url", "socket", "path", "url", "token_file", "token_env", "request_ceiling", "formerly",
            "kind", "match", "flags", "tell", "label", "permissions", "toggle_in", "retired_providers", "providers",
        ]),
        value in prop_oneof![
            "\\PC*".prop_map(|text| toml::Value::String(text).to_string()),
            any::<i64>().prop_map(|number| number.to_string()),
            "\\PC{0,9}".prop_map(|text| format!("[{}]", toml::Value::String(text))),
            "\\PC{0,9}".prop_map(|text| format!("{{ {} = {} }}", toml::Value::String(text.clone()), toml::Value::String(text))),
            Just("1979-05-27T07:32:00Z".to_owned()),
            Just("nan".to_owned()),
            Just("true".to_owned()),
        ],
    ) {
        let least = LEAST.replace("[[projects]]", &format!("[{table}]\n{key} = {value}\n[[projects]]"));
        let env = [("T", "a-token")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let text = least.replace("token_file = \"gitlab-token\"", "token_env = \"T\"")
            .replace("webhook_secret_file = \"webhook-secret\"", "webhook_secret_env = \"T\"");
        let _ = Config::parse(&text, Path::new("flaglink.toml"), &env);
        let _ = Config::parse(&format!("[{table}]\n{key} = {value}\n"), Path::new("flaglink.toml"), &env);
    }

    /// Nor do variables of the environment.
    #[test]
    fn no_variable_makes_the_loader_panic(
        name in "FLAGLINK_(GITLAB|STORE|LISTEN|PROVIDERS|PROJECTS|\\PC{0,3})(__[A-Z_]{0,9}){0,3}",
        value in any::<String>(),
    ) {
        let _ = Config::parse(LEAST, Path::new("flaglink.toml"), &[(name, value)].into());
    }
}
