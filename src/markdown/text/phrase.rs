//! What the bot says, by name: the words stand in templates, and what is put in is Markdown that is safe already.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Markdown;
use crate::markdown::templates::{Given, TemplateError, Templates};

/// Something that is put into a phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::markdown) enum Part {
    /// There is none.
    Nothing,
    /// A piece of a comment. A template can put it somewhere or leave it out, nothing else.
    Piece(Markdown),
    /// Several of them.
    Pieces(Vec<Markdown>),
    /// A number.
    Number(u64),
    /// Whether something is so.
    Is(bool),
}

impl From<Markdown> for Part {
    fn from(piece: Markdown) -> Self {
        if piece.is_empty() { Self::Nothing } else { Self::Piece(piece) }
    }
}

impl From<Option<Markdown>> for Part {
    fn from(piece: Option<Markdown>) -> Self {
        piece.map_or(Self::Nothing, Self::from)
    }
}

impl From<Vec<Markdown>> for Part {
    fn from(pieces: Vec<Markdown>) -> Self {
        Self::Pieces(pieces)
    }
}

impl From<u64> for Part {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Part {
    fn from(number: usize) -> Self {
        Self::Number(u64::try_from(number).unwrap_or(u64::MAX))
    }
}

impl From<bool> for Part {
    fn from(is: bool) -> Self {
        Self::Is(is)
    }
}

impl From<&'static str> for Part {
    fn from(words: &'static str) -> Self {
        Self::from(Markdown::lit(words))
    }
}

/// A phrase with everything that is put into it, so that it can be said in other words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Phrase {
    name: &'static str,
    parts: BTreeMap<&'static str, Part>,
}

impl Phrase {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// In those words.
    pub(super) fn said(&self, templates: &Templates) -> Result<String, TemplateError> {
        let mut pieces = Vec::new();
        let mut given = BTreeMap::new();
        for (name, part) in &self.parts {
            let mut piece = |markdown: &Markdown| -> Result<usize, TemplateError> {
                pieces.push(markdown.said(templates)?);
                Ok(pieces.len() - 1)
            };
            let value = match part {
                Part::Nothing => Given::Nothing,
                Part::Piece(markdown) => Given::Piece(piece(markdown)?),
                Part::Pieces(several) => Given::Pieces(several.iter().map(piece).collect::<Result<_, _>>()?),
                Part::Number(number) => Given::Number(*number),
                Part::Is(is) => Given::Is(*is),
            };
            given.insert(*name, value);
        }
        templates.say(self.name, &given, &pieces)
    }
}

/// A phrase, in the default words until it is said in others.
pub(in crate::markdown) fn phrase<const N: usize>(
    name: &'static str,
    parts: [(&'static str, Part); N],
) -> Markdown {
    let phrase = Phrase { name, parts: parts.into_iter().collect() };
    Markdown::of_phrase(Arc::new(phrase))
}

/// `a, b and c`; nothing where there is nothing.
pub(in crate::markdown) fn and_list(items: impl IntoIterator<Item = Markdown>) -> Markdown {
    list("and_list", items.into_iter().collect())
}

/// `a, b or c`; nothing where there is nothing.
pub(in crate::markdown) fn or_list(items: impl IntoIterator<Item = Markdown>) -> Markdown {
    list("or_list", items.into_iter().collect())
}

fn list(name: &'static str, mut items: Vec<Markdown>) -> Markdown {
    match (items.len(), items.pop()) {
        (_, None) => Markdown::new(),
        (1, Some(only)) => only,
        (_, Some(last)) => {
            items.push(last);
            phrase(name, [("items", items.into())])
        }
    }
}
