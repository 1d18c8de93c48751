//! GraphQL, as far as `note(id:)` goes: the only place that names a note's last editor (facts, section 5).

use std::collections::VecDeque;

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::call::{Problem, caller};
use crate::sandbox::gitlab::model::{Model, Note};
use crate::sandbox::server::{Request, Response};

/// Answers `POST /api/graphql`.
pub(super) fn answer(model: &mut Model, request: &Request) -> Result<Response, Problem> {
    if !model.settings.graphql || request.method != http::Method::POST {
        let page = "<!DOCTYPE html>\n<html><body><h1>404</h1></body></html>\n";
        return Ok(Response::text(StatusCode::NOT_FOUND, "text/html", page));
    }
    let Ok(caller) = caller(model, &request.headers) else {
        return Ok(errors(StatusCode::UNAUTHORIZED, "Invalid token"));
    };
    let scopes = caller.and_then(|(_, place)| model.tokens.get(place)).map(|token| &token.scopes);
    let enough = |scopes: &Vec<String>| scopes.iter().any(|scope| scope == "api" || scope == "read_api");
    if !scopes.is_none_or(enough) {
        return Ok(errors(StatusCode::FORBIDDEN, "Invalid token"));
    }
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let Some(query) = body["query"].as_str() else {
        return Ok(errors(StatusCode::OK, "Unexpected end of document"));
    };
    let mut tokens = tokens(query);
    let Some(fields) = document(&mut tokens) else {
        return Ok(errors(StatusCode::OK, "syntax error, unexpected end of file"));
    };
    let mut reader = Reader { model, user: caller.map(|(user, _)| user), variables: &body["variables"] };
    let json = match reader.root(&fields) {
        Ok(data) => json!({ "data": data }),
        Err(error) => json!({ "errors": [error] }),
    };
    Ok(Response::json(StatusCode::OK, &json))
}

fn errors(status: StatusCode, message: &str) -> Response {
    Response::json(status, &json!({ "errors": [{ "message": message }] }))
}

/// One field that is asked for.
#[derive(Debug, Clone)]
struct Field {
    name: String,
    alias: String,
    arguments: Vec<(String, Argument)>,
    fields: Vec<Field>,
}

#[derive(Debug, Clone)]
enum Argument {
    Text(String),
    Variable(String),
    Other,
}

/// Names, texts (with a quote in front) and single signs.
fn tokens(query: &str) -> VecDeque<String> {
    let mut tokens = VecDeque::new();
    let mut chars = query.chars().peekable();
    while let Some(first) = chars.next() {
        match first {
            '#' => while chars.next_if(|c| *c != '\n').is_some() {},
            '"' => {
                let mut text = String::from('"');
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => text.extend(chars.next()),
                        c => text.push(c),
                    }
                }
                tokens.push_back(text);
            }
            c if c.is_alphanumeric() || c == '_' => {
                let mut name = String::from(c);
                while let Some(c) = chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                tokens.push_back(name);
            }
            c if c.is_whitespace() || c == ',' => {}
            c => tokens.push_back(c.to_string()),
        }
    }
    tokens
}

/// `query Name($id: NoteID!) { … }` or `{ … }`.
fn document(tokens: &mut VecDeque<String>) -> Option<Vec<Field>> {
    while tokens.front()? != "{" {
        tokens.pop_front();
    }
    selection(tokens)
}

fn selection(tokens: &mut VecDeque<String>) -> Option<Vec<Field>> {
    (tokens.pop_front()? == "{").then_some(())?;
    let mut fields = Vec::new();
    loop {
        let first = tokens.pop_front()?;
        if first == "}" {
            return Some(fields);
        }
        let mut field =
            Field { name: first.clone(), alias: first, arguments: Vec::new(), fields: Vec::new() };
        if tokens.front()? == ":" {
            tokens.pop_front();
            field.name = tokens.pop_front()?;
        }
        if tokens.front()? == "(" {
            tokens.pop_front();
            while tokens.front()? != ")" {
                let name = tokens.pop_front()?;
                (tokens.pop_front()? == ":").then_some(())?;
                let value = tokens.pop_front()?;
                let value = match value.strip_prefix('"') {
                    Some(text) => Argument::Text(text.to_owned()),
                    None if value == "$" => Argument::Variable(tokens.pop_front()?),
                    None => Argument::Other,
                };
                field.arguments.push((name, value));
            }
            tokens.pop_front();
        }
        if tokens.front()? == "{" {
            field.fields = selection(tokens)?;
        }
        fields.push(field);
    }
}

struct Reader<'a> {
    model: &'a Model,
    user: Option<u64>,
    variables: &'a Value,
}

