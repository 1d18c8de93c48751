//! Outside text as inline code.
//!
//! Inline code is the one place of a comment where GitLab looks for nothing: its filters for references,
//! mentions, emoji, addresses and placeholders all skip `<code>`. Simple text stands in backticks; all other
//! text stands in a `<code>` element, with every special character as a numeric character reference, so that
//! not even the raw Markdown has a character in it that means something.

use std::fmt::Write;

/// What stands for a line break: a line break would end the paragraph, the table cell, or begin a quick action.
const LINE_BREAK: &str = "⏎";
/// What stands for a space that a browser would not show: the first, the last, and any that follows another.
const LOST_SPACE: &str = "␣";

/// `text` as inline code in Markdown.
pub(super) fn as_markdown(text: &str, limit: usize) -> String {
    if text.len() <= limit && is_simple(text) { format!("`{text}`") } else { as_html(text, limit) }
}

/// `text` as inline code where Markdown is not read, such as in `<summary>`.
pub(super) fn as_summary(text: &str, limit: usize) -> String {
    if text.len() <= limit && is_key(text) { format!("<code>{text}</code>") } else { as_html(text, limit) }
}

/// `text` as inline code in HTML, which Markdown takes as well.
fn as_html(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len() + 13);
    out.push_str("<code>");
    for c in visible(text, limit).chars() {
        match c {
            ' ' => out.push(c),
            // The Markdown parser makes links of mail addresses when all references are resolved, also
            // inside a `<code>` element, which means nothing to it. It reads one run of text at a time, and
            // a comment ends the run; GitLab takes the comment out when it sanitises.
            '@' => out.push_str("<!-- -->&#64;"),
            c if c.is_ascii_alphanumeric() => out.push(c),
            c if !c.is_ascii() && c.is_alphabetic() => out.push(c),
            c => {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "&#{};", u32::from(c));
            }
        }
    }
    out.push_str("</code>");
    out
}

/// Whether this is a key such as most flags have. No character of it means anything in HTML, nor in Markdown: an
/// underscore between letters emphasises nothing.
fn is_key(text: &str) -> bool {
    let bytes = text.as_bytes();
    let letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphanumeric);
    !text.is_empty()
        && bytes.iter().enumerate().all(|(at, byte)| match byte {
            b'_' => letter(at.checked_sub(1)) && letter(at.checked_add(1)),
            byte => byte.is_ascii_alphanumeric() || *byte == b'-',
        })
}

/// Whether backticks are enough: such text has no character that could end a code span or a table cell, no space
/// that would be lost, and no address. Keys are, and commands.
fn is_simple(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.-/:=,… ".contains(c);
    let spaces_stay = !text.starts_with(' ') && !text.ends_with(' ') && !text.contains("  ");
    !text.is_empty() && text.chars().all(plain) && spaces_stay && !text.contains("//")
}

/// `text` on one line with everything in it to be seen, at most `limit` characters (at least one) long.
///
/// Line breaks become `⏎`, spaces that would be lost `␣`, other characters that show nothing (or turn the
/// text around) their number, as in `\u{202e}`. What is cut off is replaced by `…`.
pub fn visible(text: &str, limit: usize) -> String {
    let limit = limit.max(1);
    let mut out = String::new();
    let mut length = 0;
    // How long `out` may stay if what follows has to be cut off: at the last whole unit that leaves room for `…`.
    let mut cut = 0;
    let mut chars = text.chars().peekable();
    let mut after_space = true;
    while let Some(c) = chars.next() {
        let start = out.len();
        match c {
            '\r' => {
                chars.next_if_eq(&'\n');
                out.push_str(LINE_BREAK);
            }
            '\n' => out.push_str(LINE_BREAK),
            ' ' if after_space || chars.peek().is_none() => out.push_str(LOST_SPACE),
            '\t' => out.push_str("\\t"),
            c if shows_nothing(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
        after_space = c == ' ';
        length += out.get(start..).unwrap_or_default().chars().count();
        if length > limit {
            out.truncate(cut);
            out.push('…');
            return out;
        }
        if length < limit {
            cut = out.len();
        }
    }
    out
}

/// Characters that show nothing, or change how what stands around them is shown.
pub fn shows_nothing(c: char) -> bool {
    if c.is_control() {
        return true;
    }
    if c.is_whitespace() {
        // The wide space is an ordinary one in Chinese and Japanese text.
        return c != ' ' && c != '\u{3000}';
    }
    matches!(u32::from(c),
        // Soft hyphen, combining grapheme joiner, Arabic letter mark and signs, Hangul and Khmer fillers.
        0xad | 0x34f | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2
        | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f
        // Zero-width characters and direction marks, overrides, isolates, invisible operators.
        | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f
        // A Braille pattern and fillers without ink, variation selectors but the one of emoji.
        | 0x2800 | 0x3164 | 0xfe00..=0xfe0e | 0xfeff | 0xffa0 | 0xfff0..=0xfffb
        // Shorthand and musical controls, language tags, supplementary variation selectors.
        | 0x110bd | 0x110cd | 0x13430..=0x1343f | 0x1bca0..=0x1bca3 | 0x1d173..=0x1d17a | 0xe0000..=0xe0fff
        // Private use: what it shows, only one font knows. Never assigned: nothing at all.
        | 0xe000..=0xf8ff | 0xf0000..=0x10ffff | 0xfdd0..=0xfdef)
        || u32::from(c) & 0xfffe == 0xfffe
}
