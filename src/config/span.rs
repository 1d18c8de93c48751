//! A length of time, as people write it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SpanRelativeTo;
use jiff::fmt::friendly::SpanParser;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest span that makes sense anywhere in a configuration: 400 days. It also keeps sums of spans and
/// points in time far away from where they would overflow.
const LONGEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// A length of time in the configuration: `65s`, `5m`, `2 h`, `1h 30m`, `2 days` (a day is 24 hours). Always more
/// than nothing, at most 400 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(Duration);

impl Span {
    /// A span of whole seconds, for defaults. Held within 1 second and 400 days.
    pub const fn seconds(seconds: u64) -> Self {
        let longest = LONGEST.as_secs();
        let seconds = if seconds == 0 { 1 } else { seconds };
        Self(Duration::from_secs(if seconds > longest { longest } else { seconds }))
    }

    /// As a duration.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

/// A text that is not a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseSpanError {
    /// Not understood.
    #[error("this should be a length of time with its unit, such as `65s`, `5m` or `2 h`")]
    Strange,
    /// Zero, or before now.
    #[error("this length of time should be more than nothing")]
    Nothing,
    /// Too long.
    #[error("this length of time should be at most 400 days")]
    TooLong,
}

impl FromStr for Span {
    type Err = ParseSpanError;

    fn from_str(text: &str) -> Result<Self, ParseSpanError> {
        let span = SpanParser::new().parse_span(text.trim()).map_err(|_| ParseSpanError::Strange)?;
        // Months and years have no fixed length, so they are not understood here.
        let length =
            span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| ParseSpanError::Strange)?;
        if length.is_negative() || length.is_zero() {
            return Err(ParseSpanError::Nothing);
        }
        match Duration::try_from(length) {
            Ok(length) if length <= LONGEST => Ok(Self(length)),
            _ => Err(ParseSpanError::TooLong),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0.as_secs(), self.0.subsec_nanos());
        match () {
            () if nanos % 1_000_000 != 0 => write!(f, "{}ns", self.0.as_nanos()),
            () if nanos != 0 => write!(f, "{}ms", self.0.as_millis()),
            () if seconds % 86_400 == 0 => write!(f, "{}d", seconds / 86_400),
            () if seconds % 3_600 == 0 => write!(f, "{}h", seconds / 3_600),
            () if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            () => write!(f, "{seconds}s"),
        }
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl serde::de::Visitor<'_> for Words {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time with its unit, such as \"65s\", \"5m\" or \"2 h\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Words)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "duration" })
    }
}

/// A length of time that may be nothing: as [`Span`], and `0s` besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pause(Option<Span>);

impl Pause {
    /// A pause of whole seconds, for defaults.
    pub(crate) const fn seconds(seconds: u64) -> Self {
        if seconds == 0 { Self(None) } else { Self(Some(Span::seconds(seconds))) }
    }

    /// As a duration.
    pub(crate) fn duration(self) -> Duration {
        self.0.map(Span::duration).unwrap_or_default()
    }
}

impl FromStr for Pause {
    type Err = ParseSpanError;

    fn from_str(text: &str) -> Result<Self, ParseSpanError> {
        match text.parse() {
            Ok(span) => Ok(Self(Some(span))),
            Err(ParseSpanError::Nothing) if !text.contains(['-', '–']) && !text.contains("ago") => {
                Ok(Self(None))
            }
            Err(error) => Err(error),
        }
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(span) => span.fmt(f),
            None => f.write_str("0s"),
        }
    }
}

impl Serialize for Pause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl serde::de::Visitor<'_> for Words {
            type Value = Pause;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time with its unit, such as \"60s\", or \"0s\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Pause, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Words)
    }
}

impl JsonSchema for Pause {
    fn schema_name() -> Cow<'static, str> {
        "Pause".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Span::json_schema(generator)
    }
}
