//! Sources of Rust read as text, without a parser: comments and strings are blanked out first, so that a word in them is not taken
//! for code.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;

/// One file of `src/`, with comments and the insides of strings blanked out.
pub(crate) struct Source {
    /// Its path from `src/` on, without `.rs`, in parts: `["flags", "flagsmith", "api"]`.
    pub(crate) parts: Vec<String>,
    /// Its text, with spaces for what is no code.
    pub(crate) code: String,
    /// The strings in it.
    pub(crate) strings: Vec<Literal>,
}

/// A string in the source.
pub(crate) struct Literal {
    /// Where it stood in the code, which has spaces there.
    pub(crate) place: Range<usize>,
    /// What is between its quotes, as it is written.
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let path = path.strip_suffix(".rs").unwrap_or(path);
        let (code, strings) = blank(text);
        Self { parts: path.split('/').map(str::to_owned).collect(), code, strings }
    }

    /// The room that it belongs to; `lib` and `main` are the walls themselves.
    pub(crate) fn room(&self) -> &str {
        &self.parts[0]
    }

    pub(crate) fn name(&self) -> String {
        format!("src/{}.rs", self.parts.join("/"))
    }

    /// How many modules stand above it: 1 for `src/cli/mod.rs` and `src/daemon.rs`, 2 for `src/cli/run.rs`.
    pub(crate) fn depth(&self) -> usize {
        let last = self.parts.last().map(String::as_str);
        if last == Some("mod") { self.parts.len() - 1 } else { self.parts.len() }
    }

    /// Whether it is this file or folder: `cli/demo` is `cli/demo.rs` and all in `cli/demo/`.
    pub(crate) fn is_in(&self, place: &str) -> bool {
        self.parts.join("/") == place || self.parts.join("/").starts_with(&format!("{place}/"))
    }

    /// The top modules of the crate that it names: after `crate::`, and after so many `super::` that they lead there.
    pub(crate) fn uses(&self) -> BTreeSet<String> {
        let mut found = first_segments(&self.code, "crate");
        let up = vec!["super"; self.depth()].join("::");
        if self.depth() > 0 {
            found.extend(first_segments(&self.code, &up));
        }
        found.extend(first_segments(&self.code, "flaglink"));
        found
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        whole_words(&self.code, word).next().is_some()
    }
}

/// Comments and the insides of string and character literals become spaces; line breaks stay. The strings beside it.
fn blank(text: &str) -> (String, Vec<Literal>) {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut strings = Vec::new();
    let mut at = 0;
    let starts = |at: usize, what: &str| what.chars().enumerate().all(|(n, c)| chars.get(at + n) == Some(&c));
    let keep_breaks = |out: &mut String, from: usize, to: usize| {
        out.extend(chars[from..to.min(chars.len())].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
    };
    while at < chars.len() {
        let begin = at;
        let word_before = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
        if starts(at, "//") {
            while at < chars.len() && chars[at] != '\n' {
                at += 1;
            }
            keep_breaks(&mut out, begin, at);
        } else if starts(at, "/*") {
            let mut depth = 0;
            while at < chars.len() {
                if starts(at, "/*") {
                    depth += 1;
                    at += 2;
                } else if starts(at, "*/") {
                    depth -= 1;
                    at += 2;
                    if depth == 0 {
                        break;
                    }
                } else {
                    at += 1;
                }
            }
            keep_breaks(&mut out, begin, at);
        } else if !word_before && starts(at, "r#") && chars.get(at + 2).is_some_and(|c| c.is_alphabetic()) {
            // A name that happens to be a keyword (`r#match`) is not that keyword.
            out.push_str("r_");
            at += 2;
        } else if !word_before && let Some(length) = raw_string(&chars[at..]) {
            at += length;
            let start = out.len();
            keep_breaks(&mut out, begin, at);
            strings.push(Literal::new(start..out.len(), &chars[begin..at]));
        } else if chars[at] == '"' {
            at += 1;
            while at < chars.len() && chars[at] != '"' {
                at += if chars[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
            let start = out.len();
            keep_breaks(&mut out, begin, at);
            strings.push(Literal::new(start..out.len(), &chars[begin..at.min(chars.len())]));
        } else if chars[at] == '\'' && (starts(at + 1, "\\") || chars.get(at + 2) == Some(&'\'')) {
            at += if starts(at + 1, "\\") { 3 } else { 2 };
            while at < chars.len() && chars[at] != '\'' {
                at += 1;
            }
            at += 1;
            keep_breaks(&mut out, begin, at);
        } else {
            out.push(chars[at]);
            at += 1;
        }
    }
    (out, strings)
}

impl Literal {
    fn new(place: Range<usize>, written: &[char]) -> Self {
        let written: String = written.iter().collect();
        let inside = written.trim_start_matches(['b', 'c', 'r', '#']).trim_end_matches('#');
        let inside = inside.strip_prefix('"').unwrap_or(inside);
        Self { place, text: inside.strip_suffix('"').unwrap_or(inside).to_owned() }
    }
}

/// How long the raw string is that begins there (`r"…"`, `br#"…"#`), if one does.
fn raw_string(chars: &[char]) -> Option<usize> {
    let prefix = chars.iter().take_while(|c| matches!(c, 'b' | 'c' | 'r')).count();
    if prefix == 0 || prefix > 2 || chars[prefix - 1] != 'r' {
        return None;
    }
    let hashes = chars[prefix..].iter().take_while(|c| **c == '#').count();
    if chars.get(prefix + hashes) != Some(&'"') {
        return None;
    }
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let from = prefix + hashes + 1;
    let at = chars[from..].windows(end.len()).position(|window| window == end)?;
    Some(from + at + end.len())
}

/// Where `word` stands as a whole word (or path of words).
pub(crate) fn whole_words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let begins_word = part(word.chars().next());
    let ends_word = part(word.chars().next_back());
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let goes_on_before = begins_word && part(code[..*at].chars().next_back());
        let goes_on_after = ends_word && part(code[*at + word.len()..].chars().next());
        !goes_on_before && !goes_on_after
    })
}

/// What follows `start::`: one name, or the first names of each branch of `{…}`.
pub(crate) fn first_segments(code: &str, start: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let compact: String =
        code.split_whitespace().collect::<Vec<_>>().join(" ").replace(" ::", "::").replace(":: ", "::");
    for at in whole_words(&compact, start) {
        // `super` of a longer chain of them, or the end of another path (`other::crate_name`), is not the start.
        if compact[..at].ends_with("::") {
            continue;
        }
        let Some(rest) = compact[at + start.len()..].strip_prefix("::") else { continue };
        if let Some(branches) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut fresh = true;
            let mut name = String::new();
            for c in branches.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        found.insert(std::mem::take(&mut name));
                        fresh = true;
                    }
                    c if depth == 0 && fresh && (c.is_alphanumeric() || c == '_') => name.push(c),
                    ' ' if name.is_empty() => {}
                    _ => fresh = false,
                }
            }
            found.insert(name);
        } else {
            found.insert(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    found.remove("");
    found
}

/// All files below a folder, each by its path from there on.
pub(crate) fn all_sources(dir: &Path, prefix: &str, into: &mut Vec<Source>) {
    let mut entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            all_sources(&entry.path(), &format!("{name}/"), into);
        } else if name.ends_with(".rs") {
            into.push(Source::new(&name, &fs::read_to_string(entry.path()).unwrap()));
        }
    }
}
