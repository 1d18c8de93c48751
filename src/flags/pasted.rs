//! Addresses of a service as people copy them: of its API, or of a page of one project.

use url::Url;

/// What an address says that was pasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pasted {
    /// The address as it is written in the configuration.
    pub url: String,
    /// The project whose page it is, if it is one.
    pub project: Option<String>,
}

/// What stands in the address behind `word` and a slash.
pub(in crate::flags) fn part_after(url: &Url, word: &str) -> Option<String> {
    let mut parts = url.path_segments()?;
    parts.find(|part| *part == word)?;
    parts.next().filter(|part| !part.is_empty()).map(str::to_owned)
}

/// The address up to the first of the `marks`, without a slash at its end.
pub(in crate::flags) fn before(url: &Url, marks: &[&str]) -> String {
    let mut url = url.clone();
    let path = format!("{}/", url.path().trim_end_matches('/'));
    let end = marks.iter().filter_map(|mark| path.find(mark)).min().unwrap_or(path.len());
    url.set_path(path.get(..end).unwrap_or_default());
    url.as_str().trim_end_matches('/').to_owned()
}
