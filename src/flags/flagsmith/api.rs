//! Flagsmith's Admin API as calls: addresses, the key, pages, and answers as types.

use http::Method;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::wire::Page;
use crate::flags::json_api::{JsonApi, bare};
use crate::flags::settings::SettingError;
use crate::flags::{Provided, ProviderError};
use crate::net::HttpClient;

/// The largest page that Flagsmith gives; it cuts larger wishes down to this in silence.
const PAGE_SIZE: usize = 999;
/// More pages than any list has, so that a server that always names a next page does not hold us for ever.
const MOST_PAGES: usize = 200;

/// The Admin API of one Flagsmith, with the key for it.
#[derive(Debug, Clone)]
pub(super) struct Api(JsonApi);

impl Api {
    pub(super) fn new(base: &str, key: &SecretString, http: HttpClient) -> Result<Self, SettingError> {
        let key = key.expose_secret().trim();
        if key.is_empty() {
            return Err(SettingError::new("api_key_file", "the key is empty"));
        }
        // An organisation's key is PREFIX.SECRET, a user's token has no dot; each has its own scheme.
        let scheme = if key.contains('.') { "Api-Key" } else { "Token" };
        let authorization = format!("{scheme} {key}");
        JsonApi::new(
            "Flagsmith",
            format!("{base}/api/v1/"),
            (AUTHORIZATION, &authorization),
            "api_key_file",
            http,
        )
        .map(Self)
    }

    /// Reads one thing.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Provided<T> {
        self.0.get(path).await
    }

    /// Reads one thing that may not be there.
    pub(super) async fn get_if_there<T: DeserializeOwned>(&self, path: &str) -> Provided<Option<T>> {
        self.0.get_if_there(path).await
    }

    /// Writes and reads the answer.
    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Provided<T> {
        self.0.write(method, path, body).await
    }

    /// Deletes. What is not there any more is fine.
    pub(super) async fn delete(&self, path: &str) -> Provided<()> {
        self.0.delete(path).await
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
}
