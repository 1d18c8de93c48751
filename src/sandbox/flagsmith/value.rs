//! The value of a flag, and the forms in which Flagsmith shows and takes it.

use serde_json::{Value as Json, json};

/// A flag's value in one environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Value {
    /// None.
    #[default]
    Nothing,
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// True or false.
    Truth(bool),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Whole(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Truth(truth)
    }
}

impl From<Option<&str>> for Value {
    fn from(text: Option<&str>) -> Self {
        text.map_or(Self::Nothing, Self::from)
    }
}

impl Value {
    /// What a feature's `initial_value` becomes in its environments: `"42"` is a number there, `"true"` a
    /// truth.
    pub fn from_initial(text: Option<&str>) -> Self {
        let Some(text) = text else { return Self::Nothing };
        match text {
            "true" | "True" => Self::Truth(true),
            "false" | "False" => Self::Truth(false),
            _ => text.parse().map_or_else(|_| Self::Text(text.to_owned()), Self::Whole),
        }
    }

    /// The bare form: text, number, truth or null.
    pub fn bare(&self) -> Json {
        match self {
            Self::Nothing => Json::Null,
            Self::Text(text) => json!(text),
            Self::Whole(number) => json!(number),
            Self::Truth(truth) => json!(truth),
        }
    }

    /// Reads the bare form. What is neither text, number, truth nor null is `None`.
    pub fn from_bare(json: &Json) -> Option<Self> {
        match json {
            Json::Null => Some(Self::Nothing),
            Json::String(text) => Some(Self::Text(text.clone())),
            Json::Number(number) => number.as_i64().map(Self::Whole),
            Json::Bool(truth) => Some(Self::Truth(*truth)),
            Json::Array(_) | Json::Object(_) => None,
        }
    }

    /// The form with one field for each type: `{"type": "unicode", "string_value": …}`.
    pub fn typed(&self) -> Json {
        let kind = match self {
            Self::Nothing | Self::Text(_) => "unicode",
            Self::Whole(_) => "int",
            Self::Truth(_) => "bool",
        };
        json!({
            "type": kind,
            "string_value": if let Self::Text(text) = self { json!(text) } else { Json::Null },
            "integer_value": if let Self::Whole(number) = self { json!(number) } else { Json::Null },
            "boolean_value": if let Self::Truth(truth) = self { json!(truth) } else { Json::Null },
        })
    }

    /// Reads the form with one field for each type.
    pub fn from_typed(json: &Json) -> Option<Self> {
        let field = match json.get("type").and_then(Json::as_str).unwrap_or("unicode") {
            "unicode" => "string_value",
            "int" => "integer_value",
            "bool" => "boolean_value",
            _ => return None,
        };
        Self::from_bare(json.get(field).unwrap_or(&Json::Null))
    }

    /// The form of the newer calls: `{"type": "integer", "value": "42"}`, or null.
    pub fn named(&self) -> Json {
        match self {
            Self::Nothing => Json::Null,
            Self::Text(text) => json!({ "type": "string", "value": text }),
            Self::Whole(number) => json!({ "type": "integer", "value": number.to_string() }),
            Self::Truth(truth) => json!({ "type": "boolean", "value": truth.to_string() }),
        }
    }

    /// Reads the form of the newer calls.
    ///
    /// # Errors
    ///
    /// The body that Flagsmith answers with 400.
    pub fn from_named(json: &Json) -> Result<Self, Json> {
        if json.is_null() {
            return Ok(Self::Nothing);
        }
        let Some(kind) = json.get("type") else { return Err(json!({ "type": ["This field is required."] })) };
        let Some(text) = json.get("value").and_then(Json::as_str) else {
            return Err(json!({ "value": ["This field is required."] }));
        };
        match kind.as_str() {
            Some("string") => Ok(Self::Text(text.to_owned())),
            Some("integer") => {
                text.parse().map(Self::Whole).map_err(|_| json!([format!("'{text}' is not a valid integer")]))
            }
            Some("boolean") => match text.to_ascii_lowercase().as_str() {
                "true" => Ok(Self::Truth(true)),
                "false" => Ok(Self::Truth(false)),
                _ => Err(json!([format!("'{text}' is not a valid boolean (use 'true' or 'false')")])),
            },
            _ => Err(json!({ "type": [format!("{kind} is not a valid choice.")] })),
        }
    }
}
