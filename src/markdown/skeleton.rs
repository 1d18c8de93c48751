//! What a template has made, before the pieces are put in: it holds no outside text, only the template's own and the places of
//! pieces. It is looked through here, so that no template can write what only people may write, nor open up a piece.

/// What stands around the number of a piece. Characters of private use, which no template may hold.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// Tags that a template may write, opening and closing, and one that stands alone. None of them begins a block.
const TAGS: [&str; 9] = ["b", "code", "em", "i", "kbd", "small", "strong", "sub", "sup"];

/// Whether that could be one of them.
pub(super) fn is_sign(c: char) -> bool {
    ('\u{e000}'..='\u{f8ff}').contains(&c)
}

/// The place of a piece, as a template is given it.
pub(super) fn place(number: usize) -> String {
    format!("{OPEN}{number}{CLOSE}")
}

/// One piece of a skeleton.
enum Token<'a> {
    Text(&'a str),
    Piece(usize),
}

/// The skeleton with its pieces, or why it cannot be.
pub(super) fn filled(skeleton: &str, pieces: &[String]) -> Result<String, String> {
    let skeleton = skeleton.trim();
    if skeleton.is_empty() {
        return Err("it says nothing".to_owned());
    }
    let tokens = tokens(skeleton)?;
    look_through(&tokens)?;
    let mut out = String::new();
    for token in tokens {
        let part = match token {
            Token::Text(text) => text,
            Token::Piece(number) => pieces.get(number).ok_or("it has a piece that it was not given")?,
        };
        // Two code spans side by side would be read as one.
        if out.ends_with('`') && part.starts_with('`') {
            out.push(' ');
        }
        out.push_str(part);
    }
    Ok(out)
}

fn tokens(skeleton: &str) -> Result<Vec<Token<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = skeleton;
    while let Some((text, after)) = rest.split_once(OPEN) {
        let (number, after) = after.split_once(CLOSE).ok_or("it takes a piece apart")?;
        let number = number.parse().map_err(|_| "it takes a piece apart")?;
        if !text.is_empty() {
            found.push(Token::Text(text));
        }
        found.push(Token::Piece(number));
        rest = after;
    }
    if !rest.is_empty() {
        found.push(Token::Text(rest));
    }
    Ok(found)
}

fn look_through(tokens: &[Token<'_>]) -> Result<(), String> {
    let mut whole = String::new();
    for token in tokens {
        match token {
            Token::Text(text) => whole.push_str(text),
            // A character that stands for a piece and means nothing.
            Token::Piece(_) => whole.push(OPEN),
        }
    }
    for c in whole.chars().filter(|c| *c != OPEN) {
        if c.is_control() {
            return Err("it is more than one line".to_owned());
        }
        if super::outside::shows_nothing(c) {
            return Err(format!("it has a character that nobody sees (U+{:04X})", u32::from(c)));
        }
        if matches!(c, '@' | '\\' | '|' | '$' | '{' | '}' | '^' | '~') {
            return Err(format!("it has a `{c}`, which GitLab may take for something else than text"));
        }
    }
    if whole.starts_with('/') {
        return Err("it begins with a `/`, so GitLab could run it as a quick action".to_owned());
    }
    if whole.starts_with('>') || whole.chars().all(|c| matches!(c, '-' | '_' | '*' | '=' | '+' | ' ')) {
        return Err("it begins something that is no line of text".to_owned());
    }
    if whole.starts_with(['=', '+']) {
        return Err("it begins with a sign that GitLab may take for something else than text".to_owned());
    }
    for (wrong, why) in [
        ("![", "it has an image"),
        ("[[", "it has a link to a wiki page"),
        ("]:", "it has a link's definition"),
        ("::", "it has `::`, which GitLab may take for something else than text"),
        ("``", "it has two backticks side by side"),
        ("!\u{e000}", "it has a `!` right before a piece, which would make an image of a link"),
        ("]\u{e000}", "it has a `]` right before a piece"),
        ("](\u{e000}", "it has a piece as a link's address"),
    ] {
        if whole.contains(wrong) {
            return Err(why.to_owned());
        }
    }
    code(&whole)?;
    tags(&whole)?;
    entities(&whole)?;
    links(&whole)
}

/// Code has its end, and no piece in it: its own signs would end it.
fn code(whole: &str) -> Result<(), String> {
    let mut parts = whole.split('`');
    parts.next();
    loop {
        let Some(inside) = parts.next() else { return Ok(()) };
        if parts.next().is_none() {
            return Err("it has a backtick without its other one".to_owned());
        }
        if inside.contains(OPEN) {
            return Err("it has a piece between backticks; pieces that are code are so already".to_owned());
        }
    }
}

/// Only harmless tags, each closed again, and not the first thing of a line that has nothing else.
fn tags(whole: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut text = String::new();
    let mut rest = whole;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        let (tag, after) = after.split_once('>').ok_or("it has a `<` that is no tag")?;
        rest = after;
        match tag.strip_prefix('/') {
            _ if tag == "br" => {}
            Some(name) if open.last() == Some(&name) => {
                open.pop();
            }
            None if TAGS.contains(&tag) => open.push(tag),
            _ => {
                let may = TAGS.join(">, <");
                return Err(format!(
                    "it has a tag that it may not have, or one in the wrong place; it may have <{may}> and <br>"
                ));
            }
        }
    }
    text.push_str(rest);
    if !open.is_empty() {
        return Err("it has a tag that is not closed again".to_owned());
    }
    if text.contains('>') && whole.contains('<') && text.trim().is_empty() {
        return Err("it has nothing but tags".to_owned());
    }
    if text.trim().is_empty() {
        return Err("it has nothing but tags".to_owned());
    }
    Ok(())
}

/// No character in other clothes.
fn entities(whole: &str) -> Result<(), String> {
    let mut after = whole.split('&');
    after.next();
    if after.any(|text| text.starts_with(|c: char| c == '#' || c.is_ascii_alphabetic())) {
        return Err("it has a `&` with a name or number behind it; write the character itself".to_owned());
    }
    Ok(())
}

/// Links go to web pages, and their addresses are the template's own.
fn links(whole: &str) -> Result<(), String> {
    let mut rest = whole;
    // Without the addresses that stand behind a link's text.
    let mut text = String::new();
    while let Some((before, after)) = rest.split_once("](") {
        let (address, behind) = after.split_once(')').ok_or("it has a link whose address has no end")?;
        let web = address.starts_with("https://") || address.starts_with("http://");
        if !web || address.contains(|c: char| c == OPEN || c.is_whitespace() || "<>\"'(`".contains(c)) {
            return Err("it has a link to something else than a web page".to_owned());
        }
        text.push_str(before);
        text.push(' ');
        rest = behind;
    }
    text.push_str(rest);
    bare_addresses(&text)
}

/// GitLab makes a link of an address that stands by itself, up to the next space or tag: a piece in it would be part of that.
fn bare_addresses(text: &str) -> Result<(), String> {
    let text = text.to_ascii_lowercase();
    let is_address = |word: &str| {
        let begin = ["://", "www."].iter().filter_map(|sign| word.find(sign)).min();
        begin.and_then(|begin| word.get(begin..)).is_some_and(|address| address.contains(OPEN))
    };
    if text.split(|c: char| c.is_whitespace() || c == '<').any(is_address) {
        return Err("it has a piece in a web address".to_owned());
    }
    Ok(())
}
