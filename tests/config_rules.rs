//! Rules: which projects, which flags, which environments.

#![expect(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the report")]

use flaglink::config::{ProjectRule, Role, Rules, fits};
use flaglink::domain::Visibility;
use proptest::prelude::*;
use secrecy::ExposeSecret;

#[path = "support/config_dir.rs"]
mod config_dir;
use config_dir::{ConfigDir, LEAST};

/// A configuration with two providers and these rules.
fn with_rules(rules: &str) -> String {
    let (before, _) = LEAST.split_once("[[projects]]").unwrap();
    format!("{before}[providers.unleash]\nkind = \"unleash\"\n{rules}")
}

fn rules(text: &str) -> Rules {
    ConfigDir::new().good(&with_rules(text)).rules
}

/// The pattern of the rule that holds for a project.
fn holds(rules: &Rules, path: &str) -> Option<String> {
    rules.for_project(path).map(|rule| rule.pattern.clone())
}

#[test]
fn who_may_switch_is_said_by_the_most_exact_line() {
    let rule = |lines: &str| rules(&format!("[[projects]]\nmatch = \"a/**\"\n{lines}\n")).rules.remove(0);
    let nobody = rule("");
    assert_eq!((nobody.may_toggle("flagsmith", "staging"), nobody.toggles()), (Role::None, Role::None));
    let all = rule("permissions = { toggle = \"maintainer\" }");
    assert_eq!((all.may_toggle("unleash", "x"), all.toggles()), (Role::Maintainer, Role::Maintainer));
    let some = rule(
        "permissions = { toggle = \"developer\" }\ntoggle_in = { \"*\" = \"maintainer\", \"unleash:*\" = \"owner\", \
         Production = \"none\", \"unleash:production\" = \"reporter\" }",
    );
    assert_eq!(some.may_toggle("flagsmith", "staging"), Role::Maintainer);
    assert_eq!(some.may_toggle("unleash", "staging"), Role::Owner);
    assert_eq!(some.may_toggle("flagsmith", "PRODUCTION"), Role::None);
    assert_eq!(some.may_toggle("unleash", "production"), Role::Reporter);
    assert_eq!(some.toggles(), Role::Reporter);
}

#[test]
fn a_part_of_a_name_counts_by_how_much_of_it_is_named() {
    let rules = rules(
        "[[projects]]\nmatch = \"a/**\"\npermissions = { toggle = \"owner\" }\ntoggle_in = { \"*\" = \"none\", \
         \"review/*\" = \"reporter\", \"unleash:review/*\" = \"developer\", \"review/main*\" = \"maintainer\", \
         \"review/main\" = \"guest\", \"*-eu\" = \"planner\", \"us-*\" = \"owner\", \"eu-*\" = \"guest\" }\n",
    );
    let rule = rules.for_project("a/x").unwrap();
    for (provider, environment, least) in [
        ("flagsmith", "production", Role::None),
        ("flagsmith", "Review/a", Role::Reporter),
        ("unleash", "review/a", Role::Developer),
        ("unleash", "review/main-2", Role::Maintainer),
        ("unleash", "review/MAIN", Role::Guest),
        ("flagsmith", "us-eu", Role::Owner),
        ("flagsmith", "eu-eu", Role::Planner),
        ("flagsmith", "review/main*", Role::Maintainer),
        ("flagsmith", "review/*", Role::Maintainer),
        ("flagsmith", "eu-*", Role::Planner),
        ("flagsmith", "*", Role::None),
    ] {
        assert_eq!(rule.may_toggle(provider, environment), least, "{provider}:{environment}");
    }
    assert_eq!(rule.toggles(), Role::Guest);
}

#[test]
fn who_may_switch_nowhere_is_not_asked_to() {
    let rules = rules(
        "[[projects]]\nmatch = \"a/**\"\npermissions = { toggle = \"developer\" }\ntoggle_in = { \"*\" = \"none\" }\n\
         [[projects]]\nmatch = \"b/**\"\npermissions = { toggle = \"developer\" }\ntoggle_in = { \"unleash:*\" = \"none\" }\n",
    );
    assert_eq!(rules.for_project("a/x").unwrap().toggles(), Role::None);
    assert_eq!(rules.for_project("b/x").unwrap().toggles(), Role::Developer);
}

#[test]
fn a_rule_that_names_no_environment_covers_production_too() {
    let rules = rules("[[projects]]\nmatch = \"a/**\"\npermissions = { toggle = \"developer\" }\n");
    assert_eq!(rules.for_project("a/x").unwrap().may_toggle("flagsmith", "production"), Role::Developer);
}

