//! Where a command counts: GitLab's own rules for quick actions, told as stories and held against an
//! independent reading of them.
#![expect(clippy::unwrap_used, reason = "a test stops where it goes wrong")]

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/quick_actions.rs"]
mod quick_actions;

use std::time::{Duration, Instant};

use flaglink::command::{MAX_COMMANDS, Misread, read};
use proptest::collection::vec;
use proptest::prelude::*;

fn texts(comment: &str) -> Vec<String> {
    read(comment, Some("flaglink")).into_iter().map(|found| found.text).collect()
}

#[track_caller]
fn finds(comment: &str, expected: &[&str]) {
    assert_eq!(texts(comment), expected, "in {comment:?}");
}

#[test]
fn a_line_of_its_own_is_a_command() {
    finds("/flag link a", &["/flag link a"]);
    finds(
        "Ready to try.\n\n/flag link a\n/flag status\n\nThank you!\n/flag list\nbye",
        &["/flag link a", "/flag status", "/flag list"],
    );
    finds("/flag link a\r\n/flag list\r\n", &["/flag link a", "/flag list"]);
    finds("/fl\rag list", &["/flag list"]);
    finds("/FLAG Link a", &["/flag link a"]);
    finds("/flag", &["/flag help"]);
    finds("/flag \t\nbye", &["/flag help"]);
    finds("/flag   list  ", &["/flag list"]);
    finds("**bold\n/flag list\nbold**", &["/flag list"]);
    finds("text with `code` in it\n/flag list", &["/flag list"]);
    finds("/flag link `a`\n/flag link `b`", &["/flag link a", "/flag link b"]);
    finds("[a]: https://x.example\n/flag list", &["/flag list"]);
    finds("Hard break  \n/flag list", &["/flag list"]);
}

#[test]
fn anything_else_is_text() {
    for text in [
        "",
        "no command",
        "see /flag list",
        " /flag list",
        "\t/flag list",
        "/flags",
        "/flaglink list",
        "/flag\tlist",
        "/ flag list",
        "//flag list",
        "flag list",
        "\\/flag list",
        "/close\n/label ~flag",
        "/feature list",
        "/unleash on x",
    ] {
        finds(text, &[]);
    }
}

#[test]
fn code_is_not_run() {
    finds("```\n/flag list\n```", &[]);
    finds("~~~sh\n/flag list\n~~~", &[]);
    finds("```\n/flag list", &[]);
    finds("text\n\n    /flag list", &[]);
    finds("`code\n/flag list\ncode`", &[]);
    finds("``a ` b\n/flag list\nc``", &[]);
    finds("it`s\n/flag list\nit`s", &[]);
    finds("```\n/flag list\n```\n/flag status", &["/flag status"]);
    finds("one ` alone\n/flag list", &["/flag list"]);
    finds("`code\n/flag list\ncode`\n/flag status", &["/flag status"]);
}

#[test]
fn quotes_lists_tables_headings_and_html_are_not_run() {
    finds("> /flag list", &[]);
    finds("> quoted\n/flag list", &[]);
    finds(">>>\n/flag list\n>>>", &[]);
    finds(">>>\n\n/flag list\n\n>>>\n\n/flag status", &["/flag status"]);
    finds("> [!note]\n> /flag list", &[]);
    finds("- /flag list", &[]);
    finds("- item\n/flag list", &[]);
    finds("1. item\n\n   /flag list", &[]);
    finds("- [ ] task\n/flag list", &[]);
    finds("| a | b |\n|---|---|\n/flag list", &[]);
    finds("# /flag list", &[]);
    finds("/flag list\n===", &[]);
    finds("/flag list\n---", &[]);
    finds("<div>\n/flag list\n</div>", &[]);
    finds("<details>\n<summary>x</summary>\n/flag list\n</details>", &[]);
    finds("<!--\n/flag list\n-->", &[]);
    finds("text <!--\n/flag list\n-->", &[]);
    finds("text\n<span>\n/flag list\n</span>\n/flag status", &["/flag status"]);
    finds("[^1]: note\n/flag list\n\nx[^1]", &[]);
    finds("---\n/flag list\n---\n", &[]);
    finds("+++\na = 1\n\n/flag list\n+++\n\n/flag status", &["/flag status"]);
}

