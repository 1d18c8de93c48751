//! Hidden markers, by which the bot finds its own comments again.

use crate::domain::{Cause, CommentText, Noteable};

/// The secret that markers are keyed with. It is kept outside the store, so that a copy of a comment, of the
/// project or of the store proves nothing.
#[derive(Clone)]
pub struct MarkerKey {}

impl std::fmt::Debug for MarkerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MarkerKey(…)")
    }
}

/// One marker: an HTML comment on the last line of a comment of the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(String);

impl MarkerKey {
    /// Takes a key of at least 32 bytes.
    pub fn new(_secret: &[u8]) -> Self {
        todo!()
    }

    /// The marker of an edge.
    pub fn of_cause(&self, _cause: &Cause) -> Marker {
        todo!()
    }

    /// The marker of a noteable's panel.
    pub fn of_panel(&self, _noteable: &Noteable) -> Marker {
        todo!()
    }
}

impl Marker {
    /// Whether a comment's text carries this marker on its last line.
    pub fn is_in(&self, _body: &str) -> bool {
        todo!()
    }

    /// The text with the marker behind it.
    pub fn sign(&self, _text: &CommentText) -> String {
        todo!()
    }
}
