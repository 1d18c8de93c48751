//! One request to the API: who asks, with which rights, and the fields they sent (facts, section 5).

use std::borrow::Cow;

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::sandbox::gitlab::access::Refusal;
use crate::sandbox::gitlab::model::Model;
use crate::sandbox::server::{Request, Response};

/// Why a request did not get what it asked for.
#[derive(Debug)]
pub(in crate::sandbox::gitlab) enum Problem {
    Refused(Refusal),
    Answer(Box<Response>),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Problem {
    /// An answer of its own.
    pub(super) fn answer(response: Response) -> Self {
        Self::Answer(Box::new(response))
    }

    /// Grape's own complaints: `{"error": …}`.
    pub(super) fn error(status: StatusCode, error: impl Into<String>) -> Self {
        Self::answer(Response::json(status, &json!({ "error": error.into() })))
    }

    /// GitLab's complaints: `{"message": …}`.
    pub(super) fn message(status: StatusCode, message: impl Into<Value>) -> Self {
        Self::answer(Response::json(status, &json!({ "message": message.into() })))
    }

    pub(super) fn unauthorized() -> Self {
        Self::message(StatusCode::UNAUTHORIZED, "401 Unauthorized")
    }

    pub(super) fn into_response(self) -> Response {
        let refusal = match self {
            Self::Answer(response) => return *response,
            Self::Refused(refusal) => refusal,
        };
        let (status, message) = match refusal {
            Refusal::NotFound(what) => (StatusCode::NOT_FOUND, json!(format!("404 {what}"))),
            Refusal::Forbidden => (StatusCode::FORBIDDEN, json!("403 Forbidden")),
            Refusal::Invalid(why) => (StatusCode::BAD_REQUEST, json!(why)),
            Refusal::Field(field, why) => (StatusCode::BAD_REQUEST, json!({ (field): [why] })),
            Refusal::Conflict(what) => (StatusCode::CONFLICT, json!(what)),
            // A note of nothing but quick actions: 202 and no note.
            Refusal::OnlyCommands(names) => {
                let body = json!({
                    "commands_changes": {},
                    "summary": [format!("Applied {} command.", names.join(", "))],
                });
                return Response::json(StatusCode::ACCEPTED, &body);
            }
        };
        Response::json(status, &json!({ "message": message }))
    }
}

/// The token that a request carries: `PRIVATE-TOKEN` or `Authorization: Bearer`.
pub(super) fn secret_in(headers: &HeaderMap) -> Option<&str> {
    let private = headers.get("private-token").and_then(|value| value.to_str().ok());
    let bearer = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer ")));
    private.or(bearer)
}

/// The user that a request's token belongs to, and the token's place in the list; `None` without a token.
pub(in crate::sandbox::gitlab) fn caller(
    model: &Model,
    headers: &HeaderMap,
) -> Result<Option<(u64, usize)>, Problem> {
    let Some(secret) = secret_in(headers) else { return Ok(None) };
    let found = model.tokens.iter().position(|token| token.secret == secret);
    let Some((place, token)) = found.and_then(|place| Some((place, model.tokens.get(place)?))) else {
        return Err(Problem::unauthorized());
    };
    let invalid = |why: &str| {
        Problem::answer(Response::json(
            StatusCode::UNAUTHORIZED,
            &json!({ "error": "invalid_token", "error_description": why }),
        ))
    };
    if token.revoked {
        return Err(invalid("Token was revoked. You have to re-authorize from the user."));
    }
    let today = model.now().to_zoned(jiff::tz::TimeZone::UTC).date();
    if token.expires_at.is_some_and(|day| day <= today) {
        return Err(invalid("Token is expired. You can either do re-authorization or token refresh."));
    }
    if model.users.get(&token.user).is_none_or(|user| user.blocked) {
        return Err(Problem::message(
            StatusCode::FORBIDDEN,
            "403 Forbidden - Your account has been blocked.",
        ));
    }
    Ok(Some((token.user, place)))
}

/// One request, read.
pub(super) struct Call<'a> {
    pub(super) model: &'a mut Model,
    pub(super) method: Method,
    /// The path below `/api/v4/`, each segment decoded.
    pub(super) segments: Vec<String>,
    /// The path as it was sent.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) user: Option<u64>,
    /// The token's place in the model.
    pub(super) token: Option<usize>,
    fields: Map<String, Value>,
}

