//! The `gitlab` crate's client trait over `net/`, so that its endpoint builders run on our HTTP.
//!
//! The crate's own client has no time-out, follows redirects with the token, and loses `Retry-After`.

use std::sync::Arc;

use bytes::Bytes;
use gitlab::api::{ApiError, AsyncClient, AsyncQuery, Endpoint, RestClient, UrlBase};
use http::{HeaderValue, Uri};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use url::Url;

use super::error::{GitlabError, GitlabResult};
use super::pace::Turn;
use crate::net::{Failure, HttpClient, LastWord, Sent, Share};

/// One GitLab instance and one token.
#[derive(Debug, Clone)]
pub(super) struct Client {
    /// The instance's address without a slash at its end; it may have a path (a relative root).
    root: String,
    token: SecretString,
    http: HttpClient,
}

impl Client {
    /// A client for the instance at `url`.
    pub(super) fn new(url: &Url, token: SecretString, http: HttpClient) -> Self {
        let mut root = url.clone();
        root.set_query(None);
        root.set_fragment(None);
        let root = root.as_str().trim_end_matches('/').to_owned();
        Self { root, token, http }
    }

    /// What an endpoint answers, read as `T`.
    pub(super) async fn get<T, E>(&self, endpoint: &E) -> GitlabResult<T>
    where
        T: DeserializeOwned + 'static,
        E: Endpoint + Sync,
    {
        endpoint.query_async(self).await.map_err(strange_or_failed)
    }

