//! One call and its reply.

use ::http::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use crate::sandbox::flagsmith::model::{Environment, Feature, Project, Who};
use crate::sandbox::flagsmith::world::World;
use crate::sandbox::server::{Request, Response};

/// How many entries a page has, at most and where nothing else is asked for.
const PAGE: usize = 999;

/// What is answered.
#[derive(Debug)]
pub(super) struct Reply {
    status: u16,
    body: Option<Box<Json>>,
    location: Option<String>,
}

/// A reply, or the reply that ends a call early.
pub(super) type Answer = Result<Reply, Reply>;

impl Reply {
    pub(super) fn json(status: u16, body: Json) -> Self {
        Self { status, body: Some(Box::new(body)), location: None }
    }

    pub(super) fn ok(body: Json) -> Self {
        Self::json(200, body)
    }

    /// Made (201). What has a `url` is said to be there: Django's REST framework takes any field of that name
    /// for its own.
    pub(super) fn created(body: Json) -> Self {
        let location = body.get("url").and_then(Json::as_str).map(str::to_owned);
        Self { status: 201, body: Some(Box::new(body)), location }
    }

    pub(super) fn nothing(status: u16) -> Self {
        Self { status, body: None, location: None }
    }

    pub(super) fn detail(status: u16, words: &str) -> Self {
        Self::json(status, json!({ "detail": words }))
    }

    /// 404 for one that is not there.
    pub(super) fn no(what: &str) -> Self {
        Self::detail(404, &format!("No {what} matches the given query."))
    }

    /// 404 of the newer calls.
    pub(super) fn not_found() -> Self {
        Self::detail(404, "Not found.")
    }

    /// 400 for one field.
    pub(super) fn invalid(field: &str, words: &str) -> Self {
        Self::json(400, json!({ field: [words] }))
    }

    pub(super) fn response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let response = match self.body {
            Some(body) => Response::json(status, &body),
            None => Response::empty(status),
        };
        let response = response.with_header("vary", "Accept, Origin");
        match self.location {
            Some(location) => response.with_header("location", &location),
            None => response,
        }
    }
}

/// One call.
pub(super) struct Call<'a> {
    pub(super) world: &'a mut World,
    pub(super) method: Method,
    pub(super) who: Who,
    request: &'a Request,
    parts: Vec<String>,
    query: Vec<(String, String)>,
}

impl<'a> Call<'a> {
    pub(super) fn new(
        world: &'a mut World,
        request: &'a Request,
        method: Method,
        who: Who,
        parts: Vec<String>,
    ) -> Self {
        let query = request.query_pairs();
        Self { world, method, who, request, parts, query }
    }

    /// Whether this is the method.
    pub(super) fn is(&self, method: &str) -> bool {
        self.method.as_str() == method
    }

    /// What stands in the path where its pattern has the `index`th `{}`.
    pub(super) fn part(&self, index: usize) -> &str {
        self.parts.get(index).map(String::as_str).unwrap_or_default()
    }

    /// The same as an id. What is no number is no id of anything: 0.
    pub(super) fn id(&self, index: usize) -> u64 {
        self.part(index).parse().unwrap_or_default()
    }

    /// A parameter of the query; the last one counts.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of the query that is an id.
    pub(super) fn query_id(&self, name: &str) -> Option<u64> {
        self.query(name).map(|value| value.parse().unwrap_or_default())
    }

    /// A parameter of the query that is true or false.
    pub(super) fn query_truth(&self, name: &str) -> Option<bool> {
        match self.query(name)? {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        }
    }

    /// The body: a JSON object.
    pub(super) fn body(&self) -> Result<Map<String, Json>, Reply> {
        if self.request.body.is_empty() {
            return Ok(Map::new());
        }
        let is_json =
            self.request.header("content-type").is_none_or(|kind| kind.starts_with("application/json"));
        if !is_json {
            let kind = self.request.header("content-type").unwrap_or_default();
            return Err(Reply::detail(415, &format!("Unsupported media type \"{kind}\" in request.")));
        }
        match serde_json::from_slice(&self.request.body) {
            Ok(Json::Object(body)) => Ok(body),
            Ok(_) => Err(Reply::invalid("non_field_errors", "Invalid data. Expected a dictionary.")),
            Err(error) => Err(Reply::detail(400, &format!("JSON parse error - {error}"))),
        }
    }

    /// The organisations that the one who asks may see.
    fn may_see(&self, organisation: u64) -> bool {
        match self.who {
            Who::User(_) => true,
            Who::Key(id) => self.world.keys.get(&id).is_some_and(|key| key.organisation == organisation),
            Who::Nobody => false,
        }
    }

    pub(super) fn may_see_project(&self, project: u64) -> bool {
        self.world.projects.get(&project).is_some_and(|project| self.may_see(project.organisation))
    }

