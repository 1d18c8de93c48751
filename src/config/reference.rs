//! `docs/configuration.md`, made from the tables themselves so that it cannot drift from them.

use std::fmt::Write as _;

use schemars::{JsonSchema, Schema, schema_for};
use serde_json::{Map, Value};

use super::file::{GitlabTable, ListenTable, ProjectTable, ProviderCommon, StoreTable};
use super::limits::LimitsTable;
use super::reminder::ReminderTable;
use super::templates::TemplatesTable;
use super::tunnel::TunnelTable;

/// A whole file with every key, for people to begin with. It passes [`Config::load`](super::Config::load) when the
/// secret files that it names are beside it.
pub const EXAMPLE: &str = include_str!("example.toml");

const HEAD: &str = "\
# Configuration

flaglink reads one TOML file: the one that `--config FILE` names, else `flaglink.toml` in the directory it is started in,
else `/etc/flaglink/flaglink.toml`. A key that this version does not know is an error that names the line and the nearest
known key, so a mistyped one never goes unnoticed.

**Secrets** never stand in the file itself. Each has two keys: `…_file` names a file with it, `…_env` names an
environment variable; only one of the two can be given. A relative file name is looked for in `$CREDENTIALS_DIRECTORY`
(systemd's `LoadCredential=`), then beside the configuration. Spaces around a secret and blank lines do not count. Of
an access token the first line counts; of a webhook secret every line does, for rotation. A secret file that everybody on
the machine can read gives a warning.

**Other paths** that are relative are beside the configuration as well.

**The environment** goes over the file: `FLAGLINK_`, then the table and the key in capitals with `__` between them, so
`FLAGLINK_PROVIDERS__FLAGSMITH__URL` is `url` in `[providers.flagsmith]`. A `-` in a name is written `_`. Lists are
written with commas. Keys of `[[projects]]` and `[[reminders]]` cannot be set there. `FLAGLINK_LOG` is no key of the file: it says how much is
logged (`info`, `debug`, `flaglink::gitlab=debug`).

**Lengths of time** are written with their unit: `65s`, `5m`, `2 h`, `1 day`.
";

const TAIL: &str = "\
## A whole file

Every key once. A small one needs only `[gitlab]` with `url` and two secrets, one provider, and one rule.
";

/// The whole page. `kinds` are the kinds of provider and the schemas of their own keys.
pub fn configuration_markdown(kinds: &[(&str, Schema)]) -> String {
    let mut page = HEAD.to_owned();
    section::<ListenTable>(&mut page, "[listen]", "FLAGLINK_LISTEN__");
    section::<TunnelTable>(&mut page, "[tunnel]", "FLAGLINK_TUNNEL__");
    section::<StoreTable>(&mut page, "[store]", "FLAGLINK_STORE__");
    section::<LimitsTable>(&mut page, "[limits]", "FLAGLINK_LIMITS__");
    section::<GitlabTable>(&mut page, "[gitlab]", "FLAGLINK_GITLAB__");
    section::<ProviderCommon>(&mut page, "[providers.NAME]", PROVIDER_PREFIX);
    for (kind, schema) in kinds {
        let title = format!("### `kind = \"{kind}\"`");
        Keys { schema: schema.as_value(), prefix: Some(PROVIDER_PREFIX) }.write(&mut page, &title);
    }
    let title = "## `[[projects]]`";
    Keys { schema: schema_for!(ProjectTable).as_value(), prefix: None }.write(&mut page, title);
    let title = "## `[[reminders]]`";
    Keys { schema: schema_for!(ReminderTable).as_value(), prefix: None }.write(&mut page, title);
    section::<TemplatesTable>(&mut page, "[templates]", "FLAGLINK_TEMPLATES__");
    let _ = write!(page, "\n{TAIL}\n```toml\n{}```\n", EXAMPLE);
    page
}

const PROVIDER_PREFIX: &str = "FLAGLINK_PROVIDERS__NAME__";

fn section<T: JsonSchema>(page: &mut String, name: &str, prefix: &str) {
    let schema = schema_for!(T);
    let keys = Keys { schema: schema.as_value(), prefix: Some(prefix) };
    keys.write(page, &format!("## `{name}`"));
}

/// The keys of one table.
struct Keys<'a> {
    schema: &'a Value,
    /// What the names of its environment variables begin with; `None` where it cannot be set from there.
    prefix: Option<&'a str>,
}

