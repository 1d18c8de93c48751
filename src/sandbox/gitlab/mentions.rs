//! Whom a text mentions: GitLab renders it and looks for `@name` in what people will read, outside code and links.

use std::sync::LazyLock;

use regex::Regex;

use super::quick_actions::options;

#[expect(clippy::expect_used, reason = "the expression is a constant")]
static MENTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:^|[^\w])@([\p{L}\p{N}_.][\p{L}\p{N}_.\-]*(?:/[\p{L}\p{N}_.][\p{L}\p{N}_.\-]*)*)")
        .expect("a regular expression")
});

/// The names that a text mentions, in order, each once: users, groups, `all`. They are not looked up.
pub fn mentioned(text: &str) -> Vec<String> {
    let html = comrak::markdown_to_html(text, &options());
    let mut names: Vec<String> = Vec::new();
    for run in readable(&html) {
        for found in MENTION.captures_iter(&run) {
            let name = found.get(1).map_or("", |name| name.as_str()).trim_end_matches(['.', '-']);
            if !name.is_empty() && !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
    }
    names
}

/// The runs of text in HTML that are not in code, links or styles, character references resolved.
fn readable(html: &str) -> Vec<String> {
    let mut runs = Vec::new();
    let mut closed_by: Option<String> = None;
    let mut rest = html;
    while !rest.is_empty() {
        let (text, tail) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
        if closed_by.is_none() && !text.is_empty() {
            runs.push(resolved(text));
        }
        let Some(after) = tail.strip_prefix('<') else { break };
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.find("-->").and_then(|end| comment.get(end + 3..)).unwrap_or("");
            continue;
        }
        let tag_like =
            after.starts_with(|first: char| first == '/' || first == '!' || first.is_ascii_alphabetic());
        if !tag_like {
            if closed_by.is_none() {
                runs.push("<".to_owned());
            }
            rest = after;
            continue;
        }
        let end = after.find('>').unwrap_or(after.len());
        let (tag, tail) = after.split_at(end);
        rest = tail.strip_prefix('>').unwrap_or("");
        let closing = tag.starts_with('/');
        let name: String = tag
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        match &closed_by {
            Some(wanted) => {
                if closing && *wanted == name {
                    closed_by = None;
                }
            }
            None => {
                if !closing && matches!(name.as_str(), "pre" | "code" | "a" | "style" | "script") {
                    closed_by = Some(name);
                }
            }
        }
    }
    runs
}

/// Text with the character references resolved that could hide an `@` or a name.
fn resolved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, tail) = rest.split_at(at);
        out.push_str(before);
        let end = tail.char_indices().take(12).find(|(_, c)| *c == ';').map(|(at, _)| at);
        let known = end.and_then(|end| {
            let name = tail.get(1..end)?;
            let found = match name.strip_prefix('#') {
                Some(number) => {
                    let code = match number.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                        None => number.parse().ok()?,
                    };
                    char::from_u32(code)?
                }
                None => match name {
                    "amp" => '&',
                    "lt" => '<',
                    "gt" => '>',
                    "quot" => '"',
                    "commat" => '@',
                    "nbsp" => '\u{a0}',
                    "lowbar" => '_',
                    "sol" => '/',
                    _ => return None,
                },
            };
            Some((found, end + 1))
        });
        let (found, length) = known.unwrap_or(('&', 1));
        out.push(found);
        rest = tail.get(length..).unwrap_or("");
    }
    out.push_str(rest);
    out
}