impl<'a> Call<'a> {
    pub(super) fn new(model: &'a mut Model, request: &Request, path: &str) -> Result<Self, Problem> {
        let segments = path
            .split('/')
            .map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let caller = caller(model, &request.headers)?;
        let query = request.query_pairs();
        let call = Self {
            model,
            method: request.method.clone(),
            segments,
            path: request.path.clone(),
            fields: fields(request, &query)?,
            query,
            user: caller.map(|(user, _)| user),
            token: caller.map(|(_, place)| place),
        };
        call.check_scope()?;
        Ok(call)
    }

    /// Whoever reads needs `api` or `read_api`, whoever writes `api`; of themselves, `read_user` and any token may ask.
    fn check_scope(&self) -> Result<(), Problem> {
        let Some(token) = self.token.and_then(|place| self.model.tokens.get(place)) else {
            return Ok(());
        };
        let first = self.segments.first().map(String::as_str);
        let enough: &[&str] = match (self.method.is_safe(), first) {
            (true, Some("personal_access_tokens")) => return Ok(()),
            (true, Some("user")) => &["api", "read_api", "read_user"],
            (true, _) => &["api", "read_api"],
            (false, _) => &["api"],
        };
        if token.scopes.iter().any(|scope| enough.contains(&scope.as_str())) {
            return Ok(());
        }
        Err(Problem::answer(Response::json(
            StatusCode::FORBIDDEN,
            &json!({
                "error": "insufficient_scope",
                "error_description": "The request requires higher privileges than provided by the access token.",
                "scope": enough.join(" "),
            }),
        )))
    }

    /// Who asks; 401 where nobody in particular does.
    pub(super) fn me(&self) -> Result<u64, Problem> {
        self.user.ok_or_else(Problem::unauthorized)
    }

    /// Answers a GET, refuses everything else.
    pub(super) fn only_get(
        &mut self,
        answer: impl FnOnce(&mut Self) -> Result<Response, Problem>,
    ) -> Result<Response, Problem> {
        if self.method.is_safe() { answer(self) } else { Err(self.not_allowed("GET, HEAD")) }
    }