    /// The same; `None` where GitLab says that there is no such thing (or none for this token).
    pub(super) async fn find<T, E>(&self, endpoint: &E) -> GitlabResult<Option<T>>
    where
        T: DeserializeOwned + 'static,
        E: Endpoint + Sync,
    {
        match self.get(endpoint).await {
            Ok(found) => Ok(Some(found)),
            Err(GitlabError::Failed(failure)) if failure.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sends, and does not look at the body of a good answer (a typed query takes a 204 for an error).
    pub(super) async fn tell<E>(&self, endpoint: &E) -> GitlabResult<()>
    where
        E: Endpoint + Sync,
    {
        gitlab::api::ignore(endpoint).query_async(self).await.map_err(strange_or_failed)
    }

    /// The whole answer, where its headers or its status matter.
    pub(super) async fn answer<E>(&self, endpoint: &E) -> GitlabResult<http::Response<Bytes>>
    where
        E: Endpoint + Sync,
    {
        self.ask(endpoint, http::Request::builder()).await
    }

    /// The same for a new comment, whose turn it has to be.
    pub(super) async fn answer_in_turn<E>(
        &self,
        turn: Turn,
        endpoint: &E,
    ) -> GitlabResult<http::Response<Bytes>>
    where
        E: Endpoint + Sync,
    {
        let may_leave = LastWord(Arc::new(move || turn.holds()));
        self.ask(endpoint, http::Request::builder().extension(may_leave)).await
    }

    async fn ask<E>(
        &self,
        endpoint: &E,
        request: http::request::Builder,
    ) -> GitlabResult<http::Response<Bytes>>
    where
        E: Endpoint + Sync,
    {
        let path = endpoint.endpoint();
        let mut url = endpoint.url_base().endpoint_for(self, &path).map_err(strange_or_failed)?;
        endpoint.parameters().add_to_url(&mut url);
        let mut request = request.method(endpoint.method()).uri(url.as_str());
        let body = endpoint.body().map_err(|error| GitlabError::Strange(error.to_string()))?;
        if let Some((kind, _)) = &body {
            request = request.header(http::header::CONTENT_TYPE, *kind);
        }
        let body = body.map(|(_, body)| body).unwrap_or_default();
        self.rest_async(request, body).await.map_err(strange_or_failed)
    }

    /// The address of a page of the instance.
    pub(super) fn page_at(&self, path: &str) -> String {
        format!("{}/{path}", self.root)
    }

    fn url(&self, path: &str) -> Result<Url, ApiError<Failure>> {
        Ok(Url::parse(&format!("{}/{path}", self.root))?)
    }
}

impl RestClient for Client {
    type Error = Failure;

    fn rest_endpoint(&self, endpoint: &str) -> Result<Url, ApiError<Failure>> {
        self.url(&format!("api/v4/{endpoint}"))
    }

    fn instance_endpoint(&self, endpoint: &str) -> Result<Url, ApiError<Failure>> {
        self.url(endpoint)
    }
}

#[async_trait::async_trait]
impl AsyncClient for Client {
    async fn rest_async(
        &self,
        request: http::request::Builder,
        body: Vec<u8>,
    ) -> Result<http::Response<Bytes>, ApiError<Failure>> {
        let mut request = request.body(body).map_err(|error| unsendable(error.to_string()))?;
        // The crate ends every address without parameters in a `?`.
        if request.uri().query() == Some("")
            && let Ok(plain) = request.uri().to_string().trim_end_matches('?').parse::<Uri>()
        {
            *request.uri_mut() = plain;
        }
        // The error of a bad header value is not passed on: it could name the token.
        let mut token = HeaderValue::from_str(self.token.expose_secret().trim())
            .map_err(|_| unsendable("the GitLab token has characters in it that no token has".to_owned()))?;
        token.set_sensitive(true);
        request.headers_mut().insert("private-token", token);
        request.headers_mut().insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(project) = project_in(request.uri().path()) {
            request.extensions_mut().insert(Share(project));
        }
        let answer = self.http.send(request).await.map_err(ApiError::client)?;
        // Nothing of the page is passed on.
        if is_page(&answer) {
            return Err(ApiError::GitlabService { status: answer.status(), data: Vec::new() });
        }
        Ok(answer)
    }
}

/// The project that a call is about, by its number.
fn project_in(path: &str) -> Option<u64> {
    let (_, rest) = path.split_once("/api/v4/projects/")?;
    rest.split('/').next()?.parse().ok()
}

/// Whether the answer is a page for people. GitLab's API never answers with one; a proxy that wants a sign-in does, and with
/// a good status at that. For calls whose body is not read that would look like success.
fn is_page(answer: &http::Response<Bytes>) -> bool {
    let kind = answer.headers().get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
}

/// The endpoint of another, with one page asked for.
///
/// The crate's own paging takes a page that is not full for the last one. GitLab's notes are filtered after
/// they are cut into pages (`lib/api/notes.rs`), so a page may be short and more may follow.
struct Page<'a, E> {
    /// What is paged.
    of: &'a E,
    /// Which page, from 1.
    number: u64,
    /// Entries on it.
    size: u64,
}

/// One page of a list.
pub(super) struct Listed<T> {
    /// Its entries.
    pub(super) entries: Vec<T>,
    /// Whether more follows.
    pub(super) more: bool,
    /// GitLab's clock when it answered (its `Date` header), if it said.
    pub(super) date: Option<Timestamp>,
}

/// Entries asked for per page: the most that GitLab gives.
pub(super) const PAGE_SIZE: u64 = 100;

/// The most pages that are read of one list (ten thousand entries), whatever the server says.
pub(super) const MOST_PAGES: u64 = 100;

impl<E: Endpoint> Endpoint for Page<'_, E> {
    fn method(&self) -> http::Method {
        self.of.method()
    }

    fn endpoint(&self) -> std::borrow::Cow<'static, str> {
        self.of.endpoint()
    }

    fn url_base(&self) -> UrlBase {
        self.of.url_base()
    }

    fn parameters(&self) -> gitlab::api::QueryParams<'_> {
        let mut parameters = self.of.parameters();
        parameters.push("per_page", self.size).push("page", self.number);
        parameters
    }
}