#[test]
fn who_changes_many_environments_at_once_may_change_each_of_them() {
    let rules = rules(
        "[[projects]]\nmatch = \"a/**\"\npermissions = { toggle = \"developer\" }\n\
         toggle_in = { Production = \"owner\", \"review/a/b\" = \"maintainer\", \"unleash:staging\" = \"none\" }\n",
    );
    let rule = rules.for_project("a/x").unwrap();
    for (scope, least) in [
        ("*", Role::Owner),
        ("prod*", Role::Owner),
        ("PROD*tion", Role::Owner),
        ("*t*n", Role::Owner),
        ("production*", Role::Owner),
        ("prod*x", Role::Developer),
        ("production*production", Role::Developer),
        ("review/*", Role::Maintainer),
        ("review/*/*", Role::Maintainer),
        ("stag*", Role::Developer),
    ] {
        assert_eq!(rule.may_toggle("flagsmith", scope), least, "{scope}");
    }
    assert_eq!(rule.may_toggle("unleash", "stag*"), Role::None);
    assert_eq!(rule.may_toggle("unleash", "*"), Role::None);
}

#[test]
fn the_first_rule_that_matches_holds_and_none_is_silence() {
    let rules = rules(
        "[[projects]]\nmatch = \"shop/website\"\n[[projects]]\nmatch = \"shop/*\"\n[[projects]]\nmatch = \"shop/**\"\n",
    );
    for (path, expected) in [
        ("shop/website", Some("shop/website")),
        ("Shop/WebSite", Some("shop/website")),
        ("shop/api", Some("shop/*")),
        ("shop/mobile/ios", Some("shop/**")),
        ("shop/mobile/apps/ios", Some("shop/**")),
        ("shop", None),
        ("shopping/api", None),
        ("my/shop/api", None),
        ("", None),
    ] {
        assert_eq!(holds(&rules, path).as_deref(), expected, "{path}");
    }
}

#[test]
fn patterns_of_projects_mean_what_the_reference_says() {
    for (pattern, yes, no) in [
        ("**", &["a/b", "a/b/c"][..], &[][..]),
        ("**/website", &["a/website", "a/b/website"], &["a/website-old", "website/a"]),
        ("shop/web-*", &["shop/web-a", "shop/web-"], &["shop/web-a/b", "shop/api"]),
        ("{shop,bank}/**", &["shop/a", "bank/a/b"], &["farm/a"]),
        ("shop/a?", &["shop/ab"], &["shop/a", "shop/a/"]),
        ("gruppe/ueber.uns_2", &["gruppe/ueber.uns_2", "Gruppe/UEBER.uns_2"], &["gruppe/ueberxuns_2"]),
    ] {
        let rules = rules(&format!("[[projects]]\nmatch = \"{pattern}\"\n"));
        for path in yes {
            assert!(holds(&rules, path).is_some(), "{pattern} should match {path}");
        }
        for path in no {
            assert!(holds(&rules, path).is_none(), "{pattern} should not match {path}");
        }
    }
}

#[test]
fn a_project_sees_the_flags_of_its_rule_alone() {
    let rules = rules(
        "[[projects]]\nmatch = \"shop/**\"\nproviders = [\"unleash\"]\n\
         [[projects]]\nmatch = \"bank/**\"\nflags = [\"shared_*\", \"flagsmith:bank/*\", \"unleash:x:y\", \"team:*\"]\n\
         [[projects]]\nmatch = \"farm/**\"\nflags = []\n",
    );
    let shop = rules.for_project("shop/a").unwrap();
    assert_eq!(shop.providers, ["unleash"]);
    assert!(shop.sees("unleash", "anything") && !shop.sees("flagsmith", "anything"));
    let bank = rules.for_project("bank/a").unwrap();
    for (provider, key, sees) in [
        ("flagsmith", "shared_a", true),
        ("unleash", "shared_a", true),
        ("nobody", "shared_a", false),
        ("flagsmith", "bank/a/b", true),
        ("unleash", "bank/a/b", false),
        ("unleash", "x:y", true),
        ("unleash", "team:a", true),
        ("flagsmith", "SHARED_a", false),
        ("flagsmith", "other", false),
    ] {
        assert_eq!(bank.sees(provider, key), sees, "{provider}:{key}");
    }
    assert!(!rules.for_project("farm/a").unwrap().sees("flagsmith", "x"));
}

