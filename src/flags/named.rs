//! The environment that a person named.

use super::{Provided, ProviderError};

/// The one of `all` whose name is `named`, in any letter case; one that is written exactly so comes first. Where there is none,
/// the error says which there are.
pub(in crate::flags) fn environment_named<'a, T>(
    provider: &str,
    all: &'a [T],
    named: &str,
    name: impl Fn(&T) -> &str,
) -> Provided<&'a T> {
    let found = all
        .iter()
        .find(|one| name(one) == named)
        .or_else(|| all.iter().find(|one| name(one).to_lowercase() == named.to_lowercase()));
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(name).collect();
        ProviderError::Strange(format!(
            "{provider} has no environment `{named}`; it has {}",
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        ))
    })
}
