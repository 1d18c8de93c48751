//! One call and its reply.

use ::http::StatusCode;
use serde_json::{Value as Json, json};

use crate::sandbox::server::{Request, Response};
use crate::sandbox::unleash::clock::uuid;
use crate::sandbox::unleash::model::{Actor, Feature};
use crate::sandbox::unleash::world::World;

/// What is said about a body that is not as the API's description has it.
const INVALID: &str = "Request validation failed: your request body or params contain invalid data";

/// What is answered.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    body: Option<Box<Json>>,
    text: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
}

/// A reply, or the reply that ends a call early.
pub(super) type Answer = Result<Reply, Reply>;

impl Reply {
    pub(super) fn json(status: u16, body: Json) -> Self {
        Self { status, body: Some(Box::new(body)), text: None, headers: Vec::new() }
    }

    pub(super) fn ok(body: Json) -> Self {
        Self::json(200, body)
    }

    pub(super) fn nothing(status: u16) -> Self {
        Self { status, body: None, text: None, headers: Vec::new() }
    }

    pub(super) fn text(status: u16, text: &'static str) -> Self {
        Self { status, body: None, text: Some(text), headers: Vec::new() }
    }

    /// An error as the server's own logic words it.
    pub(super) fn error(status: u16, name: &str, words: &str) -> Self {
        Self::json(status, json!({ "name": name, "message": words, "details": [{ "message": words }] }))
    }

    /// An error from before that logic: it has an id.
    pub(super) fn refused(status: u16, name: &str, words: &str) -> Self {
        let details = json!([{ "message": words }]);
        Self::json(status, json!({ "id": uuid(), "name": name, "message": words, "details": details }))
    }

    pub(super) fn not_found(words: &str) -> Self {
        Self::error(404, "NotFoundError", words)
    }

    /// 400 for what the server's own logic does not take.
    pub(super) fn bad(words: &str) -> Self {
        Self::json(
            400,
            json!({
                "name": "BadDataError",
                "message": format!("{INVALID}: {words}"),
                "details": [{ "message": words }],
            }),
        )
    }

    /// 400 for a field that is not as the API's description has it.
    pub(super) fn invalid(path: &str, words: &str) -> Self {
        Self::json(
            400,
            json!({
                "id": uuid(),
                "name": "BadDataError",
                "message": format!("{INVALID}. Refer to the `details` list for more information."),
                "details": [{ "message": words, "path": path }],
            }),
        )
    }

    /// 400 for a name.
    pub(super) fn bad_name(words: &str) -> Self {
        Self::json(
            400,
            json!({
                "name": "BadDataError",
                "message": format!("{INVALID}. Refer to the `details` list for more information."),
                "details": [{ "message": words }],
            }),
        )
    }

    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let response = match (self.body, self.text) {
            (Some(body), _) => Response::text(status, "application/json; charset=utf-8", body.to_string()),
            (None, Some(text)) => Response::text(status, "text/plain; charset=utf-8", text),
            (None, None) => Response::empty(status),
        };
        self.headers.into_iter().fold(response, |response, (name, value)| response.with_header(name, &value))
    }
}

/// One call.
pub(super) struct Call<'a> {
    pub(super) world: &'a mut World,
    pub(super) who: Actor,
    request: &'a Request,
    parts: Vec<String>,
    query: Vec<(String, String)>,
}

impl<'a> Call<'a> {
    pub(super) fn new(world: &'a mut World, request: &'a Request, who: Actor, parts: Vec<String>) -> Self {
        let query = request.query_pairs();
        Self { world, who, request, parts, query }
    }

    /// What stands in the path where its pattern has the `index`th `{}`.
    pub(super) fn part(&self, index: usize) -> String {
        self.parts.get(index).cloned().unwrap_or_default()
    }

    /// A parameter of the query.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The values of a filter: `IS:a` or `IS_ANY_OF:a,b`. `None`: there is no such filter.
    pub(super) fn filter(&self, name: &str) -> Option<Vec<&str>> {
        let (_, values) = self.query(name)?.split_once(':')?;
        Some(values.split(',').map(str::trim).collect())
    }

    /// A number in the query.
    pub(super) fn number(&self, name: &str, usual: usize) -> usize {
        self.query(name).and_then(|value| value.parse().ok()).unwrap_or(usual)
    }

    /// The body as JSON.
    pub(super) fn body(&self) -> Result<Json, Reply> {
        if self.request.body.is_empty() {
            return Ok(json!({}));
        }
        serde_json::from_slice(&self.request.body).map_err(|error| Reply::bad(&error.to_string()))
    }

    /// The flag named in the path, of the project named before it, not archived.
    pub(super) fn feature(&self) -> Result<&Feature, Reply> {
        let (project, name) = (self.part(0), self.part(1));
        match self.world.feature(&name) {
            None => {
                let words = format!("There's no feature named \"{name}\" in project \"{project}\".");
                Err(Reply::not_found(&words))
            }
            Some(found) if found.project != project => Err(Reply::not_found(&format!(
                "There's no feature named \"{name}\" in project \"{project}\", but there's a feature with that \
                 name in project \"{}\"",
                found.project
            ))),
            Some(found) => Ok(found),
        }
    }

    /// The same, where it is not archived: archived flags cannot be worked on (not recorded).
    pub(super) fn live_feature(&self) -> Result<String, Reply> {
        let found = self.feature()?;
        if found.archived_at.is_some() {
            let words = "Cannot perform this operation on archived features";
            return Err(Reply::error(400, "ArchivedFeatureError", words));
        }
        Ok(found.name.clone())
    }

    /// The flag and the environment named in the path.
    pub(super) fn feature_and_environment(&self) -> Result<(String, String), Reply> {
        let name = self.live_feature()?;
        let environment = self.part(2);
        if self.world.environments_of(&self.part(0)).iter().all(|known| known.name != environment) {
            let words = format!("Could not find environment {environment} for feature: {name}");
            return Err(Reply::not_found(&words));
        }
        Ok((name, environment))
    }

    /// The same, where it may be changed at once: 403 where a change has to be requested (enterprise; the words
    /// were not recorded).
    pub(super) fn to_change(&self) -> Result<(String, String), Reply> {
        let (name, environment) = self.feature_and_environment()?;
        if self.world.approvals(&self.part(0), &environment).is_some() {
            let words = format!(
                "You don't have the required permissions to perform this operation. You need the \
                 \"SKIP_CHANGE_REQUEST\" permission to perform this action in the \"{environment}\" environment."
            );
            let mut reply = Reply::error(403, "PermissionError", &words);
            if let Some(fields) = reply.body.as_deref_mut().and_then(Json::as_object_mut) {
                fields.insert("permissions".to_owned(), json!(["SKIP_CHANGE_REQUEST"]));
            }
            return Err(reply);
        }
        Ok((name, environment))
    }
}
