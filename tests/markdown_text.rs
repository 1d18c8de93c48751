//! Outside text in comments: nothing of it ever means anything, and all of it can be read.
#![expect(clippy::unwrap_used, reason = "a test stops where it goes wrong")]

#[path = "support/hostile.rs"]
mod hostile;
#[path = "support/quick_actions.rs"]
mod quick_actions;
#[path = "support/rendered.rs"]
mod rendered;

use flaglink::markdown::{GITLAB_TEXT_LIMIT, Markdown, REPLY_LIMIT, visible};
use proptest::prelude::*;
use rendered::render;
use url::Url;

fn text_of(markdown: Markdown) -> String {
    markdown.finish().as_str().to_owned()
}

fn code(outside: &str) -> String {
    text_of(Markdown::code(outside, 100))
}

#[test]
fn a_key_stands_in_backticks() {
    assert_eq!(code("checkout_v2"), "`checkout_v2`");
    assert_eq!(code("www.example.com"), "`www.example.com`");
    assert_eq!(code("--all"), "`--all`");
}

#[test]
fn everything_else_has_no_character_that_means_something() {
    assert_eq!(code("a|b"), "<code>a&#124;b</code>");
    assert_eq!(code("naïve 漢字"), "<code>naïve 漢字</code>");
    assert_eq!(code("x`y"), "<code>x&#96;y</code>");
    assert_eq!(code(""), "(empty)");
}

#[test]
fn what_shows_nothing_is_made_to_show() {
    let seen = |outside: &str| visible(outside, 100);
    assert_eq!(seen("a\nb"), "a⏎b");
    assert_eq!(seen("a\r\nb\rc"), "a⏎b⏎c");
    assert_eq!(seen("a\tb"), "a\\tb");
    assert_eq!(seen("a\u{202e}b\u{200b}\u{0}"), "a\\u{202e}b\\u{200b}\\u{0}");
    assert_eq!(seen("a\u{a0}b"), "a\\u{a0}b");
    assert_eq!(seen(" a   b "), "␣a ␣␣b␣");
    assert_eq!(seen("⚠️"), "⚠️");
}

#[test]
fn long_text_is_cut_between_what_is_seen() {
    assert_eq!(visible("abcdef", 6), "abcdef");
    assert_eq!(visible("abcdefg", 6), "abcde…");
    assert_eq!(visible("äöüäöüäöü", 6), "äöüäö…");
    // Not in the middle of `\u{202e}`.
    assert_eq!(visible("abc\u{202e}defghi", 8), "abc…");
    assert_eq!(visible("\u{202e}", 3), "…");
    assert_eq!(visible("abc", 0), "…");
    assert_eq!(visible("a", 0), "a");
    assert_eq!(code(&"x".repeat(1_000_000)).chars().count(), "<code></code>&#8230;".len() + 99);
}

#[test]
fn a_mail_address_is_no_link() {
    let rendered = render(&code("ask alice@example.com or bob@example.com"));
    assert_eq!(rendered.links, Vec::<String>::new());
    assert_eq!(rendered.codes, ["ask alice@example.com or bob@example.com"]);
}

#[test]
fn two_pieces_of_code_stay_two() {
    let mut both = Markdown::code("a", 10);
    both.push(Markdown::code("b", 10));
    assert_eq!(render(&text_of(both)).codes, ["a", "b"]);
}

#[test]
fn numbers_shares_and_moments_have_one_form() {
    let at = "2026-11-22T12:41:59+02:00".parse().unwrap();
    assert_eq!(text_of(Markdown::time(at)), "2026-11-22 10:41 UTC");
    assert_eq!(text_of(Markdown::number(17)), "17");
    for (share, words) in [
        (25.0, "25 %"),
        (12.5, "12.5 %"),
        (33.333_333, "33.33 %"),
        (0.0, "0 %"),
        (-0.0, "0 %"),
        (0.001, "under 0.01 %"),
        (100.0, "100 %"),
        (f64::NAN, "an unknown share"),
    ] {
        assert_eq!(text_of(Markdown::percent(share)), words);
    }
}

#[test]
fn words_are_joined_as_people_do() {
    let keys = |n: usize| ["a", "b", "c"].into_iter().take(n).map(|key| Markdown::code(key, 10));
    assert_eq!(text_of(Markdown::join(keys(0), ", ", " or ")), "");
    assert_eq!(text_of(Markdown::join(keys(1), ", ", " or ")), "`a`");
    assert_eq!(text_of(Markdown::join(keys(2), ", ", " or ")), "`a` or `b`");
    assert_eq!(text_of(Markdown::join(keys(3), ", ", " or ")), "`a`, `b` or `c`");
}

