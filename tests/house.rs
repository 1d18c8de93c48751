//! The house holds: rooms use only rooms below them, inside of a room and of each folder nothing goes round in a circle, and what only one room may do,
//! only that room does.
//!
//! The checks read the sources as text (`support/rust_text.rs`); one of them looks at the strings alone. Each check is also given a
//! bad sample, so that it is known to fail.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::path::Path;

use flaglink::flags::kinds;
use rust_text::{Literal, Source, all_sources, whole_words};

#[path = "support/circles.rs"]
mod circles;
#[path = "support/rust_text.rs"]
mod rust_text;

/// The rooms, from the top to the ground. `sandbox` stands apart.
const ROOMS: [&str; 15] = [
    "cli",
    "daemon",
    "http",
    "pipeline",
    "bot",
    "tunnel",
    "flags",
    "gitlab",
    "store",
    "net",
    "command",
    "markdown",
    "config",
    "telemetry",
    "domain",
];

/// The most lines of code in a file: past it there is a second idea in it.
const MOST_LINES: usize = 500;

/// Where code knows which flag services there are: the rooms that are the services or play them.
const KNOW_SERVICES: [&str; 4] = ["flags", "sandbox", "cli/demo", "cli/sandbox"];

/// Where services are named as examples for people: the help and the page of commands, the page of settings, what is told of a
/// configuration without a provider, and sample texts for templates. Deciding by such a name is no more allowed there than elsewhere.
const NAME_SERVICES: [&str; 5] =
    ["command/docs", "command/table", "config/load", "config/reference", "markdown/samples"];

/// Kinds of service whose name is also that of something else: of the GitLab that flaglink works with.
const ALSO_ELSE: [&str; 1] = ["gitlab"];

/// Uses of rooms that are not below.
fn runs_up(source: &Source) -> Vec<String> {
    let Some(own) = ROOMS.iter().position(|room| *room == source.room()) else { return Vec::new() };
    let above = |used: &String| ROOMS.iter().position(|room| room == used).is_some_and(|other| other < own);
    source
        .uses()
        .into_iter()
        .filter(above)
        .map(|used| format!("{} uses `{used}`, which stands above `{}`", source.name(), source.room()))
        .collect()
}

/// Rooms that nobody drew: they would be outside of every rule here.
fn unknown_room(source: &Source) -> Vec<String> {
    let known = ["lib", "main", "sandbox"];
    if ROOMS.contains(&source.room()) || known.contains(&source.room()) {
        return Vec::new();
    }
    vec![format!("{} is in no room of the house: add it to the order in tests/house.rs", source.name())]
}

/// The sandbox uses nothing of the house, and of the house only the demo and its own subcommand use it.
fn sandbox_apart(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    if source.room() == "sandbox" {
        for used in source.uses().into_iter().filter(|used| used != "sandbox") {
            wrong.push(format!("{} uses `{used}`: the sandbox reads GitLab by its own light", source.name()));
        }
    } else if source.uses().contains("sandbox") && !source.is_in("cli/demo") && !source.is_in("cli/sandbox") {
        wrong.push(format!("{} uses the sandbox", source.name()));
    }
    wrong
}

/// Text for comments is made in `markdown` alone.
fn comment_text_elsewhere(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    if source.room() != "markdown" && source.name() != "src/domain/effect.rs" {
        // Any way of making one: its constructor, its conversions, or reading it from elsewhere.
        for way in ["from_markdown", "CommentText::", "CommentText(", "CommentText {", "<CommentText>::"] {
            let code = source.code.replace("CommentText::as_str", "");
            if whole_words(&code, way).next().is_some() {
                wrong.push(format!("{} makes comment text (`{way}`): only `markdown` does", source.name()));
            }
        }
    }
    // `Markdown::lit` takes text that stands in the source; leaked text would pass for such.
    for way in [".leak(", "Box::leak", "String::leak", "Vec::leak"] {
        if source.code.contains(way) {
            wrong.push(format!("{} leaks text (`{way}`), which then passes for text of ours", source.name()));
        }
    }
    wrong
}

