//! What holds for a GitLab project: the first `[[projects]]` entry that matches its path.

use std::sync::Arc;

use crate::domain::Visibility;

/// A role, in GitLab's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Guest (10).
    Guest,
    /// Planner (15).
    Planner,
    /// Reporter (20).
    Reporter,
    /// Developer (30).
    Developer,
    /// Maintainer (40).
    Maintainer,
    /// Owner (50).
    Owner,
    /// Nobody at all.
    None,
}

impl Role {
    /// GitLab's access level; `None` for "nobody".
    pub fn level(self) -> Option<u32> {
        todo!()
    }

    /// Its name as people read it: `Developer`.
    pub fn words(self) -> &'static str {
        todo!()
    }
}

/// What is done with flag values in comments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Shown.
    Show,
    /// Hidden.
    Hide,
    /// Hidden on public projects.
    Auto,
}

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
    /// What is done with values.
    pub values: Values,
    /// Whether there is a panel.
    pub panel: bool,
    /// The label; `None`: none.
    pub label: Option<String>,
}

impl ProjectRule {
    /// Whether this project may see that key of that provider (`flags`).
    pub fn sees(&self, _provider: &str, _key: &str) -> bool {
        todo!()
    }

    /// Whether a change in that environment also gets a reply (`tell`).
    pub fn tells(&self, _provider: &str, _environment: &str) -> bool {
        todo!()
    }

    /// Whether values are shown in a project of that visibility.
    pub fn shows_values(&self, visibility: Visibility) -> bool {
        match self.values {
            Values::Show => true,
            Values::Hide => false,
            Values::Auto => visibility != Visibility::Public,
        }
    }
}

/// All rules, in file order.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// In file order.
    pub rules: Vec<Arc<ProjectRule>>,
}

impl Rules {
    /// The first rule whose pattern matches the project's path (GitLab's paths ignore case).
    pub fn for_project(&self, _path: &str) -> Option<Arc<ProjectRule>> {
        todo!()
    }
}