impl Keys<'_> {
    fn write(&self, page: &mut String, title: &str) {
        let _ = write!(page, "\n{title}\n");
        if let Some(about) = description(self.schema) {
            let _ = write!(page, "\n{about}\n");
        }
        self.properties(page, self.schema, "");
    }

    fn properties(&self, page: &mut String, table: &Value, path: &str) {
        let Some(properties) = table.get("properties").and_then(Value::as_object) else { return };
        let required = |key: &str| {
            table.get("required").and_then(Value::as_array).is_some_and(|keys| keys.iter().any(|k| k == key))
        };
        // What must be given stands first, and the file of a secret before its variable.
        let mut keys: Vec<(&String, &Value)> = properties.iter().collect();
        keys.sort_by_key(|(key, _)| {
            (
                !required(key),
                key.strip_suffix("_env").map_or_else(|| (*key).clone(), |stem| format!("{stem}_file, ")),
            )
        });
        for (key, written) in keys {
            let schema = self.resolve(written);
            let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            let kind = match self.kind(schema) {
                // Every key that ends so is one, also those of providers.
                text if text == "text" && key.ends_with("_file") => "path".to_owned(),
                text if text == "text" && key.ends_with("_env") => "name of a variable".to_owned(),
                kind => kind,
            };
            let mut facts = vec![format!("**`{name}`**"), kind];
            let default = [written, schema].into_iter().find_map(|schema| schema.get("default"));
            let inner = schema.get("properties").is_some();
            match default.filter(|default| !default.is_null()) {
                _ if inner => {}
                _ if required(key) => facts.push("required".to_owned()),
                Some(default) => facts.push(format!("default `{}`", toml_words(default))),
                None => facts.push("no default".to_owned()),
            }
            if let Some(prefix) = self.prefix {
                let variable = name.replace('.', "__").to_uppercase();
                facts.push(format!("`{prefix}{variable}`"));
            }
            let _ = write!(page, "\n{}\n", facts.join(" · "));
            if let Some(about) = description(written).or_else(|| description(schema)) {
                let _ = write!(page, "\n{about}\n");
            }
            if inner {
                self.properties(page, schema, &name);
            }
        }
    }

    /// Follows references, and looks through "this or null", which is how an optional key is written in a schema.
    fn resolve<'s>(&'s self, schema: &'s Value) -> &'s Value {
        if let Some(name) =
            schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/"))
        {
            return self.schema.get("$defs").and_then(|all| all.get(name)).unwrap_or(schema);
        }
        match schema.get("anyOf").and_then(Value::as_array).map(Vec::as_slice) {
            Some([one, null]) if null.get("type").is_some_and(|kind| kind == "null") => self.resolve(one),
            _ => schema,
        }
    }

    /// What kind of value it is, in words.
    fn kind(&self, schema: &Value) -> String {
        let words = words_of(schema);
        if !words.is_empty() {
            let words: Vec<String> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
            return words.join(", ");
        }
        let kind = match schema.get("type") {
            Some(Value::Array(kinds)) => kinds.iter().find_map(Value::as_str).unwrap_or_default(),
            Some(Value::String(kind)) => kind,
            _ => "",
        };
        match (kind, schema.get("format").and_then(Value::as_str)) {
            ("string", Some("path")) => "path".to_owned(),
            ("string", Some("uri")) => "URL".to_owned(),
            ("string", Some("duration")) => "length of time".to_owned(),
            ("string", _) => "text".to_owned(),
            ("boolean", _) => "`true` or `false`".to_owned(),
            ("integer", _) => "whole number".to_owned(),
            ("number", _) => "number".to_owned(),
            ("array", _) => match schema.get("items") {
                Some(items) => format!("list of {}", plural(&self.kind(self.resolve(items)))),
                None => "list".to_owned(),
            },
            ("object", _) => match schema.get("additionalProperties") {
                Some(values @ Value::Object(_)) => format!("table of {}", self.kind(self.resolve(values))),
                _ => "table".to_owned(),
            },
            _ => "value".to_owned(),
        }
    }
}

/// The words that are allowed, where only some are.
fn words_of(schema: &Value) -> Vec<&str> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        return words.iter().filter_map(Value::as_str).collect();
    }
    let each = schema.get("oneOf").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    each.iter().filter_map(|one| one.get("const")).filter_map(Value::as_str).collect()
}

fn plural(kind: &str) -> String {
    match kind {
        "text" | "path" | "URL" | "number" | "whole number" | "table" => format!("{kind}s"),
        other => other.to_owned(),
    }
}

/// A doc comment: its line breaks are those of the source, not of the page.
fn description(schema: &Value) -> Option<String> {
    let text = schema.get("description")?.as_str()?;
    let paragraphs: Vec<String> =
        text.split("\n\n").map(|paragraph| paragraph.lines().collect::<Vec<_>>().join("\n")).collect();
    Some(paragraphs.join("\n\n"))
}

/// A JSON value as it is written in TOML.
fn toml_words(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(toml_words).collect::<Vec<_>>().join(", "))
        }
        Value::Object(entries) => table_words(entries),
        other => other.to_string(),
    }
}

fn table_words(entries: &Map<String, Value>) -> String {
    if entries.is_empty() {
        return "{}".to_owned();
    }
    let pairs: Vec<String> =
        entries.iter().map(|(key, value)| format!("{key} = {}", toml_words(value))).collect();
    format!("{{ {} }}", pairs.join(", "))
}