#[test]
fn only_the_environments_that_are_told_are_told() {
    let rules = rules(
        "[[projects]]\nmatch = \"a/**\"\ntell = [\"Production\", \"unleash:staging\"]\n\
         [[projects]]\nmatch = \"b/**\"\ntell = [\"*\"]\n[[projects]]\nmatch = \"c/**\"\ntell = [\"unleash:*\"]\n\
         [[projects]]\nmatch = \"d/**\"\ntell = [\"Review/*\", \"unleash:*-EU\"]\n",
    );
    let [a, b, c, d] = ["a/x", "b/x", "c/x", "d/x"].map(|path| rules.for_project(path).unwrap());
    assert!(a.tells("flagsmith", "production") && a.tells("unleash", "PRODUCTION"));
    assert!(a.tells("unleash", "staging") && !a.tells("flagsmith", "staging"));
    assert!(!a.tells("flagsmith", "production-eu"));
    assert!(b.tells("flagsmith", "anything"));
    assert!(c.tells("unleash", "anything") && !c.tells("flagsmith", "anything"));
    for (provider, environment, told) in [
        ("flagsmith", "review/a/b", true),
        ("flagsmith", "REVIEW/", true),
        ("flagsmith", "review/*", true),
        ("flagsmith", "review", false),
        ("flagsmith", "preview/a", false),
        ("flagsmith", "prod-eu", false),
        ("unleash", "prod-eu", true),
        ("unleash", "prod-eu-2", false),
    ] {
        assert_eq!(d.tells(provider, environment), told, "{provider}:{environment}");
    }
}

#[test]
fn what_is_told_is_gathered_for_a_minute_unless_the_rule_says_otherwise() {
    let rules = rules(
        "[[projects]]\nmatch = \"a/**\"\n\
         [[projects]]\nmatch = \"b/**\"\ntell_after = \"0s\"\ntell_closed = true\ntell_drafts = false\n\
         [[projects]]\nmatch = \"c/**\"\ntell_after = \"1h\"\n",
    );
    let [a, b, c] = ["a/x", "b/x", "c/x"].map(|path| rules.for_project(path).unwrap());
    assert_eq!([a.tell_after, b.tell_after, c.tell_after].map(|time| time.as_secs()), [60, 0, 3600]);
    assert_eq!((a.tell_closed, a.tell_drafts), (false, true));
    assert_eq!((b.tell_closed, b.tell_drafts), (true, false));
}

#[test]
fn values_are_hidden_on_public_projects_unless_the_rule_says_otherwise() {
    let rules = rules(
        "[[projects]]\nmatch = \"a/**\"\n[[projects]]\nmatch = \"b/**\"\nvalues = \"show\"\n\
         [[projects]]\nmatch = \"c/**\"\nvalues = \"hide\"\n",
    );
    let shown = |path: &str| {
        [Visibility::Private, Visibility::Internal, Visibility::Public]
            .map(|visibility| rules.for_project(path).unwrap().shows_values(visibility))
    };
    assert_eq!(shown("a/x"), [true, true, false]);
    assert_eq!(shown("b/x"), [true; 3]);
    assert_eq!(shown("c/x"), [false; 3]);
}

