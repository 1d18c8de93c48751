//! Names in which a `*` stands for any text.

/// Whether the text is the pattern, with any text for each `*` in it, also none and also with a `/`. Case counts.
///
/// Where the text has a `*` itself, it is a pattern that is met by nothing but what the first one is met by.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, behind)) = pattern.split_once('*') else { return pattern == text };
    let (between, last) = behind.rsplit_once('*').unwrap_or(("", behind));
    let Some(mut rest) = text.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else {
        return false;
    };
    // The first place where a piece stands leaves the most for those behind it.
    for piece in between.split('*') {
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    true
}

/// Whether there is a text that fits both patterns.
pub(crate) fn meet(one: &str, other: &str) -> bool {
    let (Some((first, _)), Some((_, last))) = (one.split_once('*'), one.rsplit_once('*')) else {
        return fits(other, one);
    };
    let (Some((its_first, _)), Some((_, its_last))) = (other.split_once('*'), other.rsplit_once('*')) else {
        return fits(one, other);
    };
    // What is between the ends can stand behind each other.
    (first.starts_with(its_first) || its_first.starts_with(first))
        && (last.ends_with(its_last) || its_last.ends_with(last))
}
