//! `[[reminders]]`: flags that nobody seems to need any more.

use std::time::Duration;

use globset::{GlobBuilder, GlobMatcher};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::pattern::{EnvironmentPattern, Names};
use super::rules::check_labels;
use super::section::Section;
use super::span::Span;

/// Reminders of flags that may be cleaned up: those that are set to the same in all environments, and have been for long. Each
/// gets one issue, the same that `/flag cleanup-issue` opens; where it is there already, what it says of the flag is brought
/// up to date, also when the flag has changed since, is to stay, is archived or gone. An issue whose description was written anew is left
/// alone, and nobody but people closes one; an issue that was closed stays closed. `flaglink reminders --dry-run` prints what would be
/// done, as far as that is known without the store.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ReminderTable {
    /// Whose flags. Those of the provider that the project may see (`flags` of its rule).
    pub(crate) provider: String,
    /// Path of the GitLab project in which the issues are opened. A rule has to match it. Where that rule hides values, so do
    /// the issues.
    pub(crate) project: String,
    /// For how long a flag has to be as it is.
    #[serde(default = "default_after")]
    pub(crate) after: Span,
    /// The environments that count. A `*` in a name stands for any text. Upper and lower case are the same.
    #[serde(default = "all")]
    pub(crate) environments: Vec<String>,
    /// Labels of the issues. GitLab makes those that are not there. Not given: `cleanup_labels` of the project's rule.
    pub(crate) labels: Option<Vec<String>>,
    /// How many issues are opened at a time, those about the flags that have been the same for longest first.
    #[serde(default = "default_limit")]
    pub(crate) limit: u32,
    /// How long between two looks.
    #[serde(default = "default_every")]
    pub(crate) every: Span,
    /// Keys of flags that are there to stay: `"ops_*"`. Upper and lower case are the same.
    #[serde(default)]
    pub(crate) permanent: Vec<String>,
    /// Tags of flags that are there to stay, where the flag service has tags. Upper and lower case are the same. A tag that
    /// Flagsmith itself calls permanent counts whatever its name is. Unleash's are written `type:value` unless they are
    /// `simple`.
    #[serde(default = "default_tags")]
    pub(crate) permanent_tags: Vec<String>,
}

fn default_after() -> Span {
    Span::seconds(90 * 24 * 60 * 60)
}

fn all() -> Vec<String> {
    vec!["*".to_owned()]
}

fn default_limit() -> u32 {
    5
}

fn default_every() -> Span {
    Span::seconds(24 * 60 * 60)
}

fn default_tags() -> Vec<String> {
    vec!["permanent".to_owned()]
}

/// One `[[reminders]]` entry, checked.
#[derive(Debug, Clone)]
pub struct Reminder {
    /// Whose flags.
    pub provider: String,
    /// Path of the project for the issues.
    pub project: String,
    /// For how long a flag has to be as it is.
    pub after: Duration,
    /// Labels of the issues; `None`: those of the project's rule.
    pub labels: Option<Vec<String>>,
    /// How many issues are opened at a time.
    pub limit: usize,
    /// How long between two looks.
    pub every: Duration,
    environments: Vec<EnvironmentPattern>,
    permanent: Vec<GlobMatcher>,
    permanent_tags: Vec<String>,
}

impl Reminder {
    /// What it is known by.
    pub fn name(&self) -> String {
        format!("{} in {}", self.provider, self.project)
    }

    /// Whether this environment counts.
    pub fn counts(&self, environment: &str) -> bool {
        self.environments.iter().any(|pattern| pattern.matches(&self.provider, environment))
    }

    /// Whether every environment counts.
    pub fn counts_all(&self) -> bool {
        self.environments.iter().any(EnvironmentPattern::is_everything)
    }

    /// The environments that it names.
    pub(crate) fn environments(&self) -> &[EnvironmentPattern] {
        &self.environments
    }

    /// Whether a flag of that key is there to stay.
    pub fn keeps(&self, key: &str) -> bool {
        self.permanent.iter().any(|pattern| pattern.is_match(key))
    }

    /// Whether there are tags of flags that are there to stay.
    pub fn looks_at_tags(&self) -> bool {
        !self.permanent_tags.is_empty()
    }

    /// Whether a flag with that tag is there to stay.
    pub fn keeps_tagged(&self, tag: &str) -> bool {
        self.permanent_tags.iter().any(|known| known.eq_ignore_ascii_case(tag))
    }

    /// Checks one entry. `known` are the configured providers.
    pub(crate) fn check(section: &Section, known: &[String]) -> Result<Self, ConfigError> {
        let table: ReminderTable = section.read()?;
        if !known.contains(&table.provider) {
            let names = known.join("`, `");
            return Err(
                section.error("provider", format_args!("there is no such provider; there is `{names}`"))
            );
        }
        let project = table.project.trim_matches('/').to_owned();
        if !project.contains('/') || project.contains(char::is_whitespace) || project.contains('*') {
            return Err(
                section.error("project", "this should be the path of one project, such as \"shop/website\"")
            );
        }
        let of_rule = [table.provider.clone()];
        let names = Names { of_rule: &of_rule, all: known };
        let environments = table.environments.iter().map(|text| EnvironmentPattern::new(text, names));
        let environments =
            environments.collect::<Result<Vec<_>, _>>().map_err(|why| section.error("environments", why))?;
        if environments.is_empty() {
            return Err(
                section.error("environments", "this names no environment; for all of them leave it out")
            );
        }
        let glob = |text: &String| {
            GlobBuilder::new(text).case_insensitive(true).build().map(|glob| glob.compile_matcher())
        };
        let permanent = table.permanent.iter().map(glob).collect::<Result<_, _>>();
        let permanent = permanent.map_err(|why| section.error("permanent", why.kind()))?;
        let labels = table.labels.as_deref().map(check_labels).transpose();
        if table.limit == 0 {
            return Err(section.error("limit", "no issue would ever be opened; this should be 1 or more"));
        }
        Ok(Self {
            provider: table.provider,
            project,
            after: table.after.duration(),
            labels: labels.map_err(|why| section.error("labels", why))?,
            limit: usize::try_from(table.limit).unwrap_or(usize::MAX),
            every: table.every.duration(),
            environments,
            permanent,
            permanent_tags: table.permanent_tags,
        })
    }
}
