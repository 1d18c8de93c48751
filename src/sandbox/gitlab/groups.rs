//! Groups, as far as webhooks need them: who is a member, and which projects are below.

use std::collections::BTreeMap;

use super::Gitlab;
use super::model::{Group, Hook, Model, level};

/// Who has a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    Project(u64),
    Group(u64),
}

impl Hook {
    /// Who has it.
    pub(super) fn home(&self) -> Home {
        self.group.map_or(Home::Project(self.project), Home::Group)
    }
}

impl Model {
    /// A user's access level in a group; 0 where they are no member.
    pub fn group_level(&self, group: u64, user: u64) -> u32 {
        if self.users.get(&user).is_some_and(|user| user.admin) {
            return level::OWNER;
        }
        self.groups.get(&group).and_then(|group| group.members.get(&user)).copied().unwrap_or(0)
    }

    /// Whether what happens in a project goes to that hook: its own, or one of a group above (`doc/user/project/integrations/webhooks.md`,
    /// "Group webhooks": events of the group's projects and of those in its subgroups).
    pub(super) fn goes_to(&self, hook: &Hook, project: u64) -> bool {
        match hook.home() {
            Home::Project(own) => own == project,
            Home::Group(group) => {
                let path = self.projects.get(&project).map(|project| project.path.to_lowercase());
                let group = self.groups.get(&group).map(|group| group.path.to_lowercase());
                match (path, group) {
                    (Some(path), Some(group)) => path.starts_with(&format!("{group}/")),
                    _ => false,
                }
            }
        }
    }

    /// Whether a user may see and change the webhooks there: from Maintainer on in a project, Owners of a group.
    pub(super) fn may_manage_hooks_of(&self, home: Home, user: u64) -> bool {
        match home {
            Home::Project(project) => self.may_manage_hooks(project, user),
            Home::Group(group) => self.group_level(group, user) >= level::OWNER,
        }
    }
}

impl Gitlab {
    /// Makes a group without members and returns its id.
    pub fn group(&self, path: &str) -> u64 {
        self.change(|model| {
            let id = model.next_id("group");
            model.groups.insert(id, Group { id, path: path.to_owned(), members: BTreeMap::new() });
            id
        })
    }

    /// Makes somebody a member of a group.
    pub fn group_member(&self, group: u64, user: u64, level: u32) {
        self.change(|model| {
            if let Some(group) = model.groups.get_mut(&group) {
                group.members.insert(user, level);
            }
        });
    }
}
