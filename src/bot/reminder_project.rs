//! The project in which a reminder's issues are opened, wherever it is now.

use std::time::Duration;

use super::Trouble;
use super::world::Project;
use crate::config::{ProjectRule, Reminder, Rules};
use crate::gitlab::{GitlabApi, GitlabError};

/// How soon it is looked again.
const AGAIN: Duration = Duration::from_secs(5 * 60);

/// Why there is no such project.
#[derive(Debug, thiserror::Error)]
pub enum NoProject {
    /// It cannot be used.
    #[error("{says}: {remedy}")]
    Unfit {
        /// What is the matter.
        says: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// GitLab does not say.
    #[error(transparent)]
    Failed(#[from] GitlabError),
}

impl From<NoProject> for Trouble {
    fn from(why: NoProject) -> Self {
        match why {
            NoProject::Unfit { .. } => Self::again_in(AGAIN, why.to_string()),
            NoProject::Failed(error) => error.into(),
        }
    }
}

/// Finds it. `client_of` gives the client that speaks to the projects of a rule.
///
/// # Errors
/// It is not there, no rule is about it, or no issue can be opened in it.
pub async fn project_of(
    reminder: &Reminder,
    rules: &Rules,
    client_of: impl Fn(&ProjectRule) -> GitlabApi,
) -> Result<Project, NoProject> {
    let path = &reminder.project;
    let unfit = |says: String, remedy| NoProject::Unfit { says, remedy };
    let no_rule = || {
        let says = format!("no rule of [[projects]] matches {path}");
        unfit(says, "let one match it, or write another `project` into [[reminders]]")
    };
    let rule = rules.for_project(path).ok_or_else(no_rule)?;
    let detail = client_of(&rule).project_once_at(path).await?.ok_or_else(|| {
        unfit(
            format!("there is no project {path} for flaglink's token"),
            "put `project` of [[reminders]] right, or invite the bot into it",
        )
    })?;
    let rule = rules.for_project(&detail.path).ok_or_else(|| {
        unfit(
            format!("the project {path} is {} now, and no rule of [[projects]] matches that", detail.path),
            "let one match it, and write the new path as `project` of [[reminders]]",
        )
    })?;
    if detail.archived {
        return Err(unfit(
            format!("the project {} is archived, so no issue can be opened there", detail.path),
            "unarchive it in GitLab, or write another `project` into [[reminders]]",
        ));
    }
    if detail.has_issues == Some(false) {
        return Err(unfit(
            format!("issues are switched off in {}", detail.path),
            "switch them on in GitLab (Settings → General → Visibility), or write another `project` into [[reminders]]",
        ));
    }
    let gitlab = client_of(&rule);
    Ok(Project { detail, rule, gitlab })
}

/// The path that the project has now, where the reminder names an old one.
pub fn moved_to(reminder: &Reminder, project: &Project) -> Option<String> {
    let path = &project.detail.path;
    (!path.eq_ignore_ascii_case(&reminder.project)).then(|| path.clone())
}
