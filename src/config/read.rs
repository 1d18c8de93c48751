//! Reads the tree as Rust types. Each error says where, and unknown keys are errors for every struct,
//! whether or not it asks for that.

use std::fmt;

use serde::de::value::{StrDeserializer, StringDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer,
    MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::ConfigError;
use super::error::suggestion;
use super::tree::{Data, Entry, Node, Place, unknown_key};

/// Reads a table. `name` is what it is called in errors: `[gitlab]`.
///
/// `T` must be a struct without `#[serde(flatten)]`: flattening hides from serde which keys there are.
pub(crate) fn read<T: DeserializeOwned>(node: &Node, name: &str) -> Result<T, ConfigError> {
    T::deserialize(Reader { node, name }).map_err(|error| match error {
        ReadError::Ready(error) => error,
        ReadError::Open { place, path, message } => {
            let place = place.as_ref().unwrap_or(&node.place);
            match path {
                Some(key) => ConfigError(format!("{place}: `{key}` in {name}: {message}")),
                None => ConfigError(format!("{place}: {name}: {message}")),
            }
        }
    })
}

/// An error on its way up.
#[derive(Debug)]
enum ReadError {
    /// It says everything.
    Ready(ConfigError),
    /// It still collects where it happened, as it passes the tables on its way.
    Open { place: Option<Place>, path: Option<String>, message: String },
}

impl ReadError {
    fn below(self, entry: &Entry) -> Self {
        match self {
            Self::Ready(error) => Self::Ready(error),
            Self::Open { place, path, message } => Self::Open {
                place: Some(place.unwrap_or_else(|| entry.value.place.clone())),
                path: Some(match path {
                    Some(inner) => format!("{}.{inner}", entry.key),
                    None => entry.key.clone(),
                }),
                message,
            },
        }
    }

    fn at(self, node: &Node) -> Self {
        match self {
            Self::Open { place: None, path, message } => {
                Self::Open { place: Some(node.place.clone()), path, message }
            }
            other => other,
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(error) => error.fmt(f),
            Self::Open { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for ReadError {}

impl serde::de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Open { place: None, path: None, message: message.to_string() }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("this should be {}, not {}", wanted(expected), kind(&found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::custom(format!("this should be {}, not this {}", wanted(expected), bare(kind(&found))))
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        let shown: String = word.chars().take(64).flat_map(char::escape_debug).collect();
        Self::custom(format!("`{shown}` is not known here. {}", suggestion(word, known, "words known here")))
    }

    fn missing_field(key: &'static str) -> Self {
        Self::custom(format!("`{key}` is missing"))
    }
}

fn bare(kind: &'static str) -> &'static str {
    kind.strip_prefix("a ").unwrap_or(kind)
}

/// Serde's name for what was expected, in the words of people who write TOML.
fn wanted(expected: &dyn Expected) -> String {
    let words = expected.to_string();
    match words.as_str() {
        "a string" => "a text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        "i8" | "i16" | "i32" | "i64" => "a whole number".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other if other.starts_with("enum ") => "a text".to_owned(),
        _ => words,
    }
}

/// What was found, without its value: it may be a secret in the wrong place.
fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
        Unexpected::Float(_) => "a number",
        Unexpected::Str(_) | Unexpected::Char(_) => "a text",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a table",
        _ => "something else",
    }
}

struct Reader<'a> {
    node: &'a Node,
    name: &'a str,
}

impl<'a> Reader<'a> {
    fn unexpected(&self) -> Unexpected<'a> {
        match &self.node.data {
            Data::Text(text) | Data::Date(text) | Data::Word(text) => Unexpected::Str(text),
            Data::Integer(number) => Unexpected::Signed(*number),
            Data::Float(number) => Unexpected::Float(*number),
            Data::Bool(is) => Unexpected::Bool(*is),
            Data::List(_) => Unexpected::Seq,
            Data::Table(_) => Unexpected::Map,
        }
    }

    /// The word, read as a number if it is one.
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let node = self.node;
        match &node.data {
            Data::Word(word) => match (word.trim().parse::<i64>(), word.trim().parse::<f64>()) {
                (Ok(number), _) => visitor.visit_i64(number),
                (_, Ok(number)) => visitor.visit_f64(number),
                _ => Err(ReadError::invalid_type(self.unexpected(), &visitor)),
            },
            _ => self.deserialize_any(visitor),
        }
        .map_err(|error: ReadError| error.at(node))
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.number(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.data {
            Data::Text(text) | Data::Date(text) | Data::Word(text) => visitor.visit_str(text),
            Data::Integer(number) => visitor.visit_i64(*number),
            Data::Float(number) => visitor.visit_f64(*number),
            Data::Bool(is) => visitor.visit_bool(*is),
            Data::List(items) => visitor.visit_seq(Items { items: items.iter(), name: self.name }),
            Data::Table(entries) => {
                visitor.visit_map(Entries { entries: entries.iter(), value: None, name: self.name })
            }
        }
        .map_err(|error: ReadError| error.at(self.node))
    }

    numbers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.data {
            Data::Word(word) => match word.trim() {
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                _ => Err(ReadError::invalid_type(self.unexpected(), &visitor).at(self.node)),
            },
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match &self.node.data {
            // In a variable a list is written with commas.
            Data::Word(word) => {
                let words = word.split(',').map(str::trim).filter(|item| !item.is_empty());
                let items: Vec<Node> = words
                    .map(|item| Node { place: self.node.place.clone(), data: Data::Word(item.to_owned()) })
                    .collect();
                visitor.visit_seq(Items { items: items.iter(), name: self.name })
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        if let Some(entry) = self.node.entries().iter().find(|entry| !fields.contains(&entry.key.as_str())) {
            return Err(ReadError::Ready(unknown_key(self.name, entry, fields)));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match &self.node.data {
            Data::Text(word) | Data::Word(word) => {
                visitor.visit_enum(Variant { word }).map_err(|error| error.at(self.node))
            }
            _ => Err(ReadError::invalid_type(self.unexpected(), &"a text").at(self.node)),
        }
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct tuple tuple_struct map identifier ignored_any
    }
}

struct Items<'a> {
    items: std::slice::Iter<'a, Node>,
    name: &'a str,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some(node) = self.items.next() else { return Ok(None) };
        seed.deserialize(Reader { node, name: self.name }).map(Some).map_err(|error| error.at(node))
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, Entry>,
    value: Option<&'a Entry>,
    name: &'a str,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        self.value = Some(entry);
        let key: StringDeserializer<ReadError> = entry.key.clone().into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let Some(entry) = self.value.take() else {
            return Err(ReadError::custom("a value was asked for before its key"));
        };
        let name = match entry.value.data {
            Data::Table(_) => &format!("`{}` of {}", entry.key, self.name),
            _ => self.name,
        };
        seed.deserialize(Reader { node: &entry.value, name }).map_err(|error| error.below(entry))
    }
}

/// An enum is written as one of its words.
struct Variant<'a> {
    word: &'a str,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = ReadError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), ReadError> {
        let word: StrDeserializer<'a, ReadError> = self.word.into_deserializer();
        Ok((seed.deserialize(word)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, _: S) -> Result<S::Value, ReadError> {
        Err(ReadError::custom("a single word cannot carry a value"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, ReadError> {
        Err(ReadError::custom("a single word cannot carry values"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, ReadError> {
        Err(ReadError::custom("a single word cannot carry keys"))
    }
}
