//! A comment as people see it on its page: headings, tables and links drawn, the marks of Markdown and HTML gone.
//!
//! Only what the bot's comments are made of; see `markdown/` for that.

/// Columns that a line of a comment may take.
const WIDTH: usize = 90;

/// The lines of a comment.
pub(super) fn lines(markdown: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut table: Vec<Vec<String>> = Vec::new();
    for line in markdown.lines() {
        if let Some(row) = line.strip_prefix('|') {
            table.push(row.trim_end_matches('|').split('|').map(|cell| plain(cell.trim())).collect());
            continue;
        }
        out.extend(drawn(&std::mem::take(&mut table)));
        let text = plain(line.trim_start_matches('#').trim_start());
        // What was nothing but a tag or a hidden mark leaves no line behind, and blank lines do not add up.
        let nothing = text.is_empty() && (!line.is_empty() || out.last().is_none_or(String::is_empty));
        if !nothing {
            out.extend(folded(&text));
        }
    }
    out.extend(drawn(&table));
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    out
}

/// A table with its columns one below the other.
fn drawn(rows: &[Vec<String>]) -> Vec<String> {
    let is_rule = |row: &&Vec<String>| row.iter().all(|cell| cell.chars().all(|c| matches!(c, ':' | '-')));
    let rows: Vec<&Vec<String>> = rows.iter().filter(|row| !is_rule(row)).collect();
    let widest = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| columns(cell)).max().unwrap_or_default()
    };
    rows.iter()
        .map(|row| {
            let padded = row.iter().enumerate().map(|(column, cell)| {
                format!("{cell}{}", " ".repeat(widest(column).saturating_sub(columns(cell))))
            });
            padded.collect::<Vec<_>>().join("   ").trim_end().to_owned()
        })
        .collect()
}

/// Columns that a text takes on a terminal: the signs for states are two wide.
fn columns(text: &str) -> usize {
    text.chars().map(|c| if c >= '\u{1f300}' || c == '⚪' { 2 } else { 1 }).sum()
}

/// Breaks a line between words where it is too long, but not inside code: that is there to be written.
fn folded(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut line = String::new();
    let mut in_code = false;
    let between = |c: char| {
        in_code ^= c == '`';
        c == ' ' && !in_code
    };
    for word in text.split(between) {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > WIDTH {
            out.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    out.push(line);
    out
}

/// A line without its marks. Code keeps its backticks: they say where it begins and ends.
fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let (text, after) = tag(rest)
            .or_else(|| entity(rest))
            .or_else(|| link(rest))
            .unwrap_or_else(|| (first.to_string(), rest.get(first.len_utf8()..).unwrap_or_default()));
        out.push_str(&text);
        rest = after;
    }
    out
}

/// What is drawn for the tag or the HTML comment at the beginning of a text, and what follows it.
fn tag(text: &str) -> Option<(String, &str)> {
    if let Some(comment) = text.strip_prefix("<!--") {
        return Some((String::new(), comment.split_once("-->")?.1));
    }
    let (name, after) = text.strip_prefix('<')?.split_once('>')?;
    let sign = match name {
        "code" | "/code" => "`",
        "summary" => "▾ ",
        _ => "",
    };
    Some((sign.to_owned(), after))
}

/// The character that a reference such as `&#64;` stands for.
fn entity(text: &str) -> Option<(String, &str)> {
    let (number, after) = text.strip_prefix("&#")?.split_once(';')?;
    Some((char::from_u32(number.parse().ok()?)?.to_string(), after))
}

/// The text of a link: where it leads is not drawn.
fn link(text: &str) -> Option<(String, &str)> {
    let (words, after) = text.strip_prefix('[')?.split_once("](")?;
    Some((plain(words), after.split_once(')')?.1))
}