#[test]
fn after_a_quote_comes_a_command() {
    finds("> what is it set to?\n\n/flag status a", &["/flag status a"]);
    finds(">>>\nwhat is it set to?\n>>>\n/flag status a", &["/flag status a"]);
}

#[test]
fn naming_the_bot_is_the_same_as_the_slash() {
    finds("@flaglink flag link a\n@FlagLink  FLAG list", &["/flag link a", "/flag list"]);
    finds("@flaglink flag", &["/flag help"]);
    finds("@flaglink please link a", &[]);
    finds("@flaglinker flag list", &[]);
    finds("@flaglinkflag list", &[]);
    finds("thanks @flaglink flag list", &[]);
    finds("> @flaglink flag list", &[]);
    assert_eq!(read("@flaglink flag list", None), []);
    assert_eq!(read("@ flag list", Some("")), []);
}

#[test]
fn what_is_too_much_is_said_once() {
    let comment = "/flag list\n".repeat(MAX_COMMANDS + 30);
    let found = read(&comment, None);
    assert_eq!(found.len(), MAX_COMMANDS + 1);
    assert!(found[..MAX_COMMANDS].iter().all(|found| found.parsed.is_ok()));
    assert!(matches!(found[MAX_COMMANDS].parsed, Err(Misread::Malformed { spec: None, .. })));
    assert_eq!(read(&"/flag list\n".repeat(MAX_COMMANDS), None).len(), MAX_COMMANDS);
}

/// Long comments that are made to be dear. The time is that of a build without optimisation on a busy
/// machine: what would be wrong is minutes, which all that grows with the square of the length needs here.
#[test]
fn a_huge_hostile_comment_is_read_in_no_time() {
    const LENGTH: usize = 200_000;
    for piece in [
        "/flag list\n",
        ">",
        "> ",
        "- ",
        "[",
        "![",
        "](",
        "*a ",
        "_",
        "`",
        "` ",
        "`a\n",
        "<!--",
        "<a ",
        "<a>\n",
        "<a\n",
        "a <!-- \n",
        "\\`",
        "$",
        "~",
        "a@",
        "a|",
        "|\n",
        "[a]: b\n\n",
        "[^a]",
        "[[",
        "- a\n",
        " - a\n",
        "1. ",
        ">>>\n",
        "```\n",
        "&",
        "\n",
        "\r",
        "/flag link ",
        "/flag \"",
        "@flaglink flag list\n\n",
        "http://",
        "www.",
        "/flag link a,",
        "((",
        "*_",
        "\u{202e}",
    ] {
        for comment in [
            format!("/flag list\n\n{}", piece.repeat(LENGTH / piece.len())),
            format!("{}\n\n/flag list", piece.repeat(LENGTH / piece.len())),
            format!("/flag list\n{}", piece.repeat(LENGTH / piece.len())),
        ] {
            let start = Instant::now();
            let found = read(&comment, Some("flaglink"));
            let took = start.elapsed();
            assert!(found.len() <= MAX_COMMANDS + 1);
            assert!(found.iter().all(|found| found.text.len() < 20_000));
            assert!(took < Duration::from_secs(20), "{piece:?} took {took:?}");
        }
    }
}

#[test]
fn a_text_that_is_too_dear_is_said_to_be() {
    // Longer than GitLab takes, and each character means something.
    let comment = format!("/flag list\n\n{}", "- a\n".repeat(500_000));
    let found = read(&comment, None);
    assert!(
        matches!(found.as_slice(), [one] if matches!(one.parsed, Err(Misread::Malformed { spec: None, .. }))),
        "{found:?}"
    );
    assert_eq!(read(&comment[..1_000_000], None)[0].text, "/flag list");
}

