//! What is wrong with a configuration, in words for people.

/// What is wrong with the configuration, for people: the file, the line, what and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// The candidate that `word` was most likely meant to be, if any is near.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = 2.max(word.chars().count() / 3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `` Did you mean `x`? `` or, where nothing is near, what there is.
pub(crate) fn suggestion(word: &str, candidates: &[&str], what_there_is: &str) -> String {
    match nearest(word, candidates.iter().copied()) {
        Some(near) => format!("Did you mean `{near}`?"),
        None if candidates.is_empty() => format!("There are no {what_there_is}."),
        None => {
            let all: Vec<String> = candidates.iter().map(|candidate| format!("`{candidate}`")).collect();
            format!("The {what_there_is} are {}.", all.join(", "))
        }
    }
}
