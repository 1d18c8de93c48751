//! What a command means, and what is said of one that means nothing.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops where it goes wrong")]

#[path = "support/hostile.rs"]
mod hostile;

use flaglink::command::{
    Command, Found, MAX_KEYS, MAX_LENGTH, Misread, Permission, SwitchTo, read, read_back, spec,
};
use flaglink::domain::command_line;
use proptest::collection::vec;
use proptest::prelude::*;

#[track_caller]
fn one(line: &str) -> Found {
    let mut found = read(line, None);
    assert_eq!(found.len(), 1, "{line:?} is {found:?}");
    found.remove(0)
}

#[track_caller]
fn understood(line: &str) -> Command {
    one(line).parsed.unwrap_or_else(|misread| panic!("{line:?} is {misread:?}"))
}

#[track_caller]
fn misread(line: &str) -> Misread {
    let found = one(line);
    assert_eq!(found.permission(), Permission::Read);
    found.parsed.err().unwrap_or_else(|| panic!("{line:?} was understood"))
}

fn strings(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

fn link(keys: &[&str]) -> Command {
    Command::Link { keys: strings(keys) }
}

#[test]
fn every_command_is_understood() {
    assert_eq!(understood("/flag link a B"), link(&["a", "B"]));
    assert_eq!(understood("/flag unlink a"), Command::Unlink { keys: strings(&["a"]), all: false });
    assert_eq!(understood("/flag unlink --all"), Command::Unlink { keys: vec![], all: true });
    assert_eq!(understood("/flag status"), Command::Status { keys: vec![] });
    assert_eq!(understood("/flag status a"), Command::Status { keys: strings(&["a"]) });
    assert_eq!(understood("/flag list"), Command::List);
    assert_eq!(understood("/flag search new page"), Command::Search { text: "new page".to_owned() });
    assert_eq!(understood("/flag help"), Command::Help { topic: None });
    assert_eq!(understood("/flag help LINK"), Command::Help { topic: Some("link") });
    assert_eq!(understood("/flag"), Command::Help { topic: None });
}

#[test]
fn who_may_is_in_the_table() {
    assert_eq!(one("/flag link a").permission(), Permission::Link);
    assert_eq!(one("/flag unlink a").permission(), Permission::Link);
    assert_eq!(one("/flag list").permission(), Permission::Read);
    assert_eq!(one("/flag link").permission(), Permission::Read);
}

#[test]
fn words_of_the_grammar_ignore_case_and_keys_keep_theirs() {
    let found = one("/FLAG LiNK MyFlag");
    assert_eq!(found.parsed, Ok(link(&["MyFlag"])));
    assert_eq!(found.text, "/flag link MyFlag");
    assert_eq!(one("/flag UNLINK --ALL").text, "/flag unlink --all");
}

#[test]
fn keys_may_be_written_as_people_write_them() {
    for line in [
        "/flag link a b",
        "/flag link a, b",
        "/flag link a,b",
        "/flag link a ,b,",
        "/flag link   a\tb  ",
        "/flag link `a` `b`",
        "/flag link `a`, `b`",
        "/flag link \"a\" 'b'",
        "/flag link “a” „b“",
        "/flag link a\u{a0}b",
        "/flag link a b a",
    ] {
        let found = one(line);
        assert_eq!(found.parsed, Ok(link(&["a", "b"])), "{line}");
        assert_eq!(found.text, "/flag link a b", "{line}");
    }
    assert_eq!(understood("/flag link \"new checkout\""), link(&["new checkout"]));
    assert_eq!(one("/flag link 'new checkout'").text, "/flag link \"new checkout\"");
    assert_eq!(understood("/flag link it's flagsmith:a"), link(&["it's", "flagsmith:a"]));
    assert_eq!(understood(r#"/flag link "a\"b\\c" d\e"#), link(&[r#"a"b\c"#, r"d\e"]));
    assert_eq!(understood("/flag link \"--all\" A a"), link(&["--all", "A", "a"]));
}

#[test]
fn a_long_dash_is_two_short_ones() {
    for line in [
        "/flag unlink --all",
        "/flag unlink —all",
        "/flag unlink –all",
        "/flag unlink ––ALL",
        "/flag unlink --all —all",
    ] {
        assert_eq!(one(line).text, "/flag unlink --all", "{line}");
    }
}

#[test]
fn a_search_takes_the_line_as_it_is() {
    let text = |line: &str| match understood(line) {
        Command::Search { text } => text,
        other => panic!("{other:?}"),
    };
    assert_eq!(text("/flag search it's"), "it's");
    assert_eq!(text("/flag search the  \"new page"), "the \"new page");
    assert_eq!(text("/flag search \"new page\""), "new page");
    assert_eq!(text("/flag search 'Tis the season"), "'Tis the season");
    assert_eq!(text("/flag search --all"), "--all");
    assert_eq!(text("/flag SEARCH Payment, please"), "Payment, please");
}

#[test]
fn a_slip_of_the_hand_gets_the_nearest_command() {
    let unknown = |word: &str, nearest| Misread::Unknown { word: word.to_owned(), nearest };
    for (word, nearest) in [
        ("lnik", Some("link")),
        ("Lnik", Some("link")),
        ("linkk", Some("link")),
        ("unlnk", Some("unlink")),
        ("serach", Some("search")),
        ("stats", Some("status")),
        ("halp", Some("help")),
        ("lst", Some("list")),
        ("cleanup", Some("cleanup-issue")),
        ("banana", None),
        ("x", None),
        ("is", None),
    ] {
        assert_eq!(misread(&format!("/flag {word} a")), unknown(word, nearest));
    }
    assert_eq!(misread("/flag help lnik"), unknown("lnik", Some("link")));
    let long = "x".repeat(5_000);
    let Misread::Unknown { word, nearest: None } = misread(&format!("/flag {long}")) else { panic!() };
    assert_eq!(word.chars().count(), 101);
    let longer = format!("/flag {}", long.repeat(20));
    assert!(matches!(misread(&longer), Misread::Malformed { spec: None, .. }));
    assert!(one(&longer).text.len() < 200, "it is known by a digest");
}

#[test]
fn a_flag_is_made_or_archived_one_at_a_time() {
    let key = "checkout_v3".to_owned();
    assert_eq!(one("/flag Create  `checkout_v3`").parsed, Ok(Command::Create { key: key.clone() }));
    assert_eq!(one("/flag archive checkout_v3,").parsed, Ok(Command::Archive { key }));
    assert_eq!(one("/flag create flagsmith:a").text, "/flag create flagsmith:a");
    assert_eq!(one("/flag create a").permission(), Permission::Create);
    assert_eq!(one("/flag archive a").permission(), Permission::Archive);
    assert_eq!(one("/flag cleanup-issue a").permission(), Permission::CleanupIssue);
    for name in ["create", "archive", "cleanup-issue"] {
        assert!(matches!(misread(&format!("/flag {name}")), Misread::Missing { what: "a flag key", .. }));
        assert!(matches!(misread(&format!("/flag {name} a b")), Misread::Malformed { spec: Some(_), .. }));
        assert!(matches!(misread(&format!("/flag {name} a --env x")), Misread::Unexpected { .. }));
    }
}

fn switch(line: &str) -> (String, String, SwitchTo, Option<String>) {
    match one(line).parsed.unwrap_or_else(|misread| panic!("{line}: {misread:?}")) {
        Command::Switch { key, environment, to, reason } => (key, environment, to, reason),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_switch_is_written_in_many_ways_and_is_one() {
    let plain = one("/flag on checkout_v2 --env staging");
    assert_eq!(plain.permission(), Permission::Toggle);
    assert_eq!(plain.text, "/flag on checkout_v2 --env staging");
    for line in [
        "/flag ON checkout_v2 --env=staging",
        "/flag on --env staging checkout_v2",
        "/flag on checkout_v2, —env staging",
        "/flag on `checkout_v2` –ENV \"staging\"",
    ] {
        assert_eq!(one(line), plain, "{line}");
    }
    let (key, environment, to, reason) =
        switch("/flag set a \"dark, blue\" --env 'pre prod' --reason it's --env time");
    assert_eq!((key.as_str(), environment.as_str()), ("a", "pre prod"));
    assert_eq!(to, SwitchTo::Set("dark, blue".to_owned()));
    assert_eq!(reason.as_deref(), Some("it's --env time"), "it takes the rest of the line");
    assert_eq!(switch("/flag set a \"\" --env x").2, SwitchTo::Set(String::new()));
    assert_eq!(switch("/flag set a \"-5\" --env x").2, SwitchTo::Set("-5".to_owned()));
    assert_eq!(switch("/flag set a 25% --env x").2, SwitchTo::Set("25%".to_owned()));
    assert_eq!(switch("/flag off a --env x --reason \"quoted\"").3.as_deref(), Some("quoted"));
}

#[test]
fn what_a_switch_lacks_is_named() {
    let missing = |line: &str| match misread(line) {
        Misread::Missing { what, .. } => what,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(missing("/flag on --env staging"), "a flag key");
    assert!(missing("/flag on a").starts_with("an environment"));
    assert!(missing("/flag on a --env").starts_with("an environment"));
    assert!(missing("/flag on a --reason why --env x").contains("before --reason"));
    assert_eq!(missing("/flag set a --env x"), "a value");
    assert_eq!(missing("/flag on a --env x --reason"), "a reason behind --reason");
    for line in [
        "/flag on a b --env x",
        "/flag on a --env x --env y",
        "/flag on a --env x,y",
        "/flag set a dark blue --env x",
        "/flag set a -5 --env x",
        "/flag on \"a --env x",
    ] {
        assert!(
            matches!(misread(line), Misread::Malformed { spec: Some(_), .. }),
            "{line}: {:?}",
            misread(line)
        );
    }
    let long = format!("/flag on a --env x --reason {}", "y".repeat(201));
    assert!(matches!(misread(&long), Misread::Malformed { .. }));
    assert!(matches!(misread("/flag on a --env x --force"), Misread::Unexpected { .. }));
}

proptest! {
    #[test]
    fn a_switch_reads_back_as_itself(
        key in "[a-z0-9_.:-]{1,12}|[ -~ü“‘]{1,12}",
        environment in "[ -~ü—]{1,12}",
        value in "[ -~ü—“]{0,12}",
        reason in proptest::option::of("[ -~ü—“]{1,20}"),
    ) {
        let quote = flaglink::command::quoted;
        let mut line = format!("/flag set {} {} --env {}", quote(&key), quote(&value), quote(&environment));
        if let Some(reason) = &reason {
            line.push_str(" --reason ");
            line.push_str(reason);
        }
        if let [found] = read(&line, None).as_slice() {
            prop_assert_eq!(read_back(&found.text), Some(found.clone()), "{}", line);
        }
    }
}

#[test]
fn what_is_missing_or_too_much_is_named() {
    let of = |name: &str| spec(name).unwrap();
    assert!(matches!(misread("/flag link"), Misread::Missing { spec, .. } if spec == of("link")));
    assert!(matches!(misread("/flag link , ,"), Misread::Missing { .. }));
    assert!(matches!(misread("/flag unlink"), Misread::Missing { spec, .. } if spec == of("unlink")));
    assert!(matches!(misread("/flag search"), Misread::Missing { spec, .. } if spec == of("search")));
    assert!(matches!(misread("/flag search \"\""), Misread::Missing { .. }));
    let unexpected = |name: &str, word: &str| Misread::Unexpected { spec: of(name), word: word.to_owned() };
    assert_eq!(misread("/flag list all"), unexpected("list", "all"));
    assert_eq!(misread("/flag link a --ALL"), unexpected("link", "--all"));
    assert_eq!(misread("/flag link a —force"), unexpected("link", "--force"));
    assert_eq!(misread("/flag status -v"), unexpected("status", "-v"));
    assert_eq!(misread("/flag link a — please"), unexpected("link", "—"));
    assert_eq!(misread("/flag help link list"), unexpected("help", "list"));
}

#[test]
fn what_cannot_be_read_is_malformed() {
    let many = |n: usize| (0..n).map(|n| format!(" k{n}")).collect::<String>();
    assert!(
        matches!(understood(&format!("/flag link{}", many(MAX_KEYS))), Command::Link { keys } if keys.len() == MAX_KEYS)
    );
    let long = "ä".repeat(MAX_LENGTH);
    assert_eq!(understood(&format!("/flag link {long}")), link(&[&long]));
    for line in [
        "/flag link \"a".to_owned(),
        "/flag link `a".to_owned(),
        "/flag link \"\"".to_owned(),
        "/flag unlink a --all".to_owned(),
        format!("/flag link{}", many(MAX_KEYS + 1)),
        format!("/flag link {long}ä"),
        format!("/flag search {long}ä"),
    ] {
        let Misread::Malformed { spec: Some(_), why } = misread(&line) else { panic!("{line}") };
        assert!(why.ends_with('.'), "{why}");
    }
}

#[test]
fn two_long_lines_that_differ_at_the_end_are_two() {
    let line = |end: &str| one(&format!("/flag link {}{end}", "k ".repeat(500) + "\"")).text;
    assert_eq!(line("a"), line("a"));
    assert_ne!(line("a"), line("b"));
}

#[test]
fn a_mistake_stays_the_mistake_that_it_was() {
    let key = |n: usize| format!("key_number_{n:03}");
    let keys: Vec<String> = (0..MAX_KEYS + 1).map(key).collect();
    for line in [
        // The mistake stands far behind what would be understood by itself.
        format!("/flag link {}", keys.join(" ")),
        format!("/flag link a {} \"open", "b".repeat(200)),
        format!("/flag list {}", "word ".repeat(300)),
        format!("/flag link {}\"", "a ".repeat(20_000)),
        "/flag list\n".repeat(60),
        "/flag list\n\n".to_owned() + &"- a\n".repeat(500_000),
    ] {
        let all = read(&line, None);
        assert!(!all.is_empty());
        for found in all {
            assert_eq!(read_back(&found.text), Some(found));
        }
    }
    assert_eq!(read_back("hello"), None);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Written in its normal form, a command is still the same command.
    #[test]
    fn the_normal_form_is_stable(argument in hostile::outside(), name in "(LINK|unlink|status|search|help|list|lnik)?") {
        let line = format!("/flag {name} {}", argument.replace(['\n', '\r'], " "));
        for found in read(&line, None) {
            prop_assert_eq!(read_back(&found.text), Some(found.clone()));
            if found.parsed.is_ok() {
                prop_assert_eq!(read(&found.text, None), vec![found]);
            }
        }
    }

    /// Whatever the key is, a line that the bot suggests is read as just that command and that key.
    #[test]
    fn a_suggested_line_reads_back_as_its_key(
        key in "[^\\n\\r\\p{C}]{1,20}|[a-z]{1,9}[ ,\"'`:\\\\—-][a-z]{1,9}",
        provider in "(flagsmith:)?",
    ) {
        let key = format!("{provider}{}", key.trim());
        prop_assume!(!key.is_empty());
        let one = |command: Command| match command {
            Command::Create { key } | Command::Archive { key } | Command::CleanupIssue { key } => vec![key],
            Command::Link { keys } | Command::Unlink { keys, all: false } | Command::Status { keys } => keys,
            other => panic!("{other:?}"),
        };
        for command in ["link", "unlink", "status", "create", "archive", "cleanup-issue"] {
            let line = command_line(command, &key);
            let found: Vec<Found> = read(&line, None);
            prop_assert_eq!(found.len(), 1, "{}", &line);
            let parsed = found[0].parsed.clone();
            prop_assert!(parsed.is_ok(), "{}: {:?}", line, parsed);
            prop_assert_eq!(one(parsed.unwrap()), vec![key.clone()], "{}", line);
        }
    }

    /// Any key on one line can be named, in quotes if need be, and comes back as it is.
    #[test]
    fn every_key_can_be_named(keys in vec("[^\\n\\r\"\\\\]{1,20}", 1..5)) {
        let mut expected: Vec<String> = Vec::new();
        for key in keys.iter().map(|key| key.trim()).filter(|key| !key.is_empty()) {
            if !expected.iter().any(|known| known == key) {
                expected.push(key.to_owned());
            }
        }
        prop_assume!(expected.len() == keys.len());
        let words: Vec<String> = keys.iter().map(|key| format!("\"{key}\"")).collect();
        prop_assert_eq!(understood(&format!("/flag link {}", words.join(", "))), Command::Link { keys: expected });
    }
}
