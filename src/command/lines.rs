//! Comment text to the lines in it that are for flaglink, by GitLab's own rules for quick actions.
//!
//! GitLab renders a comment and looks for quick actions in top-level paragraphs alone
//! (`lib/banzai/filter/quick_action_filter.rb`); in their source it then skips inline code and HTML that spans
//! lines, and takes lines that begin with `/name` followed by a space or the end of the line
//! (`lib/gitlab/quick_actions/extractor.rb`). The Markdown is read by the same parser that GitLab uses, with
//! the same extensions.

use std::cell::Cell;

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, try_parse_document};

use super::spans::{Rough, inside_markdown};

/// How long the parser may work on one text, in its own measure of 256 lines, inlines or nodes. A text of
/// 1,000,000 characters, which is all that GitLab takes, needs up to 28,000 where each of them means something.
const STEPS: u32 = 40_000;

/// The text is made so that reading it would take too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooDear;

/// What follows `/flag` (or `@bot flag`) in each line that is a command, in order.
pub(super) fn command_lines(text: &str, bot: Option<&str>) -> Result<Vec<String>, TooDear> {
    // GitLab deletes them all.
    let text = text.replace('\r', "");
    if !text.split('\n').any(|line| rest_of_command(line, bot).is_some()) {
        return Ok(Vec::new());
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let front_matter = front_matter_lines(&lines);
    // What stands in the front matter is not Markdown; its lines stay, so that line numbers do.
    let body = match front_matter {
        0 => text.clone(),
        n => "\n".repeat(n) + &lines.get(n..).unwrap_or_default().join("\n"),
    };

    let arena = Arena::new();
    let left = Cell::new(STEPS);
    let out_of_steps = || {
        left.set(left.get().saturating_sub(1));
        left.get() == 0
    };
    let document =
        try_parse_document(&arena, &body, &gitlab_options(), &out_of_steps).map_err(|_| TooDear)?;

    let mut found = Vec::new();
    for paragraph in document.children() {
        if !matches!(paragraph.data().value, NodeValue::Paragraph) {
            continue;
        }
        let position = paragraph.data().sourcepos;
        let (first, last) = (position.start.line, position.end.line);
        let Some(source) = lines.get(first.saturating_sub(1)..last.min(lines.len())) else { continue };
        if !source.iter().any(|line| rest_of_command(line, bot).is_some()) {
            continue;
        }
        let inside = inside_markdown(source);
        let mut rough = Rough::new(source);
        while let Some((row, line)) = rough.next_line() {
            match rest_of_command(line, bot) {
                Some(rest) => {
                    if !inside.contains(&row) {
                        found.push(rest.to_owned());
                    }
                    rough.skip_line();
                }
                None => rough.walk_line(),
            }
        }
    }
    Ok(found)
}

/// What follows `/flag` or `@bot flag` at the start of the line; `None` where the line is no command.
///
/// GitLab's rule: one space and the argument, or nothing but white space. Not a tab: `/close⇥x` is no quick action.
fn rest_of_command<'a>(line: &'a str, bot: Option<&str>) -> Option<&'a str> {
    let after_name = match line.strip_prefix('/') {
        Some(after) => after,
        None => {
            let after = strip_prefix_ignoring_case(line.strip_prefix('@')?, bot.filter(|b| !b.is_empty())?)?;
            after.strip_prefix(' ')?.trim_start_matches(' ')
        }
    };
    let rest = strip_prefix_ignoring_case(after_name, "flag")?;
    (rest.starts_with(' ') || rest.trim().is_empty()).then_some(rest)
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// How many lines of front matter the text begins with (`lib/gitlab/front_matter.rb`): GitLab makes a code
/// block of it.
fn front_matter_lines(lines: &[&str]) -> usize {
    const FENCES: [&str; 3] = ["---", "+++", ";;;"];
    let mut open = lines.iter().position(|line| !line.trim().is_empty()).unwrap_or(0);
    if lines.first().is_some_and(|line| line.contains("coding:")) {
        open = lines.iter().skip(1).position(|line| !line.trim().is_empty()).map_or(0, |at| at + 1);
    }
    let Some(rest) = lines.get(open).and_then(|line| FENCES.iter().find_map(|f| line.strip_prefix(f))) else {
        return 0;
    };
    if rest.trim().contains(char::is_whitespace) {
        return 0;
    }
    let closes = |line: &&str| {
        FENCES.iter().chain(&["..."]).any(|f| line.strip_prefix(f).is_some_and(|r| r.trim().is_empty()))
    };
    lines.iter().skip(open + 1).position(closes).map_or(0, |at| open + 1 + at + 1)
}

/// The extensions that GitLab reads comments with (`lib/banzai/filter/markdown_engines/glfm_markdown.rb`).
fn gitlab_options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.alerts = true;
    extension.autolink = true;
    extension.cjk_friendly_emphasis = true;
    extension.description_lists = true;
    extension.footnotes = true;
    extension.math_code = true;
    extension.math_dollars = true;
    extension.multiline_block_quotes = true;
    extension.strikethrough = true;
    extension.table = true;
    extension.tasklist = true;
    extension.wikilinks_title_before_pipe = true;
    options.parse.relaxed_autolinks = true;
    options.parse.relaxed_tasklist_matching = true;
    options.parse.tasklist_in_table = true;
    options
}
