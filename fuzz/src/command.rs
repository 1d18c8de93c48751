//! Comment text to commands.

use std::collections::BTreeSet;

use flaglink::command::{Command, Found, MAX_COMMANDS, read, read_back};
use flaglink::gitlab::{Classified, classify};
use serde_json::json;

use super::quick_actions::quick_actions;

const BOT: &str = "flaglink";

pub(super) fn text(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let found = read(&text, Some(BOT));
    assert!(found.len() <= MAX_COMMANDS + 1, "{} commands", found.len());
    for one in &found {
        comes_back_as_itself(one);
        names_nothing_else(one, &text);
    }
    assert_eq!(read(&text.replace('\r', ""), Some(BOT)), found, "a carriage return made a difference");
    is_looked_at(&text, &found);
    is_a_quick_action(&text);
}

/// What is kept of a command is enough to know it again.
fn comes_back_as_itself(found: &Found) {
    assert_eq!(read_back(&found.text).as_ref(), Some(found), "{:?}", found.text);
    if found.parsed.is_ok() {
        assert_eq!(read(&found.text, None), std::slice::from_ref(found), "{:?}", found.text);
    }
}

/// No flag, environment, value or reason that does not stand in the text.
fn names_nothing_else(found: &Found, text: &str) {
    // Quotes may stand anywhere in a word, and a backslash in them.
    let bare = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let all = bare(text);
    let named: Vec<&str> = match &found.parsed {
        Ok(Command::Link { keys } | Command::Unlink { keys, .. } | Command::Status { keys }) => {
            keys.iter().map(String::as_str).collect()
        }
        Ok(Command::Search { text }) => vec![text],
        Ok(Command::Switch { key, environment, reason, .. }) => {
            [Some(key), Some(environment), reason.as_ref()]
                .into_iter()
                .flatten()
                .map(String::as_str)
                .collect()
        }
        _ => Vec::new(),
    };
    for name in named {
        assert!(all.contains(&bare(name)), "{name:?} does not stand in {text:?}");
    }
}

/// A comment with a command in it is never thrown away when its webhook comes in.
fn is_looked_at(text: &str, found: &[Found]) {
    let body = json!({
        "object_kind": "note",
        "project_id": 318,
        "object_attributes": { "id": 9, "note": text, "noteable_type": "Issue", "author_id": 12 },
        "issue": { "iid": 41 }
    });
    let classified = classify(body.to_string().as_bytes(), &BTreeSet::new(), Some(BOT));
    let kept = matches!(classified, Classified::Event { .. });
    assert!(kept || found.is_empty(), "{classified:?} though there are commands in {text:?}");
}

/// Whatever is taken for a command, GitLab would have taken for a quick action.
fn is_a_quick_action(text: &str) {
    // At the very start, front matter could be, of which the other reading knows nothing.
    let text = format!("text\n\n{text}");
    let theirs: Vec<String> = quick_actions(&text, "flag")
        .into_iter()
        .filter_map(|(_, argument)| read_back(&format!("/flag {argument}")).map(|found| found.text))
        .collect();
    let mut rest = theirs.iter();
    for one in read(&text, None).into_iter().take(MAX_COMMANDS) {
        // What is said of the whole text stands for no line of it.
        if one.text.starts_with('/') {
            assert!(rest.any(|text| *text == one.text), "{:?} is not in {theirs:?} of {text:?}", one.text);
        }
    }
}