impl Client {
    /// One page of a list, and whether more follows.
    pub(super) async fn page<T, E>(&self, of: &E, number: u64) -> GitlabResult<(Vec<T>, bool)>
    where
        T: DeserializeOwned,
        E: Endpoint + Sync,
    {
        let listed = self.listed(of, number, PAGE_SIZE).await?;
        Ok((listed.entries, listed.more))
    }

    /// One page of a list with so many entries, at most as many as GitLab gives of that list.
    ///
    /// Whether more follows GitLab says in `X-Next-Page` and in `Link`; only where it sends neither does a full page
    /// count. The address in `Link` is not used: it could lead the token elsewhere.
    pub(super) async fn listed<T, E>(&self, of: &E, number: u64, size: u64) -> GitlabResult<Listed<T>>
    where
        T: DeserializeOwned,
        E: Endpoint + Sync,
    {
        let answer = self.answer(&Page { of, number, size }).await?;
        let entries: Vec<T> = parse(&answer, "a list")?;
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let more = match (header("x-next-page"), header("link")) {
            (Some(next), _) => !next.trim().is_empty(),
            (None, Some(link)) => link.contains("rel=\"next\""),
            (None, None) => entries.len() as u64 >= size,
        };
        Ok(Listed { entries, more, date: date_of(&answer) })
    }
}

/// GitLab's clock when it answered: its `Date` header, in whole seconds.
pub(super) fn date_of(answer: &http::Response<Bytes>) -> Option<Timestamp> {
    let date = answer.headers().get(http::header::DATE)?.to_str().ok()?;
    Timestamp::try_from(httpdate::parse_http_date(date).ok()?).ok()
}

/// Reads the body of a good answer.
pub(super) fn parse<T: DeserializeOwned>(answer: &http::Response<Bytes>, what: &str) -> GitlabResult<T> {
    serde_json::from_slice(answer.body()).map_err(|error| {
        GitlabError::Strange(format!(
            "GitLab answered {} where {what} was expected: {}",
            answer.status().as_u16(),
            misfit(&error)
        ))
    })
}

fn unsendable(why: String) -> ApiError<Failure> {
    ApiError::client(Failure {
        status: None,
        sent: Sent::No,
        retry_after: None,
        message: why,
        said: String::new(),
        foreign: false,
        unseen: None,
    })
}

/// `net/` gives every answer that is not a 2xx as a [`Failure`]; what else the crate reports is an answer
/// that it cannot read. Its own words may hold the whole body and are not passed on.
fn strange_or_failed(error: ApiError<Failure>) -> GitlabError {
    match error {
        ApiError::Client { source } => GitlabError::Failed(source),
        ApiError::GitlabService { status, .. } => GitlabError::Strange(format!(
            "GitLab answered {} with something that is not JSON (is there a proxy in front of it that wants a sign-in?)",
            status.as_u16()
        )),
        ApiError::DataType { source, .. } => GitlabError::Strange(format!(
            "GitLab's answer has another shape than expected: {}",
            misfit(&source)
        )),
        ApiError::Json { source } => {
            GitlabError::Strange(format!("GitLab's answer is not JSON: {}", misfit(&source)))
        }
        ApiError::UrlParse { source } => {
            GitlabError::Strange(format!("no request can be made to GitLab: {source}"))
        }
        _ => GitlabError::Strange("GitLab's answer cannot be used".to_owned()),
    }
}

/// What does not fit, in the parser's words but without the value that it stumbled over: that may be the title of
/// confidential work, or a token that is said back.
fn misfit(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let of_a_value = ["invalid type: ", "invalid value: ", "invalid length "];
    if !error.is_data() || said.starts_with("missing field `") {
        return said;
    }
    match said.rsplit_once(", expected ") {
        // The value stands before the last of them, whatever it says itself.
        Some((_, expected)) if of_a_value.iter().any(|start| said.starts_with(start)) => {
            format!("something else than {expected}")
        }
        _ => "something else".to_owned(),
    }
}
