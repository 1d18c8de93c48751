//! What holds for a GitLab project: the first `[[projects]]` entry that matches its path.

use std::sync::Arc;
use std::time::Duration;

use globset::GlobMatcher;
use secrecy::SecretString;

use super::ConfigError;
use super::error::suggestion;
use super::file::ProjectTable;
use super::hooks::{Hooks, group_of};
use super::pattern::{EnvironmentPattern, FlagPattern, Names, project_matcher};
use super::role::{Role, Values};
use super::section::Section;
use super::toggle::Toggles;
use crate::domain::Visibility;

/// The longest time for which changes are gathered before they are told.
const LONGEST_TELL_AFTER: Duration = Duration::from_secs(60 * 60);

/// One `[[projects]]` entry, checked.
#[derive(Debug, Clone)]
pub struct ProjectRule {
    /// The pattern as written: what the rule is known by.
    pub pattern: String,
    /// Names of the providers whose flags can be named here, in order.
    pub providers: Vec<String>,
    /// Least role to read.
    pub read: Role,
    /// Least role to link.
    pub link: Role,
    /// Least role to make new flags; [`Role::None`] where nobody may.
    pub create: Role,
    /// Least role to archive flags; [`Role::None`] where nobody may.
    pub archive: Role,
    /// Least role to open issues in which flags are to be cleaned up; [`Role::None`] where nobody may.
    pub cleanup_issue: Role,
    /// The labels of these issues.
    pub cleanup_labels: Vec<String>,
    /// What is done with values.
    pub values: Values,
    /// Whether there is a panel.
    pub panel: bool,
    /// The label; `None`: none.
    pub label: Option<String>,
    /// Whether links that people put on a flag in its own service count here.
    pub adopt: bool,
    /// How long changes are gathered before they are told.
    pub tell_after: Duration,
    /// Whether changes are told in closed and merged work, too.
    pub tell_closed: bool,
    /// Whether changes are told in drafts.
    pub tell_drafts: bool,
    /// Where a webhook is registered, if any is.
    pub hooks: Hooks,
    /// An access token for these projects alone.
    pub token: Option<SecretString>,
    projects: GlobMatcher,
    flags: Vec<FlagPattern>,
    tell: Vec<EnvironmentPattern>,
    toggles: Toggles,
}

impl ProjectRule {
    /// Whether the rule is about a project of that path.
    pub fn matches(&self, path: &str) -> bool {
        self.projects.is_match(path.trim_matches('/'))
    }

    /// The path of the group that has the webhook for the rule's projects; `None` where the group has none.
    pub fn hooked_group(&self) -> Option<String> {
        group_of(&self.pattern).ok().filter(|_| self.hooks == Hooks::Group)
    }

    /// Whether this project may see that key of that provider (`flags`).
    pub fn sees(&self, provider: &str, key: &str) -> bool {
        self.providers.iter().any(|known| known == provider)
            && self.flags.iter().any(|pattern| pattern.matches(provider, key))
    }

    /// Whether a change in that environment also gets a reply (`tell`).
    pub fn tells(&self, provider: &str, environment: &str) -> bool {
        self.tell.iter().any(|pattern| pattern.matches(provider, environment))
    }

    /// The environments that it names, each with the key by which.
    pub(crate) fn environments(&self) -> impl Iterator<Item = (&'static str, &EnvironmentPattern)> {
        let told = self.tell.iter().map(|pattern| ("tell", pattern));
        told.chain(self.toggles.environments().map(|pattern| ("toggle_in", pattern)))
    }

    /// The least role that may switch a flag of that provider in that environment (`toggle_in`, then `permissions.toggle`).
    ///
    /// An environment with a `*` in its name stands for many (GitLab's scopes, such as `*` and `prod*`): to change them takes
    /// the highest role of all that hold for any of them.
    pub fn may_toggle(&self, provider: &str, environment: &str) -> Role {
        self.toggles.role(provider, environment)
    }

    /// The least role that may switch anything anywhere; [`Role::None`] where nobody may.
    pub fn toggles(&self) -> Role {
        self.toggles.least()
    }

    /// Whether values are shown in a project of that visibility.
    pub fn shows_values(&self, visibility: Visibility) -> bool {
        match self.values {
            Values::Show => true,
            Values::Hide => false,
            Values::Auto => visibility != Visibility::Public,
        }
    }

    /// Whether values that are shown in a project of that visibility are hidden where everybody sees it.
    pub fn would_hide_values(&self, visibility: Visibility) -> bool {
        self.shows_values(visibility) && !self.shows_values(Visibility::Public)
    }

