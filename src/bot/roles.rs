//! Which role a permission takes in a project, and whether somebody has it now.

use super::Trouble;
use super::world::{Project, World};
use crate::command::Permission;
use crate::config::{ProjectRule, Role};
use crate::domain::{ProjectId, UserId, Work};
use crate::gitlab::AccessLevel;

/// The least role that has it. For switching, the least that may switch anything at all: where, is looked at when that is
/// known.
pub(super) fn least(rule: &ProjectRule, permission: Permission) -> Role {
    match permission {
        Permission::Read => rule.read,
        Permission::Link => rule.link,
        Permission::Toggle => rule.toggles(),
        Permission::Create => rule.create,
        Permission::Archive => rule.archive,
        Permission::CleanupIssue => rule.cleanup_issue,
    }
}

/// What it allows, as the beginning of an answer.
pub(super) fn words(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "reading flags here",
        Permission::Link => "linking flags here",
        Permission::Toggle => "switching flags here",
        Permission::Create => "making flags here",
        Permission::Archive => "archiving flags here",
        Permission::CleanupIssue => "opening issues about flags here",
    }
}

/// The key of the configuration that says who has it.
pub(super) fn key(permission: Permission) -> &'static str {
    match permission {
        Permission::Read => "permissions.read",
        Permission::Link => "permissions.link",
        Permission::Toggle => "permissions.toggle",
        Permission::Create => "permissions.create",
        Permission::Archive => "permissions.archive",
        Permission::CleanupIssue => "permissions.cleanup_issue",
    }
}

/// A person's access level in a project, as GitLab says now; 0 for who is no member.
pub(super) async fn level(project: &Project, person: UserId) -> Result<u32, Trouble> {
    let level = project.gitlab.access_level(project.detail.id, person).await?;
    Ok(level.map_or(0, |AccessLevel(level)| level))
}

/// Whether that person (`None`: the configuration itself asks) may have that done, as GitLab and the configuration say now.
pub async fn may_have_done(
    world: &World,
    project: ProjectId,
    person: Option<UserId>,
    work: &Work,
) -> Result<bool, Trouble> {
    let Some(project) = world.project(project).await? else { return Ok(false) };
    let (provider, key) = work.about();
    if !project.rule.sees(provider, key) {
        return Ok(false);
    }
    let permission = match work {
        Work::Create { .. } => Permission::Create,
        Work::Archive { .. } => Permission::Archive,
        Work::Cleanup(_) => Permission::CleanupIssue,
    };
    let Some(person) = person else { return Ok(permission == Permission::CleanupIssue) };
    let Some(needed) = least(&project.rule, permission).level() else { return Ok(false) };
    Ok(level(&project, person).await? >= needed)
}
