//! Text that can go into a comment.

use jiff::tz::TimeZone;
use url::Url;

use super::{address, outside};
use crate::domain::CommentText;

/// The longest text of a comment that GitLab takes, in characters (`MAX_TEXT_SIZE_LIMIT`).
pub const GITLAB_TEXT_LIMIT: usize = 1_000_000;
/// The longest reply, in characters: GitLab would take more, but nobody would read it.
pub const REPLY_LIMIT: usize = 60_000;
/// The longest panel, in characters. The rest of GitLab's limit is left to the marker.
pub const PANEL_LIMIT: usize = 900_000;

/// What closes a text that was too long.
const CUT: &str = "…and more, which is too long for a comment.";

/// Markdown that is safe to post: what it was made of is either a literal of ours or outside text that can
/// no longer be a quick action, a mention, a reference, a link, a table break or HTML.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Markdown(String);

impl Markdown {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A literal of ours, taken as it is.
    pub fn lit(text: &'static str) -> Self {
        Self(text.to_owned())
    }

    /// Outside text, always as inline code. Line breaks and control characters are made visible, long text
    /// is shortened to `limit` characters with `…`. Empty text becomes a visible "(empty)" in words.
    pub fn code(outside: &str, limit: usize) -> Self {
        if outside.is_empty() { Self::lit("(empty)") } else { Self(outside::as_markdown(outside, limit)) }
    }

    /// As [`code`](Self::code), for a place where HTML is read and Markdown is not, such as `<summary>`.
    pub fn html_code(outside: &str, limit: usize) -> Self {
        if outside.is_empty() { Self::lit("(empty)") } else { Self(outside::as_summary(outside, limit)) }
    }

    /// A number.
    pub fn number(n: u64) -> Self {
        Self(n.to_string())
    }

    /// A share in percent, with as few digits as it needs (`25 %`, `12.5 %`), two after the point at most.
    pub fn percent(share: f64) -> Self {
        if !share.is_finite() {
            return Self::lit("an unknown share");
        }
        let hundredths = (share * 100.0).round();
        if hundredths == 0.0 && share != 0.0 {
            return Self::lit("under 0.01 %");
        }
        // Adding zero turns a negative zero into a plain one.
        Self(format!("{} %", hundredths / 100.0 + 0.0))
    }

    /// A moment in UTC: `2026-11-22 10:41 UTC`.
    pub fn time(at: jiff::Timestamp) -> Self {
        Self(at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string())
    }

    /// A link; `label` as it is, the address percent-escaped so that it cannot end early. Only http and https
    /// addresses become links, of any other only the label remains.
    pub fn link(label: Markdown, to: &Url) -> Self {
        match address::destination(to) {
            Some(destination) => Self(format!("[{}]({destination})", label.0)),
            None => label,
        }
    }

    /// A link to a comment on the same page: `[Your command](#note_4711)`.
    pub fn note_link(label: &'static str, note: u64) -> Self {
        Self(format!("[{label}](#note_{note})"))
    }

    /// Appends.
    pub fn push(&mut self, more: Markdown) -> &mut Self {
        // Two code spans side by side would be read as one.
        if self.0.ends_with('`') && more.0.starts_with('`') {
            self.0.push(' ');
        }
        self.0.push_str(&more.0);
        self
    }

    /// Appends a literal of ours.
    pub fn push_lit(&mut self, text: &'static str) -> &mut Self {
        self.push(Self::lit(text))
    }

    /// `parts` with `, ` between, or `last` before the last one (" or ", " and ").
    pub fn join(
        parts: impl IntoIterator<Item = Markdown>,
        separator: &'static str,
        last: &'static str,
    ) -> Self {
        let mut parts = parts.into_iter().peekable();
        let mut joined = Self::new();
        let mut first = true;
        while let Some(part) = parts.next() {
            if !first {
                joined.push_lit(if parts.peek().is_some() { separator } else { last });
            }
            first = false;
            joined.push(part);
        }
        joined
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many characters it has.
    pub fn chars(&self) -> usize {
        self.0.chars().count()
    }

    /// The Markdown as it stands.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The finished text. Cut at a line end with a closing word where it is longer than a reply should be
    /// ([`REPLY_LIMIT`]).
    pub fn finish(self) -> CommentText {
        self.finish_within(REPLY_LIMIT)
    }

    /// The finished text, cut at a line end with a closing word where it is longer than `limit` characters.
    /// More than [`GITLAB_TEXT_LIMIT`] is never let through.
    pub fn finish_within(self, limit: usize) -> CommentText {
        let limit = limit.min(GITLAB_TEXT_LIMIT);
        let mut text = self.0;
        if text.chars().count() > limit {
            let room = limit.saturating_sub(CUT.chars().count() + 2);
            let end = text.char_indices().nth(room).map_or(text.len(), |(at, _)| at);
            // Whole lines alone: within a line, a cut could open what was closed. A first line that is
            // too long by itself goes altogether.
            let line_end = text.get(..end).and_then(|kept| kept.rfind('\n')).unwrap_or(0);
            text.truncate(line_end);
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            text.push_str(CUT);
        }
        CommentText::from_markdown(text)
    }
}
