//! Calls to a flag service that speaks JSON: addresses, the key, and answers as types.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::settings::SettingError;
use super::{Provided, ProviderError};
use crate::net::{Failure, HttpClient, Sent};

/// What is escaped in a name. Addresses of pages are read by people, so what means nothing in an address stays as it is; dots do mean
/// something.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// The API of one service, with the key for it.
#[derive(Debug, Clone)]
pub(in crate::flags) struct JsonApi {
    http: HttpClient,
    service: &'static str,
    base: String,
    key: (HeaderName, HeaderValue),
}

impl JsonApi {
    /// `base` is what every path comes after, with the slash. The key goes into the header `header` (mostly `Authorization`),
    /// whose whole value is `value`; it stands in the setting `setting`.
    pub(in crate::flags) fn new(
        service: &'static str,
        base: String,
        (header, value): (HeaderName, &str),
        setting: &'static str,
        http: HttpClient,
    ) -> Result<Self, SettingError> {
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| SettingError::new(setting, "it has characters that no such key has"))?;
        value.set_sensitive(true);
        Ok(Self { http, service, base, key: (header, value) })
    }

    /// Reads one thing.
    pub(in crate::flags) async fn get<T: DeserializeOwned>(&self, path: &str) -> Provided<T> {
        let answer = self.send(Method::GET, path, None).await?;
        self.understood(path, &answer)
    }

    /// Reads one thing that may not be there.
    pub(in crate::flags) async fn get_if_there<T: DeserializeOwned>(
        &self,
        path: &str,
    ) -> Provided<Option<T>> {
        match self.get(path).await {
            Err(ProviderError::Failed(failure)) if failure.is_not_found() => Ok(None),
            Err(error) => Err(error),
            Ok(there) => Ok(Some(there)),
        }
    }

    /// Writes and reads the answer.
    pub(in crate::flags) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Provided<T> {
        let answer = self.send(method, path, Some(body)).await?;
        self.understood(path, &answer)
    }

    /// Deletes. What is not there any more is fine.
    pub(in crate::flags) async fn delete(&self, path: &str) -> Provided<()> {
        match self.send(Method::DELETE, path, None).await {
            Err(ProviderError::Failed(failure)) if failure.is_not_found() => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Sends and hands back the answer as it came; for where there is nothing in it to read.
    pub(in crate::flags) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Provided<Bytes> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(ACCEPT, "application/json")
            .header(&self.key.0, self.key.1.clone());
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
            foreign: false,
            unseen: None,
        })?;
        let answer = self.http.send(request).await?;
        // A proxy that wants a sign-in answers with a page and a good status; where the body is not read that
        // would look like success.
        let kind = answer.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html")) {
            return Err(ProviderError::Unreadable(format!(
                "a web page came back instead of {}'s answer for {}; is `url` the address of its API?",
                self.service,
                bare(path)
            )));
        }
        Ok(answer.into_body())
    }

    fn understood<T: DeserializeOwned>(&self, path: &str, answer: &[u8]) -> Provided<T> {
        // The parser's own words may quote the value that it stumbled over, so only the place is told.
        serde_json::from_slice(answer).map_err(|error| {
            ProviderError::Unreadable(format!(
                "{}'s answer for {} cannot be understood (line {}, column {}); is `url` the address of its API?",
                self.service,
                bare(path),
                error.line(),
                error.column()
            ))
        })
    }
}

/// Text as one part of a path or as a value in a query.
pub(in crate::flags) fn part(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// A path without its query: queries carry what people typed.
pub(in crate::flags) fn bare(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}
