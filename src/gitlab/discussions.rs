//! Threads.

use super::api::{Discussion, GitlabApi, NewNote};
use super::client::MOST_PAGES;
use super::endpoints::{DiscussionReply, Discussions, OneDiscussion, Place};
use super::error::GitlabResult;
use super::lenient::Object;
use super::pace::Turn;
use super::wire::RawDiscussion;
use crate::domain::{NoteableKind, ProjectId};

impl GitlabApi {
    /// One discussion: `GET .../discussions/:id`. `None` on 404.
    pub async fn discussion(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        id: &str,
    ) -> GitlabResult<Option<Discussion>> {
        let endpoint = OneDiscussion { place: Place { project, kind, iid }, id };
        let found: Option<Object<RawDiscussion>> = self.client.find(&endpoint).await?;
        found.map(|found| found.0.discussion()).transpose()
    }

    /// The id of the discussion that a note stands in, by looking through the noteable's discussions. `None`: not found.
    pub async fn discussion_of(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        note: u64,
    ) -> GitlabResult<Option<Discussion>> {
        let endpoint = Discussions { place: Place { project, kind, iid } };
        for number in 1..=MOST_PAGES {
            let (page, more) = self.client.page::<Object<RawDiscussion>, _>(&endpoint, number).await?;
            if let Some(found) = page.into_iter().find(|one| one.0.holds(note)) {
                return found.0.discussion().map(Some);
            }
            if !more {
                break;
            }
        }
        Ok(None)
    }

    /// Answers in a discussion: `POST .../discussions/:id/notes`.
    pub async fn reply(
        &self,
        turn: Turn,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        discussion: &str,
        body: &str,
    ) -> GitlabResult<NewNote> {
        self.write(turn, &DiscussionReply { place: Place { project, kind, iid }, id: discussion, body }).await
    }
}
