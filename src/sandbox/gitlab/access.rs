//! Who may do what: GitLab's permissions as far as the sandbox needs them.

use std::borrow::Cow;

use super::model::{Kind, Model, Note, Noteable, NoteableRef, Visibility, level};

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not there, or not for this user: 404. Says what, as GitLab does.
    #[error("404 {0}")]
    NotFound(Cow<'static, str>),
    /// This user may not: 403.
    #[error("403 Forbidden")]
    Forbidden,
    /// It makes no sense: 400. Says why.
    #[error("{0}")]
    Invalid(String),
    /// A field is not as it must be: 400. Says which, and why.
    #[error("{0} {1}")]
    Field(&'static str, &'static str),
    /// It is there already: 409. Says what.
    #[error("{0}")]
    Conflict(&'static str),
    /// The note held nothing but quick actions, which were carried out: no note was kept.
    #[error("nothing but quick actions: {0:?}")]
    OnlyCommands(Vec<String>),
}

impl Refusal {
    /// What GitLab answers for a record that was not found.
    pub const NOT_FOUND: Self = Self::NotFound(Cow::Borrowed("Not found"));
}

impl Model {
    /// A user's access level in a project; 0 where they are no member.
    pub fn level(&self, project: u64, user: Option<u64>) -> u32 {
        let Some(user) = user.and_then(|id| self.users.get(&id)).filter(|user| !user.blocked) else {
            return 0;
        };
        if user.admin {
            return level::OWNER;
        }
        self.projects
            .get(&project)
            .and_then(|project| project.members.get(&user.id))
            .filter(|member| member.active)
            .map_or(0, |member| member.level)
    }

    /// Whether a user (`None`: nobody in particular) can see a project.
    pub fn sees_project(&self, project: u64, user: Option<u64>) -> bool {
        match self.projects.get(&project).map(|project| project.visibility) {
            Some(Visibility::Public) => true,
            Some(Visibility::Internal) => user.is_some(),
            Some(Visibility::Private) => self.level(project, user) >= level::GUEST,
            None => false,
        }
    }

    /// Whether a project has issues, or merge requests: they can be switched off.
    pub fn has(&self, project: u64, kind: Kind) -> bool {
        self.projects.get(&project).is_some_and(|project| match kind {
            Kind::Issue => !project.issues_off,
            Kind::MergeRequest => !project.merge_requests_off,
        })
    }

    /// Whether a user can see an issue or merge request.
    ///
    /// Confidential issues: from Planner on, and their author and assignees. Merge requests of a private project:
    /// from Planner on, since guests cannot see its code.
    pub fn sees(&self, noteable: &Noteable, user: Option<u64>) -> bool {
        let project = noteable.place.project;
        if !self.sees_project(project, user) || !self.has(project, noteable.place.kind) {
            return false;
        }
        let level = self.level(project, user);
        let own = user.is_some_and(|user| noteable.author == user || noteable.assignees.contains(&user));
        match noteable.place.kind {
            Kind::Issue => !noteable.confidential || level >= level::PLANNER || own,
            Kind::MergeRequest => {
                let private =
                    self.projects.get(&project).is_some_and(|p| p.visibility == Visibility::Private);
                !private || level >= level::PLANNER
            }
        }
    }

    /// Whether a user can read a note on a noteable that they can see.
    pub fn reads_note(&self, note: &Note, user: Option<u64>) -> bool {
        !note.internal || self.level(note.on.project, user) >= level::PLANNER
    }

    /// The project, if this user may see it.
    pub(super) fn visible_project(&self, project: u64, user: Option<u64>) -> Result<(), Refusal> {
        if self.sees_project(project, user) {
            Ok(())
        } else {
            Err(Refusal::NotFound("Project Not Found".into()))
        }
    }

    /// The noteable, if this user may see it.
    pub(super) fn visible(&self, on: NoteableRef, user: Option<u64>) -> Result<&Noteable, Refusal> {
        self.visible_project(on.project, user)?;
        self.noteables.get(&on).filter(|noteable| self.sees(noteable, user)).ok_or(Refusal::NOT_FOUND)
    }

    /// The note, if it stands on this noteable and this user may read it.
    pub(super) fn visible_note(
        &self,
        on: NoteableRef,
        note: u64,
        user: Option<u64>,
    ) -> Result<&Note, Refusal> {
        self.visible(on, user)?;
        self.notes
            .get(&note)
            .filter(|note| note.on == on && self.reads_note(note, user))
            .ok_or(Refusal::NOT_FOUND)
    }

    /// Whether anything can be written in a project at all.
    fn writable(&self, project: u64) -> bool {
        self.projects.get(&project).is_some_and(|project| !project.archived)
    }

    /// Whether a user may comment (and react) on a noteable.
    pub fn may_comment(&self, on: NoteableRef, user: u64) -> bool {
        let Some(noteable) = self.noteables.get(&on) else { return false };
        self.writable(on.project)
            && self.sees(noteable, Some(user))
            && (!noteable.locked || self.level(on.project, Some(user)) >= level::GUEST)
    }

    /// Whether a user may comment internally: from Planner on.
    pub fn may_comment_internally(&self, on: NoteableRef, user: u64) -> bool {
        self.level(on.project, Some(user)) >= level::PLANNER
    }

    /// Whether a user may edit or delete a note (`admin_note`): its author, and from Maintainer on.
    pub fn may_edit_note(&self, note: &Note, user: u64) -> bool {
        self.writable(note.on.project)
            && (note.author == user && self.may_comment(note.on, user)
                || self.level(note.on.project, Some(user)) >= level::MAINTAINER)
    }

    /// Whether a user may change an issue or merge request: its author, and from Planner (issues) or Developer (merge
    /// requests) on.
    pub fn may_update(&self, on: NoteableRef, user: u64) -> bool {
        self.noteables.get(&on).is_some_and(|noteable| {
            self.writable(on.project)
                && self.sees(noteable, Some(user))
                && (noteable.author == user || self.may_administer(on, user))
        })
    }

    /// Whether a user may set labels, assignees, confidentiality: from Planner (issues) or Developer (merge requests) on.
    pub fn may_administer(&self, on: NoteableRef, user: u64) -> bool {
        let least = match on.kind {
            Kind::Issue => level::PLANNER,
            Kind::MergeRequest => level::DEVELOPER,
        };
        self.writable(on.project) && self.level(on.project, Some(user)) >= least
    }

    /// Whether a user may make and change a project's labels: from Planner on.
    pub fn may_make_labels(&self, project: u64, user: u64) -> bool {
        self.writable(project) && self.level(project, Some(user)) >= level::PLANNER
    }

    /// Whether a user may see and change a project's webhooks: from Maintainer on.
    pub fn may_manage_hooks(&self, project: u64, user: u64) -> bool {
        self.level(project, Some(user)) >= level::MAINTAINER
    }

    /// Whether a user may merge into the protected default branch: from Maintainer on, as GitLab protects it by default.
    pub fn may_merge(&self, on: NoteableRef, user: u64) -> bool {
        self.writable(on.project) && self.level(on.project, Some(user)) >= level::MAINTAINER
    }
}
