//! What there is to look at after a while away: projects, and the issues and merge requests that changed since.

use std::collections::BTreeSet;

use gitlab::api::Endpoint;
use gitlab::api::common::SortOrder;
use gitlab::api::projects::issues::{IssueOrderBy, IssueScope, Issues};
use gitlab::api::projects::merge_requests::{MergeRequestOrderBy, MergeRequestScope, MergeRequests};
use gitlab::api::projects::{ProjectOrderBy, Projects};
use jiff::Timestamp;
use serde_json::Value;

use super::api::{GitlabApi, NoteableDetail, ProjectDetail};
use super::client::{MOST_PAGES, PAGE_SIZE};
use super::endpoints::Also;
use super::error::GitlabResult;
use super::lenient::Object;
use super::people::unbuilt;
use super::wire::{RawNoteable, RawProject};
use crate::domain::{NoteableKind, ProjectId};

/// So many issues or merge requests are asked for at once by their numbers: fewer than a page holds, and no long address.
pub const SHOWN_AT_ONCE: usize = 50;

/// A page of issues or merge requests, in the order of their last changes.
#[derive(Debug, Clone)]
pub struct Changed {
    /// Those on this page that can be understood.
    pub noteables: Vec<NoteableDetail>,
    /// Whether more follows.
    pub more: bool,
    /// GitLab's clock when it answered, in whole seconds, if it said.
    pub date: Option<Timestamp>,
}

impl GitlabApi {
    /// The projects that the token's user is a member of, also by way of a group; archived ones are left out.
    /// `GET /projects?membership=true`, page by page after the last id.
    pub async fn member_projects(&self) -> GitlabResult<Vec<ProjectDetail>> {
        self.projects_of_member(false).await
    }

    /// Those that are archived: nothing can be written there.
    pub async fn archived_projects(&self) -> GitlabResult<Vec<ProjectDetail>> {
        self.projects_of_member(true).await
    }

    async fn projects_of_member(&self, archived: bool) -> GitlabResult<Vec<ProjectDetail>> {
        let mut projects = Vec::new();
        let mut after = 0;
        for _ in 1..=MOST_PAGES {
            let endpoint = Projects::builder()
                .membership(true)
                .archived(archived)
                .order_by(ProjectOrderBy::Id)
                .sort(SortOrder::Ascending)
                .id_after(after)
                .build()
                .map_err(unbuilt)?;
            let page = self.client.listed::<Value, _>(&endpoint, 1, PAGE_SIZE).await?;
            let last = page.entries.iter().filter_map(|entry| entry.get("id")?.as_u64()).max();
            projects.extend(page.entries.into_iter().filter_map(|entry| {
                let project: Object<RawProject> = serde_json::from_value(entry).ok()?;
                project.0.detail().ok()
            }));
            match last {
                Some(last) if page.more && last > after => after = last,
                _ => break,
            }
        }
        Ok(projects)
    }

    /// Those of some issues or merge requests of a project that GitLab shows, by their numbers: one request, so no more than
    /// [`SHOWN_AT_ONCE`] of them can be asked for. That one is left out proves nothing: of a project that has none GitLab may show none.
    pub async fn shown_of(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iids: &[u64],
    ) -> GitlabResult<BTreeSet<u64>> {
        let iids = iids.iter().copied().take(SHOWN_AT_ONCE);
        match kind {
            NoteableKind::Issue => {
                let mut asked = Issues::builder();
                asked.project(project).scope(IssueScope::All);
                for iid in iids {
                    asked.iid(iid);
                }
                self.numbers(asked.build().map_err(unbuilt)?).await
            }
            NoteableKind::MergeRequest => {
                let mut asked = MergeRequests::builder();
                asked.project(project).scope(MergeRequestScope::All).iids(iids);
                self.numbers(asked.build().map_err(unbuilt)?).await
            }
        }
    }

    async fn numbers<E: Endpoint + Sync>(&self, endpoint: E) -> GitlabResult<BTreeSet<u64>> {
        let listed = self.client.listed::<Value, _>(&endpoint, 1, PAGE_SIZE).await?;
        Ok(listed.entries.iter().filter_map(|entry| entry.get("iid")?.as_u64()).collect())
    }

    /// Issues or merge requests of a project that changed at `since` or later, the one that changed first at the
    /// beginning: one page of them.
    pub async fn changed_since(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        since: Timestamp,
        page: u64,
    ) -> GitlabResult<Changed> {
        match kind {
            NoteableKind::Issue => {
                let endpoint = Issues::builder()
                    .project(project)
                    .scope(IssueScope::All)
                    .order_by(IssueOrderBy::UpdatedAt)
                    .sort(SortOrder::Ascending)
                    .build()
                    .map_err(unbuilt)?;
                self.changed(endpoint, project, kind, since, page).await
            }
            NoteableKind::MergeRequest => {
                let endpoint = MergeRequests::builder()
                    .project(project)
                    .scope(MergeRequestScope::All)
                    .order_by(MergeRequestOrderBy::UpdatedAt)
                    .sort(SortOrder::Ascending)
                    .build()
                    .map_err(unbuilt)?;
                self.changed(endpoint, project, kind, since, page).await
            }
        }
    }

    async fn changed<E: Endpoint + Sync>(
        &self,
        of: E,
        project: ProjectId,
        kind: NoteableKind,
        since: Timestamp,
        page: u64,
    ) -> GitlabResult<Changed> {
        // Milliseconds are what GitLab shows; they are cut off, never rounded up.
        let value = since.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        let endpoint = Also { of, name: "updated_after", value };
        let listed = self.client.listed::<Value, _>(&endpoint, page, PAGE_SIZE).await?;
        // One that cannot be understood must not hide the others.
        let read = |entry: Value| {
            let noteable: Object<RawNoteable> = serde_json::from_value(entry).ok()?;
            noteable.0.listed(project, kind).ok()
        };
        let noteables = listed.entries.into_iter().filter_map(read).collect();
        Ok(Changed { noteables, more: listed.more, date: listed.date })
    }
}
