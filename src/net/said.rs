//! What a server said in its own words, made fit for a log line and a reply to people.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, header};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// How much of it is kept, in characters.
const KEPT: usize = 200;

/// What stands instead of a secret.
const SECRET: &str = "[secret]";

/// Headers that carry a secret, whatever the caller marked.
const SECRET_HEADERS: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    HeaderName::from_static("private-token"),
    HeaderName::from_static("job-token"),
    HeaderName::from_static("x-api-key"),
];

/// Marks the headers that carry secrets, so that nothing below prints them.
pub(super) fn mark_secrets(headers: &mut HeaderMap) {
    for name in SECRET_HEADERS {
        if let http::header::Entry::Occupied(mut entry) = headers.entry(name) {
            for value in entry.iter_mut() {
                value.set_sensitive(true);
            }
        }
    }
}

/// The secrets in these headers: a server that echoes one must not bring it into a log.
pub(super) fn secrets(headers: &HeaderMap) -> Vec<String> {
    headers
        .values()
        .filter(|value| value.is_sensitive())
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| [Some(value), value.rsplit_once(' ').map(|(_, last)| last)])
        .flatten()
        .filter(|secret| secret.len() >= 6)
        .map(str::to_owned)
        .collect()
}

/// What the body of an answer says, shortened; empty where it is not for people.
///
/// GitLab says `message` (text or an object of fields) or `error` and `error_description`; others say
/// `detail` or an object of fields; proxies say it in HTML, of which the title is enough.
pub(super) fn said(body: &[u8], secrets: &[String]) -> String {
    let text = String::from_utf8_lossy(body);
    let words = match serde_json::from_str::<Value>(&text) {
        Ok(value) => of_json(&value),
        Err(_) if text.trim_start().starts_with('<') => title(&text).unwrap_or_default(),
        Err(_) => text.into_owned(),
    };
    clean(&words, secrets)
}

/// Takes out control characters and secrets, and shortens.
pub(super) fn clean(words: &str, secrets: &[String]) -> String {
    let words = without(words, secrets);
    let bare: Vec<String> = words.split(is_between).map(without_login).collect();
    one_line(&bare.join(" "), KEPT)
}

/// The words without the secrets, also where they are written as in an address or as Base64.
fn without(words: &str, secrets: &[String]) -> String {
    let mut words = words.to_owned();
    for secret in secrets {
        for form in [secret.clone(), STANDARD.encode(secret), URL_SAFE_NO_PAD.encode(secret)] {
            words = words.replace(&form, SECRET);
        }
    }
    if words.contains('%') {
        let decoded = percent_decode_str(&words).decode_utf8_lossy();
        if secrets.iter().any(|secret| decoded.contains(secret.as_str())) {
            let decoded = decoded.into_owned();
            return secrets.iter().fold(decoded, |words, secret| words.replace(secret.as_str(), SECRET));
        }
    }
    words
}

/// A word; where it is an address, without the login and the query, in which people and servers put secrets.
fn without_login(word: &str) -> String {
    let (scheme, rest) = word.split_once("://").map_or(("", word), |(scheme, rest)| (scheme, rest));
    let (place, query) = rest.split_once(['?', '#']).unwrap_or((rest, ""));
    let is_address = !scheme.is_empty() || (place.contains('/') && query.contains('='));
    if !is_address {
        return word.to_owned();
    }
    let joint = if scheme.is_empty() { "" } else { "://" };
    // Somebody's password may have a slash in it, so the last of them ends the login.
    let bare = place.rsplit_once('@').map_or(place.to_owned(), |(_, bare)| format!("…@{bare}"));
    let query = if query.is_empty() { "" } else { "?…" };
    format!("{scheme}{joint}{bare}{query}")
}

/// Words from outside, on one line, without characters that are not seen, at most so many characters.
pub fn one_line(words: &str, most: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for word in words.split(is_between) {
        if word.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
            length += 1;
        }
        for character in word.chars() {
            if length >= most {
                out.push('…');
                return out;
            }
            out.push(character);
            length += 1;
        }
    }
    out
}

/// What stands between words.
fn is_between(character: char) -> bool {
    character.is_whitespace() || character.is_control() || is_invisible(character)
}

/// Characters that turn text around or hide in it.
fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// So deep what is said is looked for.
const DEEPEST: usize = 6;

fn of_json(value: &Value) -> String {
    let Value::Object(object) = value else { return plain(value, DEEPEST) };
    let said: Vec<String> = ["message", "error", "error_description", "detail"]
        .iter()
        .filter_map(|key| object.get(*key))
        .map(|value| plain(value, DEEPEST))
        .filter(|text| !text.is_empty())
        .collect();
    let said = if said.is_empty() { plain(value, DEEPEST) } else { said.join(": ") };
    // Unleash says there what is the matter, where its own words only point to that.
    match object.get("details") {
        Some(details) if said.contains("`details`") => {
            let details = list(details).map(of_json).collect::<Vec<_>>().join("; ");
            if details.is_empty() { said } else { details }
        }
        _ => said,
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// What it says, without the signs of JSON: what is the matter with a field stands behind its name.
///
/// What is nested deeper than `depth` is left out: it is copied at each step.
fn plain(value: &Value, depth: usize) -> String {
    let Some(depth) = depth.checked_sub(1) else { return String::new() };
    let joined = |parts: Vec<String>, between: &str| {
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(between)
    };
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(_) => joined(list(value).map(|value| plain(value, depth)).collect(), " "),
        Value::Object(object) => {
            let of_field = |(name, value): (&String, &Value)| {
                let said = plain(value, depth);
                // What is the matter with the whole, as Django and Rails call that.
                let whole = matches!(name.as_str(), "non_field_errors" | "__all__" | "base" | "message");
                if said.is_empty() || whole { said } else { format!("{name}: {said}") }
            };
            joined(object.iter().map(of_field).collect(), "; ")
        }
        other => other.to_string(),
    }
}

fn title(html: &str) -> Option<String> {
    // ASCII lower case keeps every byte where it was.
    let lower = html.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower.get(open..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find("</title")?;
    Some(html.get(start..end)?.to_owned())
}
