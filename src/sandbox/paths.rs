//! Matching the path of a request with a pattern.

/// The parts of `path` that stand where the pattern has `{}`, decoded; `None` where the two do not match.
pub(super) fn parts(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut found = Vec::new();
    let mut path = path.split('/');
    for wanted in pattern.split('/') {
        let part = path.next()?;
        if wanted == "{}" {
            if part.is_empty() {
                return None;
            }
            found.push(percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned());
        } else if wanted != part {
            return None;
        }
    }
    path.next().is_none().then_some(found)
}
