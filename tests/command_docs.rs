//! `docs/commands.md` is made from the table of commands, and must not drift from it.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops where it goes wrong")]

use std::path::Path;

use flaglink::command::{Misread, TABLE, commands_markdown, read};

#[test]
fn the_page_of_commands_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, commands_markdown()).unwrap();
    }
    let page = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        page == commands_markdown(),
        "docs/commands.md is not what the table of commands says. Write it anew with: UPDATE_DOCS=1 cargo test --test command_docs"
    );
}

#[test]
fn the_page_names_every_command_with_its_examples() {
    let page = commands_markdown();
    for spec in TABLE {
        assert!(page.contains(&format!("### `{}`", spec.usage)), "{}", spec.name);
        assert!(page.contains(spec.detail), "{}", spec.name);
        for example in spec.examples {
            assert!(page.lines().any(|line| line == *example), "{example}");
        }
    }
}

#[test]
fn every_example_is_that_command() {
    for spec in TABLE {
        assert!(!spec.examples.is_empty() && !spec.summary.ends_with('.') && spec.detail.ends_with('.'));
        assert!(spec.usage.starts_with(&format!("/flag {}", spec.name)));
        for example in spec.examples {
            let found = read(example, None);
            let [found] = found.as_slice() else { panic!("{example} is {found:?}") };
            assert_eq!(found.parsed.as_ref().unwrap().spec(), spec);
            assert_eq!(found.text, *example, "the examples are in the normal form");
            assert_eq!(found.permission(), spec.permission);
        }
    }
}

#[test]
fn no_reserved_word_is_a_command() {
    for word in flaglink::command::RESERVED {
        let found = read(&format!("/flag {word} key"), None);
        assert!(matches!(found.as_slice(), [f] if f.parsed == Err(Misread::NotYet { word })), "{found:?}");
    }
}
