//! Flagsmith's answers as far as they are needed, read tolerantly: what may be missing or null, may be.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    /// Address of the next page. Only its being there counts: behind a proxy it may name another host.
    #[serde(default = "Option::default")]
    pub(super) next: Option<String>,
    pub(super) results: Vec<T>,
}

/// An environment of the project.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Environment {
    pub(super) id: u64,
    pub(super) name: String,
    /// Its public key, which is also its name in addresses.
    pub(super) api_key: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) use_v2_feature_versioning: bool,
    /// Set (also to 0) where changes go through change requests.
    #[serde(default)]
    pub(super) minimum_change_request_approvals: Option<i64>,
}

/// A flag. With `?environment=` in the question also its default there and how many overrides it has.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Feature {
    pub(super) id: u64,
    pub(super) name: String,
    #[serde(default)]
    pub(super) description: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) is_archived: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) tags: Vec<u64>,
    #[serde(default)]
    pub(super) created_date: Option<String>,
    #[serde(default)]
    pub(super) last_modified_in_any_environment: Option<String>,
    /// Of environments with version 2 of feature versioning alone.
    #[serde(default)]
    pub(super) last_modified_in_current_environment: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) owners: Vec<Owner>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) multivariate_options: Vec<Value>,
    #[serde(default)]
    pub(super) environment_feature_state: Option<DefaultState>,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) num_segment_overrides: u64,
    /// Null where nothing is overridden.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) num_identity_overrides: u64,
}

/// Somebody whose flag it is.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Owner {
    #[serde(default)]
    pub(super) email: Option<String>,
}

/// When a state was last changed.
#[derive(Debug, Deserialize)]
pub(super) struct Moment {
    #[serde(default)]
    pub(super) updated_at: Option<String>,
}

/// What a flag is set to in an environment for those who have no override.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct DefaultState {
    pub(super) id: u64,
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) feature_state_value: Value,
}

/// A state with all of its parts: the default, or the override of a segment or an identity.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FullState {
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) feature_state_value: Value,
    #[serde(default)]
    pub(super) feature_segment: Value,
    #[serde(default)]
    pub(super) identity: Value,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) multivariate_feature_state_values: Vec<Value>,
}

/// When a default was saved last.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SavedState {
    pub(super) id: u64,
    pub(super) feature: u64,
    #[serde(default)]
    pub(super) updated_at: Option<String>,
}

/// Which segment an override is for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FeatureSegment {
    pub(super) id: u64,
    pub(super) segment: u64,
    #[serde(default)]
    pub(super) priority: Value,
    #[serde(default)]
    pub(super) segment_name: Option<String>,
}

/// A tag of the project.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Tag {
    pub(super) id: u64,
    pub(super) label: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) is_system_tag: bool,
    /// Flags with it are there to stay.
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) is_permanent: bool,
}

/// A list that is not paged but has the shape of a page.
#[derive(Debug, Deserialize)]
pub(super) struct Results<T> {
    pub(super) results: Vec<T>,
}

/// A link on a flag.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ExternalResource {
    pub(super) id: u64,
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) url: String,
    #[serde(default)]
    pub(super) metadata: Value,
}

/// A project.
#[derive(Debug, Deserialize)]
pub(super) struct Project {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) organisation: Option<u64>,
}

/// A project with its name.
#[derive(Debug, Deserialize)]
pub(super) struct NamedProject {
    pub(super) id: u64,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) name: String,
}

/// A webhook of an organisation.
#[derive(Debug, Deserialize)]
pub(super) struct Webhook {
    pub(super) id: u64,
    #[serde(default)]
    pub(super) url: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) enabled: bool,
    /// With a type that shows it in no log.
    #[serde(default, deserialize_with = "secret")]
    secret: SecretString,
}

impl Webhook {
    /// Empty where it has none.
    pub(super) fn secret(&self) -> &str {
        self.secret.expose_secret()
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default().into())
}

/// What a flag is set to, as people read it; `None` for null and for the empty text.
///
/// Flagsmith writes values in three ways: bare, as `{type, string_value, integer_value, boolean_value}` and as
/// `{type, value}`.
pub(super) fn plain(value: &Value) -> Option<String> {
    match bare(value) {
        // Nothing is nested deeper, whatever the server may say.
        Value::Null | Value::Object(_) => None,
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        bare => Some(bare.to_string()),
    }
}

/// Whether a flag is set to a text that people would read as a number or a yes or no.
pub(super) fn reads_otherwise(value: &Value) -> bool {
    let kind = value.get("type").and_then(Value::as_str);
    let Value::String(text) = bare(value) else { return false };
    if matches!(kind, Some("int" | "integer" | "bool" | "boolean")) {
        return false;
    }
    let number = text.parse::<i64>().is_ok_and(|number| number.to_string() == *text);
    number || matches!(text.as_str(), "true" | "false")
}

/// A value without its type.
fn bare(value: &Value) -> &Value {
    let Value::Object(parts) = value else { return value };
    let part = match parts.get("type").and_then(Value::as_str) {
        _ if parts.contains_key("value") => "value",
        Some("int" | "integer") => "integer_value",
        Some("bool" | "boolean") => "boolean_value",
        _ => "string_value",
    };
    parts.get(part).unwrap_or(&Value::Null)
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