    /// The ids of the organisations that the one who asks may see.
    pub(super) fn organisations(&self) -> Vec<u64> {
        self.world.organisations.keys().copied().filter(|id| self.may_see(*id)).collect()
    }

    /// The organisation named in the path.
    pub(super) fn organisation(&self, index: usize) -> Result<u64, Reply> {
        let id = self.id(index);
        if self.world.organisations.contains_key(&id) && self.may_see(id) {
            Ok(id)
        } else {
            Err(Reply::no("Organisation"))
        }
    }

    /// The project named in the path.
    pub(super) fn project(&self, index: usize) -> Result<&Project, Reply> {
        let id = self.id(index);
        match self.world.projects.get(&id) {
            Some(project) if self.may_see(project.organisation) => Ok(project),
            _ => Err(Reply::no("Project")),
        }
    }

    /// The feature named in the path, of the project named before it.
    pub(super) fn feature(&self, project: usize, index: usize) -> Result<&Feature, Reply> {
        let project = self.project(project)?.id;
        match self.world.features.get(&self.id(index)) {
            Some(feature) if feature.project == project => Ok(feature),
            _ => Err(Reply::no("Feature")),
        }
    }

    /// The environment whose API key stands in the path.
    pub(super) fn environment(&self, index: usize) -> Result<&Environment, Reply> {
        match self.world.environment_by_key(self.part(index)) {
            Some(environment) if self.may_see_project(environment.project) => Ok(environment),
            _ => Err(Reply::no("Environment")),
        }
    }

    /// The environment whose id stands in the path, and the feature after it.
    pub(super) fn environment_and_feature(&self) -> Result<(u64, u64), Reply> {
        let feature = match self.world.features.get(&self.id(1)) {
            Some(feature) if self.may_see_project(feature.project) => feature,
            _ => return Err(Reply::no("Feature")),
        };
        match self.world.environments.get(&self.id(0)) {
            Some(environment) if environment.project == feature.project => Ok((environment.id, feature.id)),
            _ => Err(Reply::no("Environment")),
        }
    }

    /// One page of a list, with links to the pages around it.
    pub(super) fn page<T>(&self, entries: &[T], show: impl Fn(&World, &T) -> Json) -> Answer {
        let size = match self.query("page_size").and_then(|size| size.parse::<usize>().ok()) {
            Some(size) if size > 0 => size.min(PAGE),
            _ => PAGE,
        };
        let last = entries.len().div_ceil(size).max(1);
        let number = match self.query("page") {
            None => 1,
            Some("last") => last,
            Some(number) => number.parse().unwrap_or_default(),
        };
        if number == 0 || number > last {
            return Err(Reply::detail(404, "Invalid page."));
        }
        let shown: Vec<Json> = entries
            .iter()
            .skip((number - 1) * size)
            .take(size)
            .map(|entry| show(self.world, entry))
            .collect();
        Ok(Reply::ok(json!({
            "count": entries.len(),
            "next": (number < last).then(|| self.link(number + 1)),
            "previous": (number > 1).then(|| self.link(number - 1)),
            "results": shown,
        })))
    }

    /// The URL of another page: the parameters in the order of the alphabet, the first page without a number.
    fn link(&self, page: usize) -> String {
        let mut query: Vec<(String, String)> =
            self.query.iter().filter(|(name, _)| name != "page").cloned().collect();
        if page > 1 {
            query.push(("page".to_owned(), page.to_string()));
        }
        query.sort();
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        let host = self.request.header("host").unwrap_or("127.0.0.1");
        let mark = if query.is_empty() { "" } else { "?" };
        format!("http://{host}{}{mark}{query}", self.request.path)
    }
}

/// A field that must be there and be text.
pub(super) fn text<'b>(body: &'b Map<String, Json>, field: &str) -> Result<&'b str, Reply> {
    match body.get(field) {
        None => Err(Reply::invalid(field, "This field is required.")),
        Some(Json::Null) => Err(Reply::invalid(field, "This field may not be null.")),
        Some(Json::String(text)) if text.is_empty() => {
            Err(Reply::invalid(field, "This field may not be blank."))
        }
        Some(Json::String(text)) => Ok(text),
        Some(_) => Err(Reply::invalid(field, "Not a valid string.")),
    }
}

/// A field that may be there and be true or false.
pub(super) fn truth(body: &Map<String, Json>, field: &str) -> Result<Option<bool>, Reply> {
    match body.get(field) {
        None => Ok(None),
        Some(Json::Bool(truth)) => Ok(Some(*truth)),
        Some(Json::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(Json::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(_) => Err(Reply::invalid(field, "Must be a valid boolean.")),
    }
}

/// A field that may be there and be text, or null.
pub(super) fn optional_text(body: &Map<String, Json>, field: &str) -> Option<Option<String>> {
    body.get(field).map(|value| value.as_str().map(str::to_owned))
}
