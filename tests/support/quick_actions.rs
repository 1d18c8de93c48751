//! How GitLab finds quick actions in a comment: a reading of its rules that shares nothing with flaglink's.
//!
//! GitLab deletes every `\r`, renders the text, takes the top-level paragraphs of the result, and runs one regular
//! expression over their source: inline code and HTML come first and are stepped over, then `/name`, one space and
//! the argument up to the end of the line.

use std::cell::RefCell;
use std::collections::HashMap;

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use regex::Regex;

/// The extensions that GitLab renders comments with.
pub(crate) fn gitlab_markdown() -> Options<'static> {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.description_lists = true;
    options.extension.multiline_block_quotes = true;
    options.extension.alerts = true;
    options.extension.math_dollars = true;
    options.extension.math_code = true;
    options.extension.wikilinks_title_before_pipe = true;
    options.extension.cjk_friendly_emphasis = true;
    options.parse.relaxed_autolinks = true;
    options.parse.relaxed_tasklist_matching = true;
    options.parse.tasklist_in_table = true;
    options
}

/// The quick actions in a comment whose names match `names` (a regular expression): name and argument.
pub(crate) fn quick_actions(text: &str, names: &str) -> Vec<(String, String)> {
    let text: String = text.chars().filter(|c| *c != '\r').collect();
    let pattern = pattern(names);
    let mut found = Vec::new();
    for paragraph in top_level_paragraphs(&text) {
        for hit in pattern.captures_iter(&paragraph) {
            let Some(name) = hit.name("cmd") else { continue };
            let argument = hit.name("arg").map_or("", |arg| arg.as_str());
            found.push((name.as_str().to_lowercase(), argument.trim().to_owned()));
        }
    }
    found
}

/// GitLab's expression. Kept, because to make it takes longer than to use it.
fn pattern(names: &str) -> Regex {
    thread_local! {
        static MADE: RefCell<HashMap<String, Regex>> = RefCell::default();
    }
    let make = || {
        Regex::new(&format!(
            r"(?ims)(?:`.+?`)|(?:^<[^>]+?>\n.+?\n</[^>]+?>$)|(?:^/(?P<cmd>{names})(?:[ ](?P<arg>[^\n]*))?(?:\s*\n|$))"
        ))
        .unwrap()
    };
    MADE.with_borrow_mut(|made| made.entry(names.to_owned()).or_insert_with(make).clone())
}

/// The source of each paragraph that is a direct child of the document.
fn top_level_paragraphs(text: &str) -> Vec<String> {
    let arena = Arena::new();
    let lines: Vec<&str> = text.lines().collect();
    parse_document(&arena, text, &gitlab_markdown())
        .children()
        .filter(|node| matches!(node.data().value, NodeValue::Paragraph))
        .map(|node| {
            let at = node.data().sourcepos;
            let mut source = lines[at.start.line - 1..at.end.line.min(lines.len())].join("\n");
            source.push('\n');
            source
        })
        .collect()
}
