//! Addresses as they can stand in a Markdown link.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::{Host, Url};

/// What is escaped in path, query and fragment: all that could end the link, the table cell or the HTML, or be
/// a sign of GitLab's in the raw text. `%` stays: what was escaped before must not be escaped twice.
const RISKY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'\'')
    .add(b'(')
    .add(b')')
    .add(b'*')
    .add(b'<')
    .add(b'>')
    .add(b'@')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'~')
    .add(b'$')
    .add(b'!');

/// The address as a link destination; `None` where it cannot be one: another scheme than http and https, a
/// user name in it (which makes `https://gitlab.com@evil.example` look like what it is not), or a host with
/// characters that no host has.
pub(super) fn destination(to: &Url) -> Option<String> {
    if !matches!(to.scheme(), "http" | "https") || !to.username().is_empty() || to.password().is_some() {
        return None;
    }
    let host = match to.host()? {
        Host::Domain(name) if name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) => {
            name.to_owned()
        }
        Host::Domain(_) => return None,
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => format!("[{address}]"),
    };
    let mut out = format!("{}://{host}", to.scheme());
    if let Some(port) = to.port() {
        out.push_str(&format!(":{port}"));
    }
    out.push_str(&escaped(to.path()));
    if let Some(query) = to.query() {
        out.push('?');
        out.push_str(&escaped(query));
    }
    if let Some(fragment) = to.fragment() {
        out.push('#');
        out.push_str(&escaped(fragment));
    }
    Some(out)
}

fn escaped(part: &str) -> String {
    // Markdown reads character references in an address: `&copy;` would become a sign.
    utf8_percent_encode(part, RISKY).to_string().replace('&', "&amp;")
}