#[test]
fn a_rule_may_have_its_own_token_label_and_roles() {
    let dir = ConfigDir::new();
    dir.write("shop-token", "\n  shop-secret  \nolder\n");
    let config = dir.good(&with_rules(
        "[[projects]]\nmatch = \"a/**\"\ntoken_file = \"shop-token\"\nlabel = \" Flag: on \"\npanel = false\n\
         permissions = { read = \"guest\", link = \"none\" }\n[[projects]]\nmatch = \"b/**\"\nlabel = \"\"\n",
    ));
    let rule = config.rules.for_project("a/x").unwrap();
    assert_eq!(rule.token.as_ref().unwrap().expose_secret(), "shop-secret");
    assert_eq!(rule.label.as_deref(), Some("Flag: on"));
    assert_eq!((rule.read, rule.link, rule.panel), (Role::Guest, Role::None, false));
    assert_eq!(config.rules.for_project("b/x").unwrap().label, None);
    let shown = format!("{config:?}");
    for secret in ["shop-secret", "a-secret-of-the-webhook", "a-token-of-the-bot"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn rules_that_cannot_be_meant_so_are_refused() {
    let dir = ConfigDir::new();
    let long = "x".repeat(256);
    let long_label = format!("match = \"a/**\"\nlabel = \"{long}\"");
    for (rule, expected) in [
        ("match = \"\"", "not empty"),
        ("match = \"shop\"", "write \"shop/**\""),
        ("match = \"*\"", "for all projects \"**\""),
        ("match = \"/shop/a\"", "without `/` at its ends"),
        ("match = \"shop/\"", "without `/` at its ends"),
        ("match = \"https://gitlab.example.com/shop/a\"", "without the address of GitLab"),
        ("match = \"shop/[a\"", "a pattern for paths of projects"),
        (
            "match = \"a/**\"\nproviders = [\"flagsmit\"]",
            "there is no provider `flagsmit`. Did you mean `flagsmith`?",
        ),
        ("match = \"a/**\"\nproviders = [\"xyz\"]", "The providers are `flagsmith`, `unleash`."),
        ("match = \"a/**\"\nproviders = []", "names no provider"),
        ("match = \"a/**\"\nproviders = [\"unleash\", \"unleash\"]", "named twice"),
        ("match = \"a/**\"\nflags = [\"flagsmit:x\"]", "Did you mean \"flagsmith:\" in front?"),
        (
            "match = \"a/**\"\nproviders = [\"unleash\"]\nflags = [\"flagsmith:x\"]",
            "not among the `providers` of this rule",
        ),
        ("match = \"a/**\"\nflags = [\"\"]", "a pattern for keys"),
        ("match = \"a/**\"\nflags = [\"[\"]", "is not a pattern for keys"),
        (
            "match = \"a/**\"\ntoggle_in = { Production = \"none\", production = \"developer\" }",
            "`toggle_in` in [[projects]]: \"production\" is named twice: upper and lower case are the same",
        ),
        (
            "match = \"a/**\"\ntoggle_in = { \"unleash:A*\" = \"none\", \"unleash:a*\" = \"none\" }",
            "is named twice",
        ),
        ("match = \"a/**\"\ntoggle_in = { \"\" = \"none\" }", "the name of an environment"),
        ("match = \"a/**\"\ntell = [\"unleash:\"]", "the name of an environment"),
        (
            "match = \"a/**\"\ntell_after = \"61m\"",
            "`tell_after` in [[projects]]: changes are told within an hour",
        ),
        ("match = \"a/**\"\ntell_after = \"-1s\"", "more than nothing"),
        ("match = \"a/**\"\ntell_after = \"soon\"", "a length of time with its unit"),
        ("match = \"a/**\"\nlabel = \"a, b\"", "cannot have a comma"),
        (&long_label, "at most 255 characters"),
        ("match = \"a/**\"\nlabel = \"a\\nb\"", "one line of text"),
        ("match = \"a/**\"\nvalues = \"hidden\"", "`hidden` is not known here. Did you mean `hide`?"),
        ("match = \"a/**\"\ntoken_file = \"nowhere\"", "there is no file nowhere"),
        ("match = \"a/**\"\n[[projects]]\nmatch = \"A/**\"", "has a rule already"),
    ] {
        let error = dir.bad(&with_rules(&format!("[[projects]]\n{rule}\n")));
        assert!(error.contains(expected), "\n  it said   {error}\n  expected  {expected}");
    }
}

#[test]
fn a_rule_that_one_above_it_covers_is_told() {
    let dir = ConfigDir::new();
    for (above, below, is_covered) in [
        ("**", "shop/**", true),
        ("shop/**", "Shop/web", true),
        ("shop/**", "shop/api/*", true),
        ("shop/*", "shop/web", true),
        ("shop/web", "shop/**", false),
        ("shop/*", "shop/**", false),
        ("shop/*", "shop/api/web", false),
        ("shop/**", "shopping/web", false),
        ("shop/**", "*/web", false),
        ("läden/**", "lä/web", false),
    ] {
        let config = dir.good(&with_rules(&format!(
            "[[projects]]\nmatch = \"{above}\"\n[[projects]]\nmatch = \"{below}\"\n"
        )));
        let told = format!("the rule for \"{below}\" never holds, because \"{above}\" above it");
        let is_told = config.warnings.iter().any(|warning| warning.contains(&told));
        assert_eq!(is_told, is_covered, "{above} {below}: {:?}", config.warnings);
    }
}

/// Nothing of a rule without a webhook comes at once, unless webhooks made by hand are taken, or a group's tells of it.
#[test]
fn a_rule_of_which_no_webhook_can_come_is_told() {
    let dir = ConfigDir::new();
    let silent = "[[projects]]\nmatch = \"shop/api\"\nhooks = \"none\"\n";
    let is_told = |rules: &str, by_hand: bool| {
        let secret = "webhook_secret_file = \"webhook-secret\"\n";
        let register = if by_hand { format!("{secret}register_hooks = true\n") } else { String::new() };
        let text = with_rules(rules).replace(secret, &register);
        let text = format!("[listen]\npublic_url = \"https://flags.example.com\"\n{text}");
        let warnings = dir.good(&text).warnings;
        let told = warnings.iter().find(|warning| warning.contains("say `hooks = \"none\"`"));
        assert!(
            told.is_none_or(|told| told.contains("\"shop/api\"") && !told.contains("shop/web")),
            "{told:?}"
        );
        told.is_some()
    };
    let web = "[[projects]]\nmatch = \"shop/web\"\n";
    let group = "[[projects]]\nmatch = \"shop/**\"\nhooks = \"group\"\n";
    assert!(is_told(&format!("{silent}{web}"), false));
    assert!(!is_told(&format!("{silent}{web}"), true));
    assert!(!is_told(&format!("{silent}{group}"), false));
    assert!(!is_told(web, false));
}

#[test]
fn roles_have_gitlabs_levels_and_words() {
    let roles = [
        Role::Guest,
        Role::Planner,
        Role::Reporter,
        Role::Developer,
        Role::Maintainer,
        Role::Owner,
        Role::None,
    ];
    assert_eq!(roles.map(|role| role.level().unwrap_or(u32::MAX)), [10, 15, 20, 30, 40, 50, u32::MAX]);
    assert_eq!(Role::Developer.words(), "Developer");
    assert!(roles.is_sorted());
}

/// A pattern read letter by letter.
fn slowly(pattern: &[char], name: &[char]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some(('*', rest)) => (0..=name.len()).any(|from| slowly(rest, &name[from..])),
        Some((first, rest)) => name.first() == Some(first) && slowly(rest, &name[1..]),
    }
}

fn letters(text: &str) -> Vec<char> {
    text.chars().collect()
}

fn toggles(entries: &std::collections::BTreeMap<String, u8>) -> std::sync::Arc<ProjectRule> {
    let roles = ["reporter", "developer", "maintainer", "owner", "none"];
    let lines = entries.iter().map(|(name, role)| format!("\"{name}\" = \"{}\"", roles[usize::from(*role)]));
    let lines: Vec<String> = lines.collect();
    let table = format!("toggle_in = {{ {} }}", lines.join(", "));
    rules(&format!("[[projects]]\nmatch = \"a/**\"\npermissions = {{ toggle = \"developer\" }}\n{table}\n"))
        .rules
        .remove(0)
}

proptest! {
    #[test]
    fn a_pattern_fits_as_if_read_letter_by_letter(pattern in "[ab*/]{0,8}", name in "[ab/]{0,10}") {
        prop_assert_eq!(fits(&pattern, &name), slowly(&letters(&pattern), &letters(&name)));
    }

    /// Whoever may switch a scope may switch each environment that it stands for.
    #[test]
    fn nobody_gets_by_a_scope_what_they_may_not_do_by_name(
        entries in proptest::collection::btree_map("[ab*]{1,4}", 0u8..5, 0..5),
        scope in "[ab*]{1,4}",
        name in "[ab]{1,5}",
    ) {
        let rule = toggles(&entries);
        if fits(&scope, &name) {
            prop_assert!(rule.may_toggle("flagsmith", &scope) >= rule.may_toggle("flagsmith", &name));
        }
    }

    /// A group's `/**` matches exactly what is below the group, whatever the names.
    #[test]
    fn below_a_group_is_below_a_group(
        group in "[a-z0-9_][a-z0-9_.-]{0,8}(/[a-z0-9_]{1,5}){0,2}",
        other in "[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}(/[A-Za-z0-9_]{1,5}){0,3}",
    ) {
        let config = ConfigDir::new().load(&with_rules(&format!("[[projects]]\nmatch = \"{group}/**\"\n"))).unwrap();
        let below = other.to_lowercase().starts_with(&format!("{group}/"));
        prop_assert_eq!(config.rules.for_project(&other).is_some(), below);
        let inside = format!("{group}/{other}");
        prop_assert!(config.rules.for_project(&inside).is_some());
    }
}
