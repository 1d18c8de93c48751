//! Which of the flags that a search finds come first.

/// What a search goes by.
#[derive(Debug, Clone, Copy)]
pub(in crate::flags) struct Searched<'a> {
    pub(in crate::flags) name: &'a str,
    pub(in crate::flags) description: Option<&'a str>,
    pub(in crate::flags) archived: bool,
}

/// Those that have `text` in their name or description, in any letter case, at most `limit`: first the one of that name, then
/// names that begin with it, names that have it in them, descriptions; short names first; archived ones after all others.
pub(in crate::flags) fn best_first<T>(
    all: impl IntoIterator<Item = T>,
    text: &str,
    limit: usize,
    searched: impl Fn(&T) -> Searched<'_>,
) -> Vec<T> {
    let wanted = text.trim().to_lowercase();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut ranked: Vec<((bool, u8, usize, String), T)> = all
        .into_iter()
        .filter_map(|one| {
            let by = searched(&one);
            let key = (by.archived, rank(by, &wanted)?, by.name.chars().count(), by.name.to_owned());
            Some((key, one))
        })
        .collect();
    ranked.sort_by(|a, b| a.0.cmp(&b.0));
    ranked.into_iter().take(limit).map(|(_, one)| one).collect()
}

fn rank(by: Searched<'_>, wanted: &str) -> Option<u8> {
    let name = by.name.to_lowercase();
    if name == *wanted {
        return Some(0);
    }
    if name.starts_with(wanted) {
        return Some(1);
    }
    if name.contains(wanted) {
        return Some(2);
    }
    by.description?.to_lowercase().contains(wanted).then_some(3)
}
