//! Inline code and HTML comments that span lines: where a line begins inside of one, it is no command.
//!
//! GitLab has a rough way of its own to tell ([`Rough`]), which knows nothing of `` `` ` `` `` and `` \` ``.
//! People see the comment as Markdown renders it ([`inside_markdown`]). A command must be one by both.

use std::collections::{BTreeMap, BTreeSet};

/// The lines (from 0) that begin inside of inline code or an HTML comment, as Markdown renders them.
pub(super) fn inside_markdown(source: &[&str]) -> BTreeSet<usize> {
    let text = source.join("\n");
    // Where the runs of exactly so many backticks begin.
    let mut runs: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut at = 0;
    while let Some(start) = find(&text, at, "`") {
        let length = run_length(&text, start);
        runs.entry(length).or_default().push(start);
        at = start + length;
    }

    let last_comment_end = text.rfind("-->");
    let mut spans = Vec::new();
    let mut at = 0;
    while let Some(next) = text.get(at..).and_then(|rest| rest.find(['`', '<', '\\'])).map(|found| at + found)
    {
        let rest = text.get(next..).unwrap_or_default();
        let end = if rest.starts_with('`') {
            let length = run_length(&text, next);
            let closing = runs.get(&length).and_then(|starts| {
                starts.get(starts.partition_point(|start| *start < next + length)).map(|start| start + length)
            });
            closing.ok_or(length)
        } else if rest.starts_with("<!--") && last_comment_end.is_some_and(|last| last >= next + 4) {
            find(&text, next + 4, "-->").map(|close| close + 3).ok_or(4)
        } else {
            // A backslash takes what follows as it is; what follows `<` does not matter here.
            Err(if rest.starts_with("\\`") || rest.starts_with("\\\\") || rest.starts_with("\\<") {
                2
            } else {
                1
            })
        };
        at = match end {
            Ok(end) => {
                spans.push((next, end));
                end
            }
            Err(step) => next + step,
        };
    }

    let mut inside = BTreeSet::new();
    let mut spans = spans.into_iter().peekable();
    let mut start = 0;
    for (index, line) in source.iter().enumerate() {
        while spans.next_if(|(_, end)| *end <= start).is_some() {}
        if spans.peek().is_some_and(|(open, _)| *open < start) {
            inside.insert(index);
        }
        start += line.len() + 1;
    }
    inside
}

fn find(text: &str, from: usize, what: &str) -> Option<usize> {
    text.get(from..)?.find(what).map(|at| from + at)
}

fn run_length(text: &str, start: usize) -> usize {
    text.bytes().skip(start).take_while(|byte| *byte == b'`').count()
}

/// GitLab's own look at the source of a paragraph, from left to right: it steps over inline code (a backtick,
/// something, a backtick, over lines if need be) and over HTML whose tags have lines to themselves.
pub(super) struct Rough<'s> {
    source: &'s [&'s str],
    row: usize,
    column: usize,
    /// The last line with a backtick, and with a closing tag alone: behind it there is nothing to look for.
    last_tick: Option<usize>,
    last_close: Option<usize>,
}

impl<'s> Rough<'s> {
    pub(super) fn new(source: &'s [&'s str]) -> Self {
        Self {
            source,
            row: 0,
            column: 0,
            last_tick: source.iter().rposition(|line| line.contains('`')),
            last_close: source.iter().rposition(|line| closes_html(line)),
        }
    }

    /// The next line that begins outside, by its place (from 0). What it is decides how to go on:
    /// [`skip_line`](Self::skip_line) where it is a command, else [`walk_line`](Self::walk_line).
    pub(super) fn next_line(&mut self) -> Option<(usize, &'s str)> {
        while self.column > 0 {
            self.walk_line();
        }
        self.source.get(self.row).map(|line| (self.row, *line))
    }

    /// Takes the whole line as a command: backticks in it mean nothing.
    pub(super) fn skip_line(&mut self) {
        (self.row, self.column) = (self.row + 1, 0);
    }

    /// Steps over what begins in this line.
    pub(super) fn walk_line(&mut self) {
        let Some(line) = self.source.get(self.row).copied() else {
            self.column = 0;
            return;
        };
        // At least one line stands between the tags.
        let may_close = self.last_close.is_some_and(|last| last >= self.row + 2);
        if self.column == 0 && may_close && opens_html(line) {
            let end = self.source.iter().skip(self.row + 2).position(|line| closes_html(line)).unwrap_or(0);
            self.row += 2 + end + 1;
            return;
        }
        let Some(open) = find(line, self.column, "`") else { return self.skip_line() };
        // At least one character stands between the backticks, and it may be a backtick.
        let first = line.get(open + 1..).and_then(|after| after.chars().next()).map_or(0, char::len_utf8);
        let close = if first == 0 { None } else { find(line, open + 1 + first, "`") };
        if let Some(close) = close {
            self.column = close + 1;
        } else if self.last_tick.is_some_and(|last| last > self.row) {
            let next = self.source.iter().skip(self.row + 1).position(|line| line.contains('`')).unwrap_or(0);
            self.row += 1 + next;
            self.column = self.source.get(self.row).and_then(|line| line.find('`')).map_or(0, |at| at + 1);
        } else {
            // Never closed, so it is no inline code, and no command begins in the rest of the line.
            self.skip_line();
        }
    }
}

/// A line that is nothing but something in angle brackets.
fn opens_html(line: &str) -> bool {
    line.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).is_some_and(|inner| !inner.is_empty())
}

/// A line that is nothing but a closing tag.
fn closes_html(line: &str) -> bool {
    line.strip_prefix("</").and_then(|rest| rest.strip_suffix('>')).is_some_and(|inner| !inner.is_empty())
}