/// Words that stand only in some rooms, or in none.
fn words_out_of_place(source: &Source) -> Vec<String> {
    let mut words = vec![("cfg(test)", "tests are in tests/"), ("unsafe", "there is none here")];
    if !matches!(source.room(), "cli" | "main") {
        let printing = ["println!", "eprintln!", "print!", "eprint!", "dbg!"];
        words.extend(printing.map(|word| (word, "only the command line speaks to the terminal")));
        let environment = ["std::env", "env::var", "env::vars", "env::args"];
        words.extend(
            environment.map(|word| (word, "the command line reads the environment and passes it on")),
        );
    }
    if source.room() == "domain" {
        let clocks = ["Timestamp::now", "SystemTime", "Instant", "async fn", "tokio"];
        words.extend(clocks.map(|word| (word, "the words of the house have no clock and do nothing")));
    }
    let found = words.into_iter().filter(|(word, _)| source.has(word));
    found.map(|(word, why)| format!("{} has `{word}`: {why}", source.name())).collect()
}

/// Files with more than one idea in them.
fn too_long(source: &Source) -> Vec<String> {
    let lines = source.code.lines().filter(|line| !line.trim().is_empty()).count();
    if lines <= MOST_LINES {
        return Vec::new();
    }
    vec![format!("{} has {lines} lines of code: look for the second idea in it", source.name())]
}

/// What is done for one flag service and not for another is said by the service itself, in `flags`: whoever adds one shall
/// not have to look for the places that ask which it is.
fn services_by_name(source: &Source) -> Vec<String> {
    if KNOW_SERVICES.iter().any(|place| source.is_in(place)) {
        return Vec::new();
    }
    let names_them = NAME_SERVICES.iter().any(|place| source.is_in(place));
    let mut wrong = Vec::new();
    for kind in kinds() {
        let also_else = ALSO_ELSE.contains(&kind.kind);
        for literal in &source.strings {
            // The letter of an escape is none of a word.
            let text = literal.text.replace("\\n", "  ");
            let names =
                [kind.kind, kind.service].iter().any(|name| whole_words(&text, name).next().is_some());
            if (names && !also_else && !names_them)
                || (literal.text == kind.kind && is_asked_of_a_kind(source, literal))
            {
                let line = source.code[..literal.place.start].lines().count();
                wrong.push(format!(
                    "{}, line {line}, names {}: which services there are is known to `flags` alone",
                    source.name(),
                    kind.service
                ));
            }
        }
    }
    wrong
}

/// Whether that string is one that something is compared with: a pattern, or in a statement about a `kind`.
fn is_asked_of_a_kind(source: &Source, literal: &Literal) -> bool {
    let (before, after) = (&source.code[..literal.place.start], &source.code[literal.place.end..]);
    let pattern = ["=>", "|"].iter().any(|sign| after.trim_start().starts_with(sign));
    let ends = [';', '{', '}'];
    let from = before.rfind(ends).map_or(0, |at| at + 1);
    let to = after.find(ends).unwrap_or(after.len());
    let about = [&before[from..], &after[..to]];
    let about_kind =
        |text: &&str| ["kind", "kinds"].iter().any(|word| whole_words(text, word).next().is_some());
    pattern || before.trim_end().ends_with('|') || about.iter().any(about_kind)
}

type Check = fn(&Source) -> Vec<String>;

const CHECKS: [(&str, Check); 7] = [
    ("a room uses only rooms below it", runs_up),
    ("every file is in a room", unknown_room),
    ("the sandbox stands apart", sandbox_apart),
    ("comment text comes from markdown", comment_text_elsewhere),
    ("words stand where they belong", words_out_of_place),
    ("services are known to flags alone", services_by_name),
    ("a file holds one idea", too_long),
];

#[test]
fn the_house_holds() {
    let mut sources = Vec::new();
    all_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut sources);
    assert!(sources.len() > 20, "the sources were not found");
    let mut wrong: Vec<String> =
        sources.iter().flat_map(|source| CHECKS.iter().flat_map(|(_, check)| check(source))).collect();
    wrong.extend(circles::in_folders(&sources));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The names of the checks that a file does not pass.
fn failed(path: &str, text: &str) -> Vec<&'static str> {
    let source = Source::new(path, text);
    CHECKS.iter().filter(|(_, check)| !check(&source).is_empty()).map(|(name, _)| *name).collect()
}

