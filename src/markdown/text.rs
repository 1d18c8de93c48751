//! Text that can go into a comment.

use url::Url;

use crate::domain::CommentText;

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
    pub fn lit(_text: &'static str) -> Self {
        todo!()
    }

    /// Outside text, always as inline code. Line breaks and control characters are made visible, long text
    /// is shortened to `limit` characters with `…`. Empty text becomes a visible "(empty)" in words.
    pub fn code(_outside: &str, _limit: usize) -> Self {
        todo!()
    }

    /// A number.
    pub fn number(_n: u64) -> Self {
        todo!()
    }

    /// A share in percent, with as few digits as it needs (`25 %`, `12.5 %`).
    pub fn percent(_share: f64) -> Self {
        todo!()
    }

    /// A moment in UTC: `2026-11-22 10:41 UTC`.
    pub fn time(_at: jiff::Timestamp) -> Self {
        todo!()
    }

    /// A link; `label` as it is, the address percent-escaped so that it cannot end early. Only http and https
    /// addresses become links, of any other only the label remains.
    pub fn link(_label: Markdown, _to: &Url) -> Self {
        todo!()
    }

    /// A link to a comment on the same page: `[Your command](#note_4711)`.
    pub fn note_link(_label: &'static str, _note: u64) -> Self {
        todo!()
    }

    /// Appends.
    pub fn push(&mut self, _more: Markdown) -> &mut Self {
        todo!()
    }

    /// Appends a literal of ours.
    pub fn push_lit(&mut self, _text: &'static str) -> &mut Self {
        todo!()
    }

    /// `parts` with `, ` between, or `last` before the last one (" or ", " and ").
    pub fn join(
        _parts: impl IntoIterator<Item = Markdown>,
        _separator: &'static str,
        _last: &'static str,
    ) -> Self {
        todo!()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The finished text. Cut at a line end with a closing word where it is longer than GitLab takes
    /// (1,000,000 characters; a reply is kept under 60,000).
    pub fn finish(self) -> CommentText {
        CommentText::from_markdown(self.0)
    }
}
