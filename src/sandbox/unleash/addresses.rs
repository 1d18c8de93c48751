//! The spelling in which Unleash keeps the addresses of links.

use percent_encoding::percent_decode_str;
use url::Url;

/// An address as it is kept, as measured: no name and password, no `www.`, no dot at the end of the host, no slash at the end of
/// the path and none twice in it, in the path no escapes that need not be, in the query no `utm_…` and its fields in order. `None`
/// where it is none.
pub(super) fn normal(sent: &str) -> Option<String> {
    let sent = sent.trim();
    let mut url = match Url::parse(sent) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => return Some(sent.to_owned()),
        Ok(url) => url,
        Err(_) => Url::parse(&format!("https://{}", sent.trim_start_matches('/'))).ok()?,
    };
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let host = url.host_str()?.trim_end_matches('.').to_owned();
    let bare = host.strip_prefix("www.").filter(|rest| rest.contains('.')).unwrap_or(&host);
    url.set_host(Some(bare)).ok()?;
    let parts: Vec<String> = url.path().split('/').filter(|part| !part.is_empty()).map(decoded).collect();
    url.set_path(&parts.join("/"));
    if url.query().is_some() {
        let mut fields: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        fields.retain(|(name, _)| !name.to_lowercase().starts_with("utm_"));
        fields.sort_by(|a, b| a.0.cmp(&b.0));
        url.set_query(None);
        if !fields.is_empty() {
            url.query_pairs_mut().extend_pairs(fields);
        }
    }
    Some(url.as_str().trim_end_matches('/').to_owned())
}

/// Without its escapes, but for those that would mean something else then.
fn decoded(part: &str) -> String {
    let reserved = ["%23", "%24", "%26", "%2B", "%2C", "%2F", "%3A", "%3B", "%3D", "%3F", "%40", "%5C"];
    if reserved.iter().any(|escape| part.to_ascii_uppercase().contains(escape)) {
        return part.to_owned();
    }
    percent_decode_str(part).decode_utf8().map_or_else(|_| part.to_owned(), std::borrow::Cow::into_owned)
}