#[test]
fn what_runs_up_is_found_however_it_is_written() {
    const UP: &str = "a room uses only rooms below it";
    for (path, text) in [
        ("net/client.rs", "use crate::gitlab::Note;"),
        ("net/client.rs", "use crate::{\n    domain::Flag,\n    gitlab::{Note, api},\n};"),
        ("net/client.rs", "pub use crate :: store;"),
        ("net/client.rs", "fn f() { let x = crate::bot::decide(); }"),
        ("net/client.rs", "use crate::{self as c, bot};"),
        ("net/mod.rs", "use super::pipeline::Lane;"),
        ("net/client.rs", "use super::super::{pipeline, domain};"),
        ("net/deep/er.rs", "use super::super::super::http;"),
        ("domain/flag.rs", "use crate::telemetry::Metrics;"),
        ("config/mod.rs", "fn f(key: &crate::markdown::MarkerKey) {}"),
        ("daemon.rs", "use super::cli;"),
        ("net/client.rs", "const A: &str = \"\\\"\"; use crate::bot;"),
        ("net/client.rs", "const A: char = '\"'; use crate::bot; const B: char = '\"';"),
        ("net/client.rs", "fn f<'a>(x: &'a str) { crate::bot::f::<'a>(x) }"),
        ("net/client.rs", "const A: &str = r#\"a\"b\"#; use crate::bot;"),
    ] {
        assert_eq!(failed(path, text), [UP], "{path}: {text}");
    }
    for (path, text) in [
        ("net/client.rs", "use crate::domain::Flag;\nuse crate::telemetry::{Metrics, gitlab};"),
        ("net/client.rs", "use super::gitlab_like::X; use super::http;"),
        (
            "net/client.rs",
            "// use crate::bot;\n/* use crate::bot; /* nested */ use crate::http; */ /// crate::cli",
        ),
        ("net/client.rs", "const A: &str = \"use crate::bot;\"; const B: &str = r#\"use crate::\"bot\"#;"),
        ("net/client.rs", "const A: &str = \"\\\\\"; // \" crate::bot"),
        ("bot/link.rs", "use crate::{flags::FlagProvider, markdown::{Markdown, panel}, store::Store};"),
        ("cli/run.rs", "use crate::daemon; use crate::http;"),
        ("lib.rs", "pub mod cli; pub mod domain;"),
    ] {
        assert_eq!(failed(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn rooms_that_nobody_drew_are_found() {
    assert_eq!(failed("util/strings.rs", ""), ["every file is in a room"]);
    assert_eq!(failed("helpers.rs", ""), ["every file is in a room"]);
}

#[test]
fn the_sandbox_does_not_touch_the_house_nor_the_house_the_sandbox() {
    const APART: [&str; 1] = ["the sandbox stands apart"];
    assert_eq!(failed("sandbox/gitlab/http.rs", "use crate::gitlab::Note;"), APART);
    assert_eq!(failed("sandbox/gitlab/http.rs", "use super::super::super::domain::Flag;"), APART);
    assert_eq!(failed("sandbox/gitlab/http.rs", "use flaglink::domain::Flag;"), APART);
    assert_eq!(failed("sandbox/gitlab/http.rs", "use crate::sandbox::faults; use super::model;"), [""; 0]);
    assert_eq!(failed("bot/link.rs", "use crate::sandbox::Gitlab;"), APART);
    assert_eq!(failed("cli/run.rs", "use crate::sandbox::Gitlab;"), APART);
    assert_eq!(failed("cli/demo.rs", "use crate::sandbox::Gitlab;"), [""; 0]);
    assert_eq!(failed("cli/demo/story.rs", "use crate::sandbox::Gitlab;"), [""; 0]);
    assert_eq!(failed("cli/sandbox.rs", "use crate::sandbox::Gitlab;"), [""; 0]);
}

#[test]
fn comment_text_that_is_made_elsewhere_is_found() {
    const MADE: [&str; 1] = ["comment text comes from markdown"];
    assert_eq!(failed("bot/link.rs", "let text = CommentText::from_markdown(title);"), MADE);
    assert_eq!(failed("bot/link.rs", "let make = CommentText::deserialize;"), MADE);
    assert_eq!(failed("bot/link.rs", "let text = <CommentText>::from_markdown(title);"), MADE);
    assert_eq!(failed("domain/note.rs", "CommentText(title)"), MADE);
    assert_eq!(failed("bot/link.rs", "Markdown::lit(title.leak())"), MADE);
    assert_eq!(failed("markdown/text.rs", "Markdown::lit(Box::leak(title))"), MADE);
    assert_eq!(failed("markdown/text.rs", "CommentText::from_markdown(text)"), [""; 0]);
    assert_eq!(failed("bot/link.rs", "fn f(text: &CommentText) -> &str { text.as_str() }"), [""; 0]);
    assert_eq!(failed("bot/link.rs", "texts.iter().map(CommentText::as_str)"), [""; 0]);
}

#[test]
fn words_out_of_place_are_found() {
    const PLACE: [&str; 1] = ["words stand where they belong"];
    for (path, text) in [
        ("bot/link.rs", "#[cfg(test)]\nmod tests {}"),
        ("bot/link.rs", "unsafe { f() }"),
        ("config/file.rs", "let home = std::env::var(\"HOME\");"),
        ("config/file.rs", "use std::env;"),
        ("config/file.rs", "env::vars()"),
        ("bot/link.rs", "println!(\"done\");"),
        ("daemon.rs", "eprintln!(\"done\");"),
        ("domain/link.rs", "let now = Timestamp::now();"),
    ] {
        assert_eq!(failed(path, text), PLACE, "{path}: {text}");
    }
    for (path, text) in [
        ("cli/run.rs", "println!(\"{}\", std::env::var(\"HOME\"));"),
        ("main.rs", "std::env::vars()"),
        ("bot/link.rs", "#![forbid(unsafe_code)] const V: &str = env!(\"CARGO_PKG_VERSION\"); // println!()"),
        ("domain/link.rs", "fn late(now: Timestamp) {}"),
        ("gitlab/page.rs", "options.render.r#unsafe = true;"),
    ] {
        assert_eq!(failed(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn services_that_are_asked_for_by_name_are_found() {
    const ALONE: [&str; 1] = ["services are known to flags alone"];
    for (path, text) in [
        ("cli/init/file.rs", "if kind == \"unleash\" { f() }"),
        ("cli/init/file.rs", "match kind { \"flagsmith\" => 1, _ => 2 }"),
        ("cli/init/file.rs", "if [r#\"unleash\"#].contains(&answer) {}"),
        ("cli/init/file.rs", "let title = \"Flagsmith\";"),
        ("cli/init/file.rs", "let text = \"\\nunleash, or another\";"),
        ("cli/doctor/providers.rs", "f(\"docs/from-flagsmith.md\")"),
        ("cli/doctor/hooks.rs", "let native = config.providers.iter().any(|one| one.kind == \"gitlab\");"),
        ("cli/doctor/hooks.rs", "#[arg(value_parser = kinds([\"gitlab\"]))]"),
        ("cli/doctor/hooks.rs", "match of { \"gitlab\" => 1, _ => 2 }"),
        ("cli/doctor/hooks.rs", "matches!(of, \"split\" | \"gitlab\")"),
        ("command/table.rs", "match service { \"unleash\" => 1, _ => 2 }"),
    ] {
        assert_eq!(failed(path, text), ALONE, "{path}: {text}");
    }
    for (path, text) in [
        ("flags/registry.rs", "KindDoc { kind: \"unleash\" }"),
        ("cli/demo/story.rs", "let kind = \"unleash\";"),
        ("cli/init/file.rs", "// as \"unleash\" does\nlet table = table(document, \"gitlab\");"),
        ("cli/doctor/hooks.rs", "let peer = match kind { Kind::Own => \"gitlab\", _ => name };"),
        ("cli/doctor/words.rs", "let says = \"GitLab is not Unleashed\";"),
        ("command/table.rs", "const EXAMPLE: &str = \"/flag link flagsmith:checkout\";"),
    ] {
        assert_eq!(failed(path, text), [""; 0], "{path}: {text}");
    }
}

#[test]
fn a_file_with_too_much_code_is_found_and_comments_are_not_code() {
    let code = "let x = 1;\n";
    assert_eq!(failed("bot/link.rs", &code.repeat(MOST_LINES + 1)), ["a file holds one idea"]);
    assert_eq!(
        failed("bot/link.rs", &format!("{}{}", code.repeat(MOST_LINES), "// why\n\n".repeat(900))),
        [""; 0]
    );
}
