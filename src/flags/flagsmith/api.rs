//! Flagsmith's Admin API as calls: addresses, the key, pages, and answers as types.

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::settings::SettingError;
use super::wire::Page;
use crate::flags::{Provided, ProviderError};
use crate::net::{Failure, HttpClient, Sent};

/// The largest page that Flagsmith gives; it cuts larger wishes down to this in silence.
const PAGE_SIZE: usize = 999;
/// More pages than any list has, so that a server that always names a next page does not hold us for ever.
const MOST_PAGES: usize = 200;

/// The Admin API of one Flagsmith, with the key for it.
#[derive(Debug, Clone)]
pub(super) struct Api {
    http: HttpClient,
    base: String,
    authorization: HeaderValue,
}

impl Api {
    pub(super) fn new(base: String, key: &SecretString, http: HttpClient) -> Result<Self, SettingError> {
        let wrong = |why: &str| SettingError::new("api_key_file", why);
        let key = key.expose_secret().trim();
        if key.is_empty() {
            return Err(wrong("the key is empty"));
        }
        // An organisation's key is PREFIX.SECRET, a user's token has no dot; each has its own scheme.
        let scheme = if key.contains('.') { "Api-Key" } else { "Token" };
        let mut authorization = HeaderValue::from_str(&format!("{scheme} {key}"))
            .map_err(|_| wrong("the key has characters that no Flagsmith key has"))?;
        authorization.set_sensitive(true);
        Ok(Self { http, base, authorization })
    }

    /// Reads one thing.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Provided<T> {
        let answer = self.send(Method::GET, path, None).await?;
        understood(path, &answer)
    }

    /// Reads one thing that may not be there.
    pub(super) async fn get_if_there<T: DeserializeOwned>(&self, path: &str) -> Provided<Option<T>> {
        match self.get(path).await {
            Err(ProviderError::Failed(failure)) if failure.is_not_found() => Ok(None),
            Err(error) => Err(error),
            Ok(there) => Ok(Some(there)),
        }
    }

    /// Writes and reads the answer.
    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Provided<T> {
        let answer = self.send(method, path, Some(body)).await?;
        understood(path, &answer)
    }

    /// Deletes. What is not there any more is fine.
    pub(super) async fn delete(&self, path: &str) -> Provided<()> {
        match self.send(Method::DELETE, path, None).await {
            Err(ProviderError::Failed(failure)) if failure.is_not_found() => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Reads a list, page by page, and hands each item to `each`. `path` may have a query.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        mut each: impl FnMut(T),
    ) -> Provided<()> {
        let joint = if path.contains('?') { '&' } else { '?' };
        for number in 1..=MOST_PAGES {
            let path = format!("{path}{joint}page={number}&page_size={PAGE_SIZE}");
            let page: Page<T> = match self.get(&path).await {
                // The list has become shorter since the last page named this one.
                Err(ProviderError::Failed(failure)) if number > 1 && failure.is_not_found() => return Ok(()),
                other => other?,
            };
            let end = page.next.is_none() || page.results.is_empty();
            page.results.into_iter().for_each(&mut each);
            if end {
                return Ok(());
            }
        }
        Err(ProviderError::Strange(format!("Flagsmith's list at {} does not end", bare(path))))
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Provided<Bytes> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1/{path}", self.base))
            .header(ACCEPT, "application/json")
            .header(AUTHORIZATION, self.authorization.clone());
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = request.body(body).map_err(|_| Failure {
            status: None,
            sent: Sent::No,
            retry_after: None,
            message: format!("no request can be made for {}", bare(path)),
            said: String::new(),
        })?;
        let answer = self.http.send(request).await?;
        // A proxy that wants a sign-in answers with a page and a good status; where the body is not read that
        // would look like success.
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html")) {
            return Err(ProviderError::Strange(format!(
                "a web page came back instead of Flagsmith's answer for {}; is `url` the address of a Flagsmith API?",
                bare(path)
            )));
        }
        Ok(answer.into_body())
    }
}

/// Text as one part of a path or as a value in a query.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn understood<T: DeserializeOwned>(path: &str, answer: &[u8]) -> Provided<T> {
    // The parser's own words may quote the value that it stumbled over, so only the place is told.
    serde_json::from_slice(answer).map_err(|error| {
        ProviderError::Strange(format!(
            "Flagsmith's answer for {} cannot be understood (line {}, column {}); is `url` the address of a Flagsmith API?",
            bare(path),
            error.line(),
            error.column()
        ))
    })
}

/// A path without its query: queries carry what people typed.
fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}
