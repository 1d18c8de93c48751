//! Text that can go into a comment.

mod phrase;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use jiff::tz::TimeZone;
use url::Url;

use super::templates::{TemplateError, Templates};
use super::{address, outside};
use crate::domain::CommentText;

pub(super) use phrase::{Part, and_list, or_list, phrase};

use phrase::Phrase;

/// The longest text of a comment that GitLab takes, in characters (`MAX_TEXT_SIZE_LIMIT`).
pub const GITLAB_TEXT_LIMIT: usize = 1_000_000;
/// The longest reply, in characters: GitLab would take more, but nobody would read it.
pub const REPLY_LIMIT: usize = 60_000;
/// The longest panel, in characters. The rest of GitLab's limit is left to the marker.
pub const PANEL_LIMIT: usize = 900_000;

static DEFAULT_WORDS: LazyLock<Templates> = LazyLock::new(Templates::default);

/// What closes a text that was too long.
const CUT: &str = "…and more, which is too long for a comment.";

/// Markdown that is safe to post: what it was made of is either a literal of ours or outside text that can
/// no longer be a quick action, a mention, a reference, a link, a table break or HTML.
///
/// Of what it says it remembers which phrases they are, so that they can be said in other words
/// ([`finish_in`](Self::finish_in)).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Markdown {
    /// In the default words.
    text: String,
    /// The phrases in it, in order. They do not overlap.
    phrases: Vec<Spoken>,
}

/// A phrase, and where it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Spoken {
    at: Range<usize>,
    phrase: Arc<Phrase>,
}

impl Markdown {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A literal of ours, taken as it is.
    pub fn lit(text: &'static str) -> Self {
        Self::plain(text.to_owned())
    }

    fn plain(text: String) -> Self {
        Self { text, phrases: Vec::new() }
    }

    /// A phrase.
    fn of_phrase(phrase: Arc<Phrase>) -> Self {
        // The default words are tried by a test, all of them.
        let text = phrase.said(&DEFAULT_WORDS).unwrap_or_else(|_| phrase.name().replace('_', " "));
        let at = 0..text.len();
        Self { text, phrases: vec![Spoken { at, phrase }] }
    }

    /// Outside text, always as inline code. Line breaks and control characters are made visible, long text
    /// is shortened to `limit` characters with `…`. Empty text becomes a visible "(empty)" in words.
    pub fn code(outside: &str, limit: usize) -> Self {
        if outside.is_empty() {
            Self::lit("(empty)")
        } else {
            Self::plain(outside::as_markdown(outside, limit))
        }
    }

    /// As [`code`](Self::code), for a place where HTML is read and Markdown is not, such as `<summary>`.
    pub fn html_code(outside: &str, limit: usize) -> Self {
        if outside.is_empty() {
            Self::lit("(empty)")
        } else {
            Self::plain(outside::as_summary(outside, limit))
        }
    }

    /// A number.
    pub fn number(n: u64) -> Self {
        Self::plain(n.to_string())
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
        Self::plain(format!("{} %", hundredths / 100.0 + 0.0))
    }

    /// A moment in UTC: `2026-11-22 10:41 UTC`.
    pub fn time(at: jiff::Timestamp) -> Self {
        Self::plain(at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string())
    }

    /// A link; `label` as it is, the address percent-escaped so that it cannot end early. Only http and https
    /// addresses become links, of any other only the label remains.
    pub fn link(label: Markdown, to: &Url) -> Self {
        match address::destination(to) {
            Some(destination) => {
                let mut link = Self::lit("[");
                link.push(label);
                link.push(Self::plain(format!("]({destination})")));
                link
            }
            None => label,
        }
    }

    /// A link to a comment on the same page: `[Your command](#note_4711)`.
    pub fn note_link(label: Markdown, note: u64) -> Self {
        let mut link = Self::lit("[");
        link.push(label).push(Self::plain(format!("](#note_{note})")));
        link
    }

    /// Appends.
    pub fn push(&mut self, more: Markdown) -> &mut Self {
        // Two code spans side by side would be read as one.
        if self.text.ends_with('`') && more.text.starts_with('`') {
            self.text.push(' ');
        }
        let begin = self.text.len();
        self.text.push_str(&more.text);
        self.phrases.extend(more.phrases.into_iter().map(|Spoken { at, phrase }| Spoken {
            at: begin.saturating_add(at.start)..begin.saturating_add(at.end),
            phrase,
        }));
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
        self.text.is_empty()
    }

    /// How many characters it has.
    pub fn chars(&self) -> usize {
        self.text.chars().count()
    }

    /// The Markdown as it stands.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its text with its phrases in those words.
    pub(super) fn said(&self, templates: &Templates) -> Result<String, TemplateError> {
        let mut out = String::with_capacity(self.text.len());
        let mut put = |part: &str| {
            if out.ends_with('`') && part.starts_with('`') {
                out.push(' ');
            }
            out.push_str(part);
        };
        let mut at = 0;
        for Spoken { at: place, phrase } in &self.phrases {
            put(self.text.get(at..place.start).unwrap_or_default());
            put(&phrase.said(templates)?);
            at = place.end;
        }
        put(self.text.get(at..).unwrap_or_default());
        Ok(out)
    }

    /// The finished text. Cut at a line end with a closing word where it is longer than a reply should be
    /// ([`REPLY_LIMIT`]).
    pub fn finish(self) -> CommentText {
        self.finish_within(REPLY_LIMIT)
    }

    /// The finished text in those words. Where they fail it is finished in the default ones.
    pub fn finish_in(self, templates: &Templates) -> CommentText {
        self.in_words(templates, REPLY_LIMIT).finish_within(REPLY_LIMIT)
    }

    /// The same text in those words, if that goes and they are not too many.
    pub(super) fn in_words(self, templates: &Templates, limit: usize) -> Self {
        match self.said(templates) {
            Ok(text) if text.chars().count() <= limit && !acts(&text) => Self::plain(text),
            Ok(_) => self,
            Err(error) => {
                templates.note_failure(&error);
                self
            }
        }
    }

    /// The finished text, cut at a line end with a closing word where it is longer than `limit` characters.
    /// More than [`GITLAB_TEXT_LIMIT`] is never let through.
    pub fn finish_within(self, limit: usize) -> CommentText {
        let limit = limit.min(GITLAB_TEXT_LIMIT);
        let mut text = self.text;
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

/// Whether a line could be a quick action. No template makes one; this looks once more at what is sent.
fn acts(text: &str) -> bool {
    text.lines().any(|line| line.trim_start().starts_with('/'))
}
