//! One word of a command line, as people write it: where words end, and what holds one together.

/// Whether words end there, outside quotes.
pub fn ends_word(c: char) -> bool {
    c.is_whitespace() || c == ','
}

/// What closes a quote that opens like this.
pub fn closing_of(open: char) -> Option<&'static [char]> {
    match open {
        '"' => Some(&['"']),
        '\'' => Some(&['\'']),
        '`' => Some(&['`']),
        '“' => Some(&['”', '“']),
        '„' => Some(&['“', '”']),
        '‘' => Some(&['’']),
        '‚' => Some(&['‘', '’']),
        '«' => Some(&['»']),
        _ => None,
    }
}

/// The word as it is written in a command: in quotes where it needs them.
pub fn quoted_word(word: &str) -> String {
    let plain = !word.is_empty()
        && !word.contains(ends_word)
        && !word.starts_with(['-', '—', '–'])
        && word.chars().next().is_some_and(|first| closing_of(first).is_none());
    if plain { word.to_owned() } else { format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// A command about one flag, to be copied: `/flag link checkout_v2`.
pub fn command_line(command: &str, key: &str) -> String {
    format!("/flag {command} {}", quoted_word(key))
}