#[test]
fn only_plain_web_addresses_become_links() {
    let link = |url: &str| text_of(Markdown::link(Markdown::lit("page"), &Url::parse(url).unwrap()));
    assert_eq!(
        link("https://flags.example.com/project/1?a=b"),
        "[page](https://flags.example.com/project/1?a=b)"
    );
    assert_eq!(link("http://[::1]:8000/x"), "[page](http://[::1]:8000/x)");
    assert_eq!(link("https://x.example/a?b=1&copy=2"), "[page](https://x.example/a?b=1&amp;copy=2)");
    for refused in [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://x.example/",
        "https://gitlab.com@evil.example/",
        "mailto:a@b.c",
    ] {
        assert_eq!(link(refused), "page", "{refused}");
    }
    assert_eq!(
        text_of(Markdown::note_link(Markdown::lit("Your command"), 4711)),
        "[Your command](#note_4711)"
    );
}

#[test]
fn a_text_that_is_too_long_ends_at_a_line_with_a_word() {
    let mut long = Markdown::new();
    for _ in 0..20_000 {
        long.push(Markdown::code("a|b", 10)).push_lit("\n");
    }
    let reply = long.clone().finish();
    assert!(reply.as_str().chars().count() <= REPLY_LIMIT);
    assert!(reply.as_str().ends_with("<code>a&#124;b</code>\n\n…and more, which is too long for a comment."));
    let most = long.finish_within(usize::MAX);
    assert!(most.as_str().chars().count() <= GITLAB_TEXT_LIMIT);

    let mut one_line = Markdown::code(&"|".repeat(50_000), 50_000);
    one_line.push_lit("\nend");
    assert_eq!(one_line.finish().as_str(), "…and more, which is too long for a comment.");
    assert_eq!(Markdown::lit("short").finish().as_str(), "short");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// At the start of a line, in the middle of one, in a list, a quote, a cell: always the same one piece of code.
    #[test]
    fn outside_text_is_one_piece_of_code_wherever_it_stands(outside in hostile::outside(), limit in 1usize..80) {
        prop_assume!(!outside.is_empty());
        let seen = visible(&outside, limit);
        prop_assert!(seen.chars().count() <= limit);
        for (before, after) in [("", ""), ("a ", " b"), ("- ", "\n- x"), ("> ", ""), ("**", "**"), ("[", "](https://x.example)"),
                                ("x\n", "\ny"), ("| a | b |\n|---|---|\n| ", " | c |"), ("#### ", "\n")] {
            for piece in [Markdown::code(&outside, limit), Markdown::html_code(&outside, limit)] {
                let text = format!("{before}{}{after}", text_of(piece));
                let benign = render(&format!("{before}`k`{after}"));
                let real = render(&text);
                prop_assert_eq!(&real.shape, &benign.shape, "{}", text);
                prop_assert_eq!(&real.codes, std::slice::from_ref(&seen), "{}", text);
                prop_assert_eq!(&real.rows, &benign.rows);
                prop_assert_eq!(&real.links, &benign.links);
                prop_assert_eq!(quick_actions::quick_actions(&text, "[a-z_]+"), vec![]);
                prop_assert!(text.lines().all(|line| !line.starts_with('/')));
            }
        }
    }

    /// Nothing is lost in silence, and nothing that hides stays.
    #[test]
    fn all_of_a_text_can_be_seen(outside in hostile::outside()) {
        let seen = visible(&outside, usize::MAX);
        let mut rest = seen.chars();
        for c in outside.chars().filter(|c| c.is_ascii_graphic() || (c.is_alphabetic() && seen.contains(*c))) {
            prop_assert!(rest.any(|s| s == c), "{:?} is not in {:?}", c, seen);
        }
        prop_assert!(!seen.contains(|c: char| c.is_control() || ('\u{200b}'..='\u{200f}').contains(&c)
            || ('\u{2028}'..='\u{202e}').contains(&c) || c == '\u{feff}' || c == '\u{a0}'), "{:?}", seen);
        prop_assert!(!seen.contains("  ") && !seen.starts_with(' ') && !seen.ends_with(' '));
        prop_assert_eq!(seen.is_empty(), outside.is_empty());
    }

    /// A link leads where it should, and its address never ends early.
    #[test]
    fn an_address_stays_one(path in hostile::outside(), query in hostile::outside(), fragment in hostile::outside()) {
        let mut url = Url::parse("https://flags.example.com:8443/").unwrap();
        url.set_path(&path);
        url.set_query(Some(&query));
        url.set_fragment(Some(&fragment));
        let text = format!("| a |\n|---|\n| {} |", text_of(Markdown::link(Markdown::code("k", 9), &url)));
        let rendered = render(&text);
        prop_assert_eq!(&rendered.codes, &["k"]);
        prop_assert_eq!(&rendered.rows, &[1, 1]);
        prop_assert_eq!(rendered.links.len(), 1, "{}", text);
        prop_assert!(rendered.html.is_empty());
        let back = Url::parse(&rendered.links[0]).unwrap();
        let decoded = |part: &str| percent_encoding::percent_decode_str(part).collect::<Vec<u8>>();
        prop_assert_eq!(back.host_str(), url.host_str());
        prop_assert_eq!(decoded(back.path()), decoded(url.path()));
        prop_assert_eq!(decoded(back.query().unwrap()), decoded(url.query().unwrap()));
        prop_assert_eq!(decoded(back.fragment().unwrap()), decoded(url.fragment().unwrap()));
    }
}