#[test]
fn a_comment_without_a_command_never_reaches_the_parser() {
    // Dear to any parser of Markdown, and long; reading lines is all that happens.
    let comment = "[a](<b>*_`".repeat(100_000);
    let start = Instant::now();
    assert_eq!(read(&comment, Some("flaglink")), []);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

/// Lines that begin, end or are something in a comment.
const LINES: &[&str] = &[
    "",
    "",
    "text",
    "/flag list",
    "/flag link a",
    "/FLAG status `b`",
    "/flag",
    "/flag\t",
    " /flag list",
    "/flagx",
    "/close",
    "> quote",
    ">>>",
    "```",
    "~~~",
    "- item",
    "  more",
    "    indented",
    "1. one",
    "| a | b |",
    "|---|---|",
    "---",
    "===",
    "# heading",
    "<div>",
    "</div>",
    "<span>",
    "</span>",
    "<!-- comment -->",
    "`a`",
    "`a",
    "a`",
    "``",
    "[a]: /b",
    "[^1]: note",
    "[a](/b \"",
    "\")",
    "<!--",
    "-->",
    "$$",
    "+++",
    ": term",
    "text\\",
    "text  ",
    "> [!note]",
    "*a",
    "b*",
    "\\`",
];

fn comment() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => vec(proptest::sample::select(LINES), 0..14).prop_map(|lines| lines.join("\n")),
        1 => vec(prop_oneof![
            proptest::sample::select(hostile::FRAGMENTS),
            proptest::sample::select(&["\n/flag list\n", "\n\n/flag link a\n\n", "/flag "][..])
        ], 0..12).prop_map(|parts| parts.concat()),
    ]
}

/// What the independent reading finds, each in the form in which flaglink knows it.
fn independent(comment: &str) -> Vec<String> {
    quick_actions::quick_actions(comment, "flag")
        .into_iter()
        .map(|(_, argument)| {
            let alone = read(format!("/flag {argument}").trim(), None);
            alone.into_iter().next().unwrap().text
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever flaglink takes for a command, GitLab would have taken for a quick action.
    #[test]
    fn nothing_is_a_command_that_gitlab_would_not_run(comment in comment()) {
        // At the very start, front matter could be; the stories tell of it.
        let comment = format!("text\n\n{comment}");
        let gitlab = independent(&comment);
        let mut rest = gitlab.iter();
        for found in read(&comment, None) {
            prop_assert!(rest.any(|text| *text == found.text), "{:?} is not in {:?} of {:?}", found.text, gitlab, comment);
        }
    }

    /// And the other way round, where no backtick or HTML comment is, about which flaglink is stricter.
    #[test]
    fn everything_is_a_command_that_gitlab_would_run(comment in comment()) {
        let comment = format!("text\n\n{}", comment.replace(['`', '\u{feff}'], "").replace("<!--", ""));
        let found: Vec<String> = read(&comment, None).into_iter().map(|found| found.text).collect();
        prop_assert_eq!(found, independent(&comment), "{:?}", comment);
    }

    /// Line ends as browsers, mails and API clients send them make no difference.
    #[test]
    fn line_ends_make_no_difference(comment in comment()) {
        let plain = comment.replace('\r', "");
        prop_assert_eq!(read(&plain.replace('\n', "\r\n"), Some("flaglink")), read(&plain, Some("flaglink")));
    }

    #[test]
    fn what_is_fenced_quoted_or_listed_is_never_a_command(comment in comment()) {
        let inside = comment.replace('\r', "").replace("~~~~", "").replace(">>>>", "");
        let with = |prefix: &str| inside.split('\n').map(|line| format!("{prefix}{line}\n")).collect::<String>();
        for wrapped in [format!("~~~~~~\n{}\n~~~~~~", inside), with("> "), with("    "), format!("- x\n{}", with("  "))] {
            prop_assert_eq!(read(&wrapped, Some("flaglink")), vec![], "{:?}", wrapped);
        }
    }

    #[test]
    fn any_text_at_all_is_read(text in any::<String>(), argument in hostile::outside(), bot in proptest::option::of("[a-z]{0,8}")) {
        read(&text, bot.as_deref());
        for found in read(&format!("/flag {argument}\n\n{text}\n\n/flag link {argument}"), bot.as_deref()) {
            prop_assert!(found.text.starts_with("/flag"));
        }
    }
}
