//! The patterns of `[[projects]]`: which projects, which flags, which environments.

use globset::{GlobBuilder, GlobMatcher};

use super::error::nearest;

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

/// `"name"`, `"provider:name"`, `"*"` or `"provider:*"`: environments.
#[derive(Debug, Clone)]
pub(crate) struct EnvironmentPattern {
    provider: Option<String>,
    /// Lower case; `None`: all.
    name: Option<String>,
}

impl EnvironmentPattern {
    pub(crate) fn new(text: &str, names: Names<'_>) -> Result<Self, String> {
        let (provider, name) = scoped(text, names)?;
        let name = name.trim();
        if name.is_empty() {
            return Err("there should be the name of an environment, or \"*\" for all".to_owned());
        }
        if name != "*" && name.contains('*') {
            return Err(format!("\"{name}\": a `*` stands alone here, for all environments"));
        }
        Ok(Self {
            provider: provider.map(str::to_owned),
            name: if name == "*" { None } else { Some(name.to_lowercase()) },
        })
    }

    /// How exactly it names what it is about: a name before `*`, then a provider before none.
    pub(crate) fn exactness(&self) -> (bool, bool) {
        (self.name.is_some(), self.provider.is_some())
    }

    pub(crate) fn matches(&self, provider: &str, environment: &str) -> bool {
        self.provider.as_deref().is_none_or(|only| only == provider)
            && self.name.as_deref().is_none_or(|name| name == environment.to_lowercase())
    }

    /// Whether it names an environment that `scope` stands for, in which a `*` is any text.
    pub(crate) fn is_within(&self, provider: &str, scope: &str) -> bool {
        self.provider.as_deref().is_none_or(|only| only == provider)
            && self.name.as_deref().is_some_and(|name| fits(&scope.to_lowercase(), name))
    }
}

/// Whether the text is the pattern, with any text for each `*` in it.
fn fits(pattern: &str, text: &str) -> bool {
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