impl Reader<'_> {
    fn root(&mut self, fields: &[Field]) -> Result<Value, Value> {
        let mut data = Map::new();
        for field in fields {
            let value = match field.name.as_str() {
                "__typename" => json!("Query"),
                "note" => self.note(field)?,
                "currentUser" => self.person(self.user, &field.fields)?,
                _ => return Err(undefined("Query", &field.name)),
            };
            data.insert(field.alias.clone(), value);
        }
        Ok(Value::Object(data))
    }

    fn note(&self, field: &Field) -> Result<Value, Value> {
        let argument = field.arguments.iter().find(|(name, _)| name == "id").map(|(_, value)| value);
        let gid = match argument {
            Some(Argument::Text(text)) => Some(text.as_str()),
            Some(Argument::Variable(name)) => self.variables[name.as_str()].as_str(),
            Some(Argument::Other) | None => None,
        };
        let Some(gid) = gid else {
            return Err(json!({
                "message": "Field 'note' is missing required arguments: id",
                "path": ["query", "note"],
                "extensions": { "code": "missingRequiredArguments", "className": "Field", "name": "note", "arguments": "id" },
            }));
        };
        let id = gid.rsplit_once("gid://gitlab/").map(|(_, rest)| rest).and_then(|rest| {
            let (kind, id) = rest.split_once('/')?;
            matches!(kind, "Note" | "DiscussionNote" | "DiffNote").then_some(())?;
            id.parse::<u64>().ok()
        });
        let Some(id) = id else {
            return Err(json!({
                "message": format!("Variable $id of type NoteID! was provided invalid value: \"{gid}\" is not a valid GitLab ID."),
                "extensions": { "value": gid },
            }));
        };
        if field.fields.is_empty() {
            return Err(json!({
                "message": "Field must have selections (field 'note' returns Note but has no selections. Did you mean 'note { ... }'?)",
                "extensions": { "code": "selectionMismatch", "nodeName": "field 'note'", "typeName": "Note" },
            }));
        }
        // What cannot be read is null, without an error.
        let found = self.model.notes.get(&id);
        let readable = found.filter(|note| self.model.visible_note(note.on, id, self.user).is_ok());
        // Unknown fields are an error before anything is looked up.
        match readable {
            Some(note) => self.note_fields(note, &field.fields),
            None => {
                for inner in &field.fields {
                    if !NOTE_FIELDS.contains(&inner.name.as_str()) {
                        return Err(undefined("Note", &inner.name));
                    }
                }
                Ok(Value::Null)
            }
        }
    }

    fn note_fields(&self, note: &Note, fields: &[Field]) -> Result<Value, Value> {
        let time = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut data = Map::new();
        for field in fields {
            let value = match field.name.as_str() {
                "__typename" => json!("Note"),
                "id" => json!(format!("gid://gitlab/{}/{}", note.kind.name().unwrap_or("Note"), note.id)),
                "body" => json!(note.body),
                "system" => json!(note.system),
                "internal" | "confidential" => json!(note.internal),
                "createdAt" => json!(time(note.created_at)),
                "updatedAt" => json!(time(note.updated_at)),
                "lastEditedAt" => json!(note.edited.map(|edit| time(edit.at))),
                "author" => self.person(Some(note.author), &field.fields)?,
                "lastEditedBy" => self.person(note.edited.map(|edit| edit.by), &field.fields)?,
                "url" => json!(format!("{}#note_{}", self.model.page_of(note.on), note.id)),
                _ => return Err(undefined("Note", &field.name)),
            };
            data.insert(field.alias.clone(), value);
        }
        Ok(Value::Object(data))
    }

    fn person(&self, id: Option<u64>, fields: &[Field]) -> Result<Value, Value> {
        let user = id.and_then(|id| self.model.users.get(&id));
        let mut data = Map::new();
        for field in fields {
            let value = match field.name.as_str() {
                "__typename" => json!("UserCore"),
                "id" => json!(user.map(|user| format!("gid://gitlab/User/{}", user.id))),
                "username" => json!(user.map(|user| &user.username)),
                "name" => json!(user.map(|user| &user.name)),
                "bot" => json!(user.map(|user| user.bot)),
                _ => return Err(undefined("UserCore", &field.name)),
            };
            data.insert(field.alias.clone(), value);
        }
        Ok(if user.is_some() { Value::Object(data) } else { Value::Null })
    }
}

const NOTE_FIELDS: &[&str] = &[
    "__typename",
    "id",
    "body",
    "system",
    "internal",
    "confidential",
    "createdAt",
    "updatedAt",
    "lastEditedAt",
    "author",
    "lastEditedBy",
    "url",
];

/// GitLab's words for a field that there is not.
fn undefined(kind: &str, name: &str) -> Value {
    json!({
        "message": format!("Field '{name}' doesn't exist on type '{kind}'"),
        "path": ["query", name],
        "extensions": { "code": "undefinedField", "typeName": kind, "fieldName": name },
    })
}
