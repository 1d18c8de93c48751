//! What the settings of several kinds of provider have in common.

use url::Url;

use crate::config::Span;

/// The shortest time between two polls.
const SHORTEST_POLL: Span = Span::seconds(5);

/// The time between two polls where nothing is said.
pub(in crate::flags) fn default_poll() -> Span {
    Span::seconds(5 * 60)
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{key}`: {message}")]
pub struct SettingError {
    /// Which.
    pub key: &'static str,
    /// What is wrong with it, for people.
    pub message: String,
}

impl SettingError {
    pub(in crate::flags) fn new(key: &'static str, message: impl Into<String>) -> Self {
        Self { key, message: message.into() }
    }
}

/// Whether `poll` may be that.
pub(in crate::flags) fn check_poll(poll: Span) -> Result<(), SettingError> {
    if poll < SHORTEST_POLL {
        return Err(SettingError::new(
            "poll",
            format!("{poll} is too often, the shortest is {SHORTEST_POLL}"),
        ));
    }
    Ok(())
}

/// The web address of a service, without a slash at its end; `example` is one that would do.
pub(in crate::flags) fn web_address(
    key: &'static str,
    text: &str,
    example: &str,
) -> Result<String, SettingError> {
    let wrong = |why: &str| SettingError::new(key, format!("{why}; write it as `{example}`"));
    let url = Url::parse(text.trim()).map_err(|_| wrong("this is not a web address"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("this is not a web address"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("the address must not carry a name or password"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("the address must not have anything after `?` or `#`"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}
