//! The proxy of the environment that requests go by.

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use super::client::is_here;

/// The proxy by way of which an address is asked, without its user and password; `None`: it is asked straight.
pub fn proxy_for(url: &Url) -> Option<String> {
    if is_here(url) {
        return None;
    }
    let way = Matcher::from_env().intercept(&url.as_str().parse().ok()?)?;
    let proxy = way.uri();
    let port = proxy.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}://{}{port}", proxy.scheme_str().unwrap_or("http"), proxy.host()?))
}

/// Whether a value of `HTTPS_PROXY` and its like names a proxy that requests can go by: `http://HOST:PORT`, or that without the
/// scheme. What is written otherwise the client leaves out without a word, and it knows no SOCKS.
pub fn is_proxy(value: &str) -> bool {
    let way = Matcher::builder().all(value).build().intercept(&http::Uri::from_static("http://example.com/"));
    way.is_some_and(|way| {
        matches!(way.uri().scheme_str(), Some("http" | "https")) && way.uri().host().is_some()
    })
}
