//! Users, projects, roles, and the issues and merge requests themselves.

use gitlab::api::projects::issues::Issue;
use gitlab::api::projects::members::AllProjectMember;
use gitlab::api::projects::merge_requests::MergeRequest;
use gitlab::api::{projects, users};

use super::api::{AccessLevel, GitlabApi, Me, NoteableDetail, ProjectDetail};
use super::client::{date_of, parse};
use super::error::{GitlabError, GitlabResult};
use super::lenient::Object;
use super::wire::{RawMember, RawNoteable, RawProject, RawUser};
use crate::domain::{NoteableKind, ProjectId, UserId};

/// A builder of the `gitlab` crate lacks a field: a mistake of ours, told instead of a panic.
pub(super) fn unbuilt(error: impl std::fmt::Display) -> GitlabError {
    GitlabError::Strange(format!("the request is not complete: {error}"))
}

impl GitlabApi {
    /// The user that the token belongs to: `GET /user`.
    pub async fn me(&self) -> GitlabResult<Me> {
        let endpoint = users::CurrentUser::builder().build().map_err(unbuilt)?;
        let answer = self.client.answer(&endpoint).await?;
        let user = parse::<Object<RawUser>>(&answer, "a user")?.0.person()?;
        Ok(Me { id: user.id, username: user.username, date: date_of(&answer) })
    }

    /// A project by id: `GET /projects/:id`. `None`: not there or not for this token.
    pub async fn project(&self, id: ProjectId) -> GitlabResult<Option<ProjectDetail>> {
        let endpoint = projects::Project::builder().project(id).build().map_err(unbuilt)?;
        let project: Option<Object<RawProject>> = self.client.find(&endpoint).await?;
        project.map(|project| project.0.detail()).transpose()
    }

    /// The project that is at that path, or was before it was renamed or moved. GitLab leads there from the old path (301 to
    /// `/api/v4/projects/:id`, `lib/api/helpers.rb`); of that only the number is taken.
    pub async fn project_once_at(&self, path: &str) -> GitlabResult<Option<ProjectDetail>> {
        let error = match self.project_at(path).await {
            Err(GitlabError::Failed(failure)) => failure,
            found => return found,
        };
        let id = error.leads_to().and_then(|to| to.rsplit_once("/api/v4/projects/"));
        match id.and_then(|(_, id)| id.parse().ok()) {
            Some(id) => self.project(id).await,
            None => Err(error.into()),
        }
    }

    /// An issue or merge request: `GET /projects/:id/issues/:iid`. `None` on 404.
    pub async fn noteable(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
    ) -> GitlabResult<Option<NoteableDetail>> {
        let found: Option<Object<RawNoteable>> = match kind {
            NoteableKind::Issue => {
                let endpoint = Issue::builder().project(project).issue(iid).build().map_err(unbuilt)?;
                self.client.find(&endpoint).await?
            }
            NoteableKind::MergeRequest => {
                let endpoint =
                    MergeRequest::builder().project(project).merge_request(iid).build().map_err(unbuilt)?;
                self.client.find(&endpoint).await?
            }
        };
        found.map(|found| found.0.detail(project, kind, iid)).transpose()
    }

    /// A user's role in a project, inherited ones too: `GET /projects/:id/members/all/:user_id`.
    /// `None`: no member (404), or a member whose state is not `active`.
    pub async fn access_level(&self, project: ProjectId, user: UserId) -> GitlabResult<Option<AccessLevel>> {
        let endpoint = AllProjectMember::builder().project(project).user(user).build().map_err(unbuilt)?;
        let Some(Object(member)) = self.client.find::<Object<RawMember>, _>(&endpoint).await? else {
            return Ok(None);
        };
        let active = |state: Option<String>| state.is_none_or(|state| state == "active");
        if !active(member.state) || !active(member.membership_state) {
            return Ok(None);
        }
        let level = member.access_level.ok_or_else(|| {
            GitlabError::Strange("GitLab named a member without an access level".to_owned())
        })?;
        Ok(Some(AccessLevel(level)))
    }
}
