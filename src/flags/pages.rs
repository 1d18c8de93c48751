//! Whether two addresses lead to the same page, though they are spelt in two ways.

use percent_encoding::percent_decode_str;
use url::Url;

/// Whether two addresses name the same page. What services change in an address that they keep does not count: letter case of
/// scheme and host, `www.`, a port that is the usual one, slashes that are doubled or stand at the end, escapes in the path. Nor do
/// GitLab's two spellings of an issue's address (`/-/issues/7`, `/-/work_items/7`).
pub fn same_page(a: &str, b: &str) -> bool {
    match (plain(a), plain(b)) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn plain(address: &str) -> Option<String> {
    let url = Url::parse(address.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let host = url.host_str()?.trim_end_matches('.');
    let host = host.strip_prefix("www.").unwrap_or(host);
    let port = url.port_or_known_default()?;
    let path = percent_decode_str(url.path()).decode_utf8_lossy();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let path = format!("/{}", parts.join("/")).replace("/-/work_items/", "/-/issues/");
    Some(format!("{}://{host}:{port}{path}", url.scheme()))
}
