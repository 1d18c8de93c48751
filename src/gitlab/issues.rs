//! Issues that the bot opens itself.

use serde_json::{Value, json};

use super::api::{GitlabApi, NoteableDetail};
use super::client::MOST_PAGES;
use super::endpoints::{Describe, IssuesBy, OpenIssue, Relate, UsersLike};
use super::error::{GitlabError, GitlabResult};
use super::lenient::Object;
use super::wire::{RawNoteable, RawUser};
use crate::domain::{NoteableKind, Person, ProjectId, UserId};

/// An issue to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIssue<'a> {
    /// Title.
    pub title: &'a str,
    /// Description.
    pub description: &'a str,
    /// Names of its labels; GitLab makes those that are not there.
    pub labels: &'a [String],
    /// Who it is for.
    pub assignee: Option<UserId>,
}

impl GitlabApi {
    /// The issues of a project that this user opened and for which `keep` gives something, newest first; at most `limit` of
    /// them.
    pub async fn issues_by<T>(
        &self,
        project: ProjectId,
        author: UserId,
        limit: usize,
        keep: impl Fn(NoteableDetail) -> Option<T>,
    ) -> GitlabResult<Vec<T>> {
        let endpoint = IssuesBy { project, author };
        let mut kept = Vec::new();
        for number in 1..=MOST_PAGES {
            let (page, more) = self.client.page::<Value, _>(&endpoint, number).await?;
            for entry in page {
                // One that cannot be understood must not hide the others.
                let Ok(Object(raw)) = serde_json::from_value::<Object<RawNoteable>>(entry) else { continue };
                let Ok(issue) = raw.listed(project, NoteableKind::Issue) else { continue };
                if issue.author.id == author {
                    kept.extend(keep(issue));
                }
                if kept.len() >= limit {
                    return Ok(kept);
                }
            }
            if !more {
                break;
            }
        }
        Ok(kept)
    }

    /// Opens an issue: `POST /projects/:id/issues`.
    pub async fn open_issue(&self, project: ProjectId, new: &NewIssue<'_>) -> GitlabResult<NoteableDetail> {
        let mut body = json!({
            "title": new.title,
            "description": new.description,
            "labels": new.labels.join(","),
        });
        if let Some(assignee) = new.assignee {
            body["assignee_ids"] = json!([assignee]);
        }
        let opened: Object<RawNoteable> = self.client.get(&OpenIssue { project, body }).await?;
        opened.0.listed(project, NoteableKind::Issue)
    }

    /// Gives an issue another description.
    pub async fn describe(&self, project: ProjectId, iid: u64, description: &str) -> GitlabResult<()> {
        self.client.tell(&Describe { project, iid, description }).await
    }

    /// Relates two issues (`relates_to`). That they are related already is fine (409).
    pub async fn relate(&self, project: ProjectId, iid: u64, to: (ProjectId, u64)) -> GitlabResult<()> {
        let (to_project, to_iid) = to;
        match self.client.tell(&Relate { project, iid, to_project, to_iid }).await {
            Err(GitlabError::Failed(failure)) if failure.status == Some(409) => Ok(()),
            other => other,
        }
    }

    /// The one active user that GitLab knows by this mail address, as far as it tells the bot: addresses that are public.
    pub async fn user_with_address(&self, address: &str) -> GitlabResult<Option<Person>> {
        let found: Vec<Object<RawUser>> = self.client.get(&UsersLike { search: address }).await?;
        match <[_; 1]>::try_from(found) {
            Ok([Object(only)]) => only.person().map(Some),
            Err(_) => Ok(None),
        }
    }
}