    /// 405 with what would be allowed.
    pub(super) fn not_allowed(&self, allow: &str) -> Problem {
        let answer = Response::json(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": "405 Not Allowed" }));
        Problem::answer(answer.with_header("allow", allow))
    }

    /// The group with that id or path, for those who are members.
    pub(super) fn group(&self, id: &str) -> Result<u64, Problem> {
        let me = self.me()?;
        let by_id = id.parse::<u64>().ok().filter(|id| self.model.groups.contains_key(id));
        let by_path = || self.model.groups.values().find(|group| group.path.eq_ignore_ascii_case(id));
        let found = by_id.or_else(|| by_path().map(|group| group.id));
        let missing = Refusal::NotFound("Group Not Found".into());
        Ok(found.filter(|group| self.model.group_level(*group, me) > 0).ok_or(missing)?)
    }

    /// The project by id or path. A path that it once had leads to it: a redirect for reading, 405 for the rest.
    pub(super) fn project(&self, id: &str) -> Result<u64, Problem> {
        if !self.method.is_safe() {
            self.me()?;
        }
        let missing = || Problem::from(Refusal::NotFound("Project Not Found".into()));
        let by_id = id.parse::<u64>().ok().filter(|id| self.model.projects.contains_key(id));
        let found = by_id.or_else(|| self.model.project_at(id).map(|project| project.id));
        if let Some(project) = found {
            self.model.visible_project(project, self.user)?;
            return Ok(project);
        }
        let moved = self
            .model
            .projects
            .values()
            .find(|project| project.old_paths.iter().any(|path| path.eq_ignore_ascii_case(id)))
            .ok_or_else(missing)?
            .id;
        self.model.visible_project(moved, self.user)?;
        if !self.method.is_safe() {
            return Err(Problem::message(
                StatusCode::METHOD_NOT_ALLOWED,
                "Non GET methods are not allowed for moved projects",
            ));
        }
        let rest: String = self.path.splitn(6, '/').nth(5).map(|rest| format!("/{rest}")).unwrap_or_default();
        let to = format!("{}/api/v4/projects/{moved}{rest}", self.model.settings.url);
        Err(Problem::answer(
            Response::text(
                StatusCode::MOVED_PERMANENTLY,
                "text/plain",
                format!("This resource has been moved permanently to {to}"),
            )
            .with_header("location", &to),
        ))
    }

    /// A number in the path.
    pub(super) fn number(&self, segment: &str, name: &str) -> Result<u64, Problem> {
        segment.parse().map_err(|_| Problem::error(StatusCode::BAD_REQUEST, format!("{name} is invalid")))
    }

    /// Whether a field was sent.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// A text field; numbers and booleans are taken as their text, `null` as nothing.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.fields.get(name)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// A text field that has to be there.
    pub(super) fn required(&self, name: &str) -> Result<String, Problem> {
        if !self.has(name) {
            return Err(Problem::error(StatusCode::BAD_REQUEST, format!("{name} is missing")));
        }
        Ok(self.text(name).unwrap_or_default())
    }

    /// A yes-or-no field.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "t" | "on" => Ok(Some(true)),
            "false" | "0" | "f" | "off" => Ok(Some(false)),
            _ => Err(Problem::error(StatusCode::BAD_REQUEST, format!("{name} is invalid"))),
        }
    }

    /// A list of names: an array, or a text with commas.
    pub(super) fn names(&self, name: &str) -> Option<Vec<String>> {
        let split = |text: &str| {
            text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
        };
        Some(match self.fields.get(name)? {
            Value::Array(items) => items
                .iter()
                .filter_map(Value::as_str)
                .flat_map(|text| -> Vec<String> { split(text) })
                .collect(),
            Value::String(text) => split(text),
            _ => Vec::new(),
        })
    }

    /// A list of whatever was sent.
    pub(super) fn list(&self, name: &str) -> Vec<Value> {
        self.fields.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// A list of ids.
    pub(super) fn ids(&self, name: &str) -> Option<Vec<u64>> {
        let items = match self.fields.get(name)? {
            Value::Array(items) => Cow::Borrowed(items),
            other => Cow::Owned(vec![other.clone()]),
        };
        let id = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        Some(items.iter().filter_map(id).collect())
    }

    /// What the query says.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The fields of query and body together, as Grape takes them.
fn fields(request: &Request, query: &[(String, String)]) -> Result<Map<String, Value>, Problem> {
    let mut fields = Map::new();
    let mut add = |pairs: &mut dyn Iterator<Item = (String, String)>| {
        for (name, value) in pairs {
            match name.strip_suffix("[]") {
                Some(name) => {
                    let list = fields.entry(name.to_owned()).or_insert_with(|| json!([]));
                    if let Some(list) = list.as_array_mut() {
                        list.push(json!(value));
                    }
                }
                None => {
                    fields.insert(name, json!(value));
                }
            }
        }
    };
    add(&mut query.iter().cloned());
    if request.body.is_empty() {
        return Ok(fields);
    }
    let kind = request.header("content-type").unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("application/json") {
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(body)) => fields.extend(body),
            Ok(_) => {}
            Err(error) => {
                return Err(Problem::error(
                    StatusCode::BAD_REQUEST,
                    format!("Problem parsing JSON: {error}"),
                ));
            }
        }
    } else if kind.is_empty() || kind.starts_with("application/x-www-form-urlencoded") {
        add(&mut url::form_urlencoded::parse(&request.body).into_owned());
    } else {
        return Err(Problem::error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("The provided content-type '{kind}' is not supported."),
        ));
    }
    Ok(fields)
}