    /// Checks one entry. `known` are the configured providers, in the order of the file.
    pub(crate) fn check(section: &Section, known: &[String]) -> Result<Self, ConfigError> {
        let table: ProjectTable = section.read()?;
        let projects = project_matcher(&table.r#match).map_err(|why| section.error("match", why))?;
        let providers = match table.providers {
            None => known.to_vec(),
            Some(names) => check_providers(section, names, known)?,
        };
        let names = Names { of_rule: &providers, all: known };
        let flags = table.flags.iter().map(|text| FlagPattern::new(text, names));
        let flags = flags.collect::<Result<_, _>>().map_err(|why| section.error("flags", why))?;
        let tell = table.tell.iter().map(|text| EnvironmentPattern::new(text, names));
        let tell = tell.collect::<Result<_, _>>().map_err(|why| section.error("tell", why))?;
        let tell_after = table.tell_after.duration();
        if tell_after > LONGEST_TELL_AFTER {
            return Err(section.error("tell_after", "changes are told within an hour: write at most \"1h\""));
        }
        let toggle_in = table.toggle_in.iter().map(|(text, role)| (text.as_str(), *role));
        let toggles = Toggles::new(table.permissions.toggle, toggle_in, names)
            .map_err(|why| section.error("toggle_in", why))?;
        if table.hooks == Hooks::Group {
            group_of(&table.r#match).map_err(|why| section.error("hooks", why))?;
        }
        Ok(Self {
            hooks: table.hooks,
            pattern: table.r#match,
            read: table.permissions.read,
            link: table.permissions.link,
            create: table.permissions.create,
            archive: table.permissions.archive,
            cleanup_issue: table.permissions.cleanup_issue,
            cleanup_labels: check_labels(&table.cleanup_labels)
                .map_err(|why| section.error("cleanup_labels", why))?,
            values: table.values,
            panel: table.panel,
            adopt: table.adopt,
            tell_after,
            tell_closed: table.tell_closed,
            tell_drafts: table.tell_drafts,
            label: check_label(&table.label).map_err(|why| section.error("label", why))?,
            token: section.token("token")?,
            providers,
            projects,
            flags,
            tell,
            toggles,
        })
    }
}

fn check_providers(
    section: &Section,
    names: Vec<String>,
    known: &[String],
) -> Result<Vec<String>, ConfigError> {
    if names.is_empty() {
        return Err(section.error("providers", "this names no provider; for all of them leave it out"));
    }
    for (at, name) in names.iter().enumerate() {
        if !known.contains(name) {
            let all: Vec<&str> = known.iter().map(String::as_str).collect();
            let suggestion = suggestion(name, &all, "providers");
            let shown: String = name.chars().take(64).flat_map(char::escape_debug).collect();
            return Err(
                section.error("providers", format_args!("there is no provider `{shown}`. {suggestion}"))
            );
        }
        if names.iter().take(at).any(|before| before == name) {
            return Err(section.error("providers", format_args!("`{name}` is named twice")));
        }
    }
    Ok(names)
}

/// GitLab's labels have at most 255 characters, and a list of them is separated by commas.
fn check_label(text: &str) -> Result<Option<String>, &'static str> {
    let label = text.trim();
    if label.contains(',') {
        return Err("GitLab's labels cannot have a comma");
    }
    if label.chars().count() > 255 {
        return Err("GitLab's labels have at most 255 characters");
    }
    if label.chars().any(char::is_control) {
        return Err("a label is one line of text");
    }
    Ok(if label.is_empty() { None } else { Some(label.to_owned()) })
}

/// Several labels, each once.
pub(super) fn check_labels(texts: &[String]) -> Result<Vec<String>, &'static str> {
    let mut labels = Vec::new();
    for text in texts {
        let label = check_label(text)?.ok_or("a label has at least one character")?;
        if !labels.contains(&label) {
            labels.push(label);
        }
    }
    Ok(labels)
}

/// All rules, in file order.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// In file order.
    pub rules: Vec<Arc<ProjectRule>>,
}

impl Rules {
    /// What decides how linked work looks, as a text to compare: whether it is another than the one from before. An update of
    /// flaglink may word the same rules otherwise.
    pub fn shown(&self) -> String {
        let shown = self.rules.iter().map(|rule| {
            let ProjectRule { pattern, providers, values, panel, label, adopt, flags, .. } = rule.as_ref();
            format!("{pattern:?} {providers:?} {flags:?} {values:?} {panel} {label:?} {adopt}\n")
        });
        shown.collect()
    }

    /// The first rule whose pattern matches the project's path (GitLab's paths ignore case).
    pub fn for_project(&self, path: &str) -> Option<Arc<ProjectRule>> {
        self.rules.iter().find(|rule| rule.matches(path)).cloned()
    }
}
