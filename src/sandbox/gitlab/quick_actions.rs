//! Quick actions: which lines of a text GitLab takes as commands, and what is left of the text.
//!
//! A reading of GitLab's rules of its own (facts, section 4): the text is parsed as Markdown, only top-level paragraphs are
//! searched, in them GitLab's regular expression decides.

use std::sync::LazyLock;

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use regex::Regex;

/// Every name that GitLab takes for a command. `/flag` is not among them.
pub const NAMES: &[&str] = &[
    "add_child",
    "add_contacts",
    "add_email",
    "approve",
    "assign",
    "assign_reviewer",
    "award",
    "blocked_by",
    "blocks",
    "board_move",
    "checkin_reminder",
    "child_epic",
    "clear_health_status",
    "clear_weight",
    "clone",
    "close",
    "confidential",
    "convert_to_ticket",
    "copy_metadata",
    "create_merge_request",
    "done",
    "draft",
    "due",
    "duplicate",
    "epic",
    "estimate",
    "estimate_time",
    "health_status",
    "invite_email",
    "iteration",
    "label",
    "labels",
    "link",
    "lock",
    "merge",
    "milestone",
    "move",
    "page",
    "parent_epic",
    "promote",
    "promote_to",
    "promote_to_incident",
    "publish",
    "react",
    "ready",
    "reassign",
    "reassign_reviewer",
    "rebase",
    "relabel",
    "relate",
    "remove_child",
    "remove_child_epic",
    "remove_contacts",
    "remove_due_date",
    "remove_email",
    "remove_epic",
    "remove_estimate",
    "remove_iteration",
    "remove_label",
    "remove_milestone",
    "remove_parent",
    "remove_parent_epic",
    "remove_reviewer",
    "remove_time_estimate",
    "remove_time_spent",
    "remove_zoom",
    "reopen",
    "request_changes",
    "request_review",
    "reviewer",
    "set_parent",
    "severity",
    "ship",
    "spend",
    "spend_time",
    "spent",
    "submit_review",
    "subscribe",
    "tag",
    "target_branch",
    "timeline",
    "title",
    "todo",
    "type",
    "unapprove",
    "unassign",
    "unassign_reviewer",
    "unlabel",
    "unlink",
    "unlock",
    "unsubscribe",
    "weight",
    "zoom",
];

/// Names that are replaced by a picture instead of being taken out.
const SUBSTITUTIONS: &[(&str, &str)] = &[("shrug", "¯\\＿(ツ)＿/¯"), ("tableflip", "(╯°□°)╯︵ ┻━┻")];

/// One command found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Name in lower case, without the slash.
    pub name: String,
    /// What follows it on its line, trimmed.
    pub argument: String,
}

/// A text, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What is left of it.
    pub text: String,
    /// The commands in it, in order.
    pub commands: Vec<Found>,
}

/// Finds the quick actions in a text.
pub fn read(text: &str) -> Reading {
    let text = text.replace('\r', "");
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let mut commands = Vec::new();
    for (first, last) in paragraphs(&text) {
        let mut last = last.min(lines.len().saturating_sub(1));
        if lines.get(last + 1).is_some_and(|line| line == "\n") {
            last += 1;
        }
        let Some(range) = lines.get_mut(first..=last) else { continue };
        let rest = take_out(&range.concat(), &mut commands);
        for line in range.iter_mut() {
            line.clear();
        }
        if let Some(line) = range.first_mut() {
            *line = rest;
        }
    }
    Reading { text: lines.concat().trim_end().to_owned(), commands }
}

/// Markdown as GitLab's own options for it have it.
pub(super) fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.alerts = true;
    options.extension.autolink = true;
    options.extension.description_lists = true;
    options.extension.footnotes = true;
    options.extension.front_matter_delimiter = Some("---".to_owned());
    options.extension.multiline_block_quotes = true;
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.tasklist = true;
    options.parse.escaped_char_spans = true;
    options.render.escaped_char_spans = true;
    options.render.full_info_string = true;
    options.render.r#unsafe = true;
    options
}

/// The lines (from 0, both ends included) of each top-level paragraph whose content has a line that begins with a slash.
fn paragraphs(text: &str) -> Vec<(usize, usize)> {
    let arena = Arena::new();
    let document = parse_document(&arena, text, &options());
    document
        .children()
        .filter(|node| matches!(node.data().value, NodeValue::Paragraph))
        .filter(|node| {
            let mut content = String::new();
            for inner in node.descendants() {
                match &inner.data().value {
                    NodeValue::Text(text) => content.push_str(text),
                    NodeValue::Code(code) => content.push_str(&code.literal),
                    NodeValue::SoftBreak | NodeValue::LineBreak => content.push('\n'),
                    _ => {}
                }
            }
            content.split('\n').any(|line| line.starts_with('/'))
        })
        .map(|node| {
            let at = node.data().sourcepos;
            (at.start.line.saturating_sub(1), at.end.line.saturating_sub(1))
        })
        .collect()
}

#[expect(clippy::expect_used, reason = "the expression is made of constants of this file")]
static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    let substitutions: Vec<&str> = SUBSTITUTIONS.iter().map(|(name, _)| *name).collect();
    let rest = r"(?: (?P<ARG>[^\n]*))?(?:[ \t\r\n\x0B\x0C]*\n|$)";
    let command = format!("^/(?P<command>{}){}", NAMES.join("|"), rest.replace("ARG", "argument"));
    let substitution =
        format!("^/(?P<substitution>{}){}", substitutions.join("|"), rest.replace("ARG", "before"));
    let excluded = r"`.+?`|^<[^>]+?>\n.+?\n</[^>]+?>$";
    Regex::new(&format!("(?ims){excluded}|{command}|{substitution}")).expect("a regular expression")
});

fn take_out(paragraph: &str, commands: &mut Vec<Found>) -> String {
    COMMAND
        .replace_all(paragraph, |found: &regex::Captures<'_>| {
            let group = |name| found.name(name).map_or("", |found| found.as_str());
            if let Some(name) = found.name("command") {
                commands.push(Found {
                    name: name.as_str().to_lowercase(),
                    argument: group("argument").trim().to_owned(),
                });
                return String::new();
            }
            let name = group("substitution").to_lowercase();
            match SUBSTITUTIONS.iter().find(|(known, _)| *known == name) {
                Some((_, picture)) => format!("{} {picture}", group("before")).trim_start().to_owned() + "\n",
                None => group_zero(found),
            }
        })
        .into_owned()
}

fn group_zero(found: &regex::Captures<'_>) -> String {
    found.get(0).map_or(String::new(), |whole| whole.as_str().to_owned())
}
