//! The projects of reminders: where they are, and whether issues can be opened in them.

use std::time::Duration;

use super::finding::{Finding, Id};
use super::gitlab::Access;
use super::within;
use crate::bot::reminder_project::{NoProject, moved_to, project_of};
use crate::config::{Config, ProjectRule};
use crate::domain::{NEW_PATH, does_nothing, of_an_old_path};
use crate::gitlab::GitlabApi;

/// Looks for each. Where GitLab does not answer, or not to that token, is said where it is asked itself.
pub(super) async fn look(config: &Config, all: &[Access], limit: Duration) -> Vec<Finding> {
    let mut findings = Vec::new();
    for reminder in &config.reminders {
        let own =
            |rule: &ProjectRule| all.iter().find(|access| access.rule.as_deref() == Some(&rule.pattern));
        let Some(first) = all.first() else { continue };
        let client_of = |rule: &ProjectRule| -> GitlabApi { own(rule).unwrap_or(first).api.clone() };
        let asked = within(limit, project_of(reminder, &config.rules, client_of)).await;
        let name = reminder.name();
        findings.push(match asked {
            Some(Ok(project)) => match moved_to(reminder, &project) {
                Some(path) => Finding::look(Id::ReminderProject, of_an_old_path(&name, &path), NEW_PATH),
                None => Finding::good(
                    Id::ReminderProject,
                    format!("the reminder {name} opens its issues in {}", project.detail.path),
                ),
            },
            Some(Err(NoProject::Unfit { says, remedy })) => {
                Finding::wrong(Id::ReminderProject, format!("{}{says}", does_nothing(&name)), remedy)
            }
            Some(Err(NoProject::Failed(_))) | None => continue,
        });
    }
    findings
}
