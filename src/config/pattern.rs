//! The patterns of `[[projects]]`: which projects, which flags, which environments.

use globset::{GlobBuilder, GlobMatcher};

use super::error::nearest;
use super::hooks::{SIGNS, group_of};
use super::star::{fits, meet};

/// Matches paths of GitLab projects. `*` stays within one part of the path, `**` does not; case is ignored, as GitLab does.
pub(crate) fn project_matcher(pattern: &str) -> Result<GlobMatcher, String> {
    const SHAPE: &str =
        "this should be a pattern for paths of projects, such as \"shop/**\" or \"shop/website\"";
    if pattern.trim() != pattern || pattern.is_empty() {
        return Err(format!("{SHAPE}, not empty and without spaces around it"));
    }
    if pattern.contains("://") {
        return Err(format!("{SHAPE}, without the address of GitLab in front"));
    }
    if pattern.starts_with('/') || pattern.ends_with('/') {
        return Err(format!("{SHAPE}, without `/` at its ends"));
    }
    if !pattern.contains('/') && !pattern.contains("**") {
        return Err(format!(
            "no project can match this, since a project's path has its group in it. For all projects of a group \
             write \"{}/**\", for all projects \"**\"",
            if pattern.contains('*') { "GROUP" } else { pattern }
        ));
    }
    let glob = GlobBuilder::new(pattern).literal_separator(true).case_insensitive(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|why| format!("{SHAPE} ({})", why.kind()))
}

/// Whether for certain a pattern of projects is about every project that another one stands for.
pub(crate) fn covers(broad: &str, narrow: &str) -> bool {
    let is_below = |group: &str| {
        let split = narrow.split_at_checked(group.len());
        split.is_some_and(|(start, rest)| start.eq_ignore_ascii_case(group) && rest.starts_with('/'))
    };
    let whole_group = || broad.ends_with("/**").then(|| group_of(broad).ok()).flatten();
    broad == "**"
        || (!narrow.contains(SIGNS) && project_matcher(broad).is_ok_and(|broad| broad.is_match(narrow)))
        || whole_group().is_some_and(|group| is_below(&group))
}

/// `"glob"` or `"provider:glob"`: keys of flags.
#[derive(Debug, Clone)]
pub(crate) struct FlagPattern {
    provider: Option<String>,
    keys: GlobMatcher,
}

impl FlagPattern {
    pub(crate) fn new(text: &str, names: Names<'_>) -> Result<Self, String> {
        let (provider, glob) = scoped(text, names)?;
        if glob.is_empty() {
            return Err("there should be a pattern for keys of flags, such as \"shop_*\" or \"*\"".to_owned());
        }
        let keys = GlobBuilder::new(glob)
            .build()
            .map_err(|why| format!("\"{glob}\" is not a pattern for keys of flags ({})", why.kind()))?
            .compile_matcher();
        Ok(Self { provider: provider.map(str::to_owned), keys })
    }

    pub(crate) fn matches(&self, provider: &str, key: &str) -> bool {
        self.provider.as_deref().is_none_or(|only| only == provider) && self.keys.is_match(key)
    }
}

/// `"name"` or `"provider:name"`: environments. A `*` in the name stands for any text; case is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EnvironmentPattern {
    provider: Option<String>,
    /// Lower case.
    name: String,
}

/// How exactly a pattern names what it is about, the least first: whether it has no `*`, how many other letters it has,
/// whether it names a provider.
pub(crate) type Exactness = (bool, usize, bool);

impl EnvironmentPattern {
    pub(crate) fn new(text: &str, names: Names<'_>) -> Result<Self, String> {
        let (provider, name) = scoped(text, names)?;
        let name = name.trim();
        if name.is_empty() {
            return Err("there should be the name of an environment, or \"*\" for all".to_owned());
        }
        Ok(Self { provider: provider.map(str::to_owned), name: name.to_lowercase() })
    }

    pub(crate) fn exactness(&self) -> Exactness {
        let letters = self.name.chars().filter(|letter| *letter != '*').count();
        (!self.name.contains('*'), letters, self.provider.is_some())
    }

    /// Whether it is about that environment; of one with a `*` in its own name, whether it is about all that it stands for.
    pub(crate) fn matches(&self, provider: &str, environment: &str) -> bool {
        self.is_about(provider) && fits(&self.name, &environment.to_lowercase())
    }

    /// Whether it is about that environment, or any of those that one with a `*` in its name stands for.
    pub(crate) fn meets(&self, provider: &str, environment: &str) -> bool {
        self.is_about(provider) && meet(&self.name, &environment.to_lowercase())
    }

    /// Whether it is about every environment of every provider.
    pub(crate) fn is_everything(&self) -> bool {
        self.provider.is_none() && self.name.chars().all(|letter| letter == '*')
    }

    /// Whether it is about environments of that provider.
    pub(crate) fn is_about(&self, provider: &str) -> bool {
        self.provider.as_deref().is_none_or(|only| only == provider)
    }

    /// The name, in lower case, or the pattern for names.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

/// The names of providers that a pattern may have in front.
#[derive(Clone, Copy)]
pub(crate) struct Names<'a> {
    /// Those of the rule.
    pub(crate) of_rule: &'a [String],
    /// All that are configured.
    pub(crate) all: &'a [String],
}

/// What is before the first `:` is a provider if one of the rule has that name. A key or an environment may have
/// a `:` in it as well; but something that looks like a mistyped provider is not taken for one.
fn scoped<'a>(text: &'a str, names: Names<'_>) -> Result<(Option<&'a str>, &'a str), String> {
    let Some((before, after)) = text.split_once(':') else { return Ok((None, text)) };
    if names.of_rule.iter().any(|provider| provider == before) {
        return Ok((Some(before), after));
    }
    if names.all.iter().any(|provider| provider == before) {
        return Err(format!("`{before}` is not among the `providers` of this rule"));
    }
    match nearest(before, names.of_rule.iter().map(String::as_str)) {
        Some(near) => Err(format!("there is no provider of that name. Did you mean \"{near}:\" in front?")),
        None => Ok((None, text)),
    }
}
