//! Comments and reactions.

use gitlab::api::Endpoint;
use gitlab::api::common::SortOrder;
use gitlab::api::projects::{issues, merge_requests};
use jiff::Timestamp;
use serde_json::Value;

use super::api::{GitlabApi, NewNote, Note, NoteEdit};
use super::client::{MOST_PAGES, parse};
use super::endpoints::{DeleteNote, EditNote, NewComment, NoteEditor, OneNote, Place};
use super::error::{GitlabError, GitlabResult};
use super::lenient::Object;
use super::pace::Turn;
use super::people::unbuilt;
use super::time::read_time;
use super::wire::RawNote;
use crate::domain::{NoteSource, NoteableKind, ProjectId, Reaction};

/// By which of its moments notes are sorted.
#[derive(Clone, Copy)]
enum By {
    Creation,
    Change,
}

impl GitlabApi {
    /// One note: `GET /projects/:id/issues/:iid/notes/:note_id`. `None` on 404.
    pub async fn note(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        note: u64,
    ) -> GitlabResult<Option<Note>> {
        let endpoint = OneNote { place: Place { project, kind, iid }, note };
        let found: Option<Object<RawNote>> = self.client.find(&endpoint).await?;
        let found = found.map(|note| note.0.note()).transpose()?;
        if found.as_ref().is_some_and(|found| found.id != note) {
            return Err(GitlabError::Strange(format!(
                "GitLab was asked for note {note} and answered with another"
            )));
        }
        Ok(found)
    }

    /// Who edited a note last (GraphQL). `None` where GraphQL does not know the note or cannot tell.
    pub async fn note_edit(&self, note: u64) -> GitlabResult<Option<NoteEdit>> {
        let answer: Option<Value> = self.client.find(&NoteEditor { note }).await?;
        let Some(answer) = answer else { return Ok(None) };
        // GraphQL answers 200 to everything; a version without these fields says so in `errors`.
        let failed =
            answer.get("errors").is_some_and(|errors| errors.as_array().is_none_or(|list| !list.is_empty()));
        let Some(found) = answer.pointer("/data/note").and_then(Value::as_object) else { return Ok(None) };
        let Some(at) = found.get("lastEditedAt").filter(|_| !failed) else { return Ok(None) };
        let by = found
            .get("lastEditedBy")
            .and_then(|user| user.get("id")?.as_str()?.rsplit('/').next()?.parse().ok());
        match at {
            Value::Null => Ok(Some(NoteEdit { at: None, by })),
            // An edit at a moment that cannot be read is an edit that nothing is known about.
            other => Ok(other.as_str().and_then(read_time).map(|at| NoteEdit { at: Some(at), by })),
        }
    }

    /// Notes of a noteable, newest first, going back to `since` (by `created_at`), at most `limit`.
    pub async fn notes_since(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        since: Option<Timestamp>,
        limit: usize,
    ) -> GitlabResult<Vec<Note>> {
        self.newest_notes(Place { project, kind, iid }, By::Creation, since, limit).await
    }

    /// Notes of a noteable that were written, or changed in any way, at `since` or later; the last change first, at most
    /// `limit`.
    pub async fn notes_changed_since(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        since: Timestamp,
        limit: usize,
    ) -> GitlabResult<Vec<Note>> {
        self.newest_notes(Place { project, kind, iid }, By::Change, Some(since), limit).await
    }

    async fn newest_notes(
        &self,
        place: Place,
        by: By,
        since: Option<Timestamp>,
        limit: usize,
    ) -> GitlabResult<Vec<Note>> {
        match place.kind {
            NoteableKind::Issue => {
                use issues::notes::NoteOrderBy;
                let order = match by {
                    By::Creation => NoteOrderBy::CreatedAt,
                    By::Change => NoteOrderBy::UpdatedAt,
                };
                let endpoint = issues::notes::IssueNotes::builder()
                    .project(place.project)
                    .issue(place.iid)
                    .order_by(order)
                    .sort(SortOrder::Descending)
                    .build()
                    .map_err(unbuilt)?;
                self.notes_of(&endpoint, by, since, limit).await
            }
            NoteableKind::MergeRequest => {
                use merge_requests::notes::NoteOrderBy;
                let order = match by {
                    By::Creation => NoteOrderBy::CreatedAt,
                    By::Change => NoteOrderBy::UpdatedAt,
                };
                let endpoint = merge_requests::notes::MergeRequestNotes::builder()
                    .project(place.project)
                    .merge_request(place.iid)
                    .order_by(order)
                    .sort(SortOrder::Descending)
                    .build()
                    .map_err(unbuilt)?;
                self.notes_of(&endpoint, by, since, limit).await
            }
        }
    }

    async fn notes_of<E: Endpoint + Sync>(
        &self,
        endpoint: &E,
        by: By,
        since: Option<Timestamp>,
        limit: usize,
    ) -> GitlabResult<Vec<Note>> {
        let mut notes: Vec<Note> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for number in 1..=MOST_PAGES {
            if notes.len() >= limit {
                break;
            }
            let (page, more) = self.client.page::<Object<RawNote>, _>(endpoint, number).await?;
            for note in page {
                let note = note.0.note()?;
                let at = match by {
                    By::Creation => note.created_at,
                    By::Change => note.updated_at,
                };
                if since.is_some_and(|since| at < since) || notes.len() >= limit {
                    return Ok(notes);
                }
                // A comment that is written while pages are read pushes others to the next page.
                if seen.insert(note.id) {
                    notes.push(note);
                }
            }
            if !more {
                break;
            }
        }
        Ok(notes)
    }

    /// Posts a plain comment: `POST .../notes`.
    pub async fn create_note(
        &self,
        turn: Turn,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        body: &str,
        internal: bool,
    ) -> GitlabResult<NewNote> {
        self.write(turn, &NewComment { place: Place { project, kind, iid }, body, internal }).await
    }

    /// Sends a new comment. GitLab answers 202 and no note when the text was nothing but quick actions
    /// (`lib/api/notes.rs`).
    pub(super) async fn write<E: Endpoint + Sync>(&self, turn: Turn, endpoint: &E) -> GitlabResult<NewNote> {
        let answer = self.client.answer_in_turn(turn, endpoint).await?;
        if answer.status() == http::StatusCode::ACCEPTED {
            return Err(GitlabError::Strange(
                "GitLab took the whole comment for quick actions and kept no note".to_owned(),
            ));
        }
        parse::<Object<RawNote>>(&answer, "a note")?.0.written()
    }

    /// Changes a comment: `PUT .../notes/:note_id`. Returns the text as GitLab keeps it; `None` on 404.
    pub async fn update_note(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        note: u64,
        body: &str,
    ) -> GitlabResult<Option<NewNote>> {
        let endpoint = EditNote { place: Place { project, kind, iid }, note, body };
        let kept: Option<Object<RawNote>> = self.client.find(&endpoint).await?;
        kept.map(|note| note.0.written()).transpose()
    }

    /// Deletes a comment. 404 is success.
    pub async fn delete_note(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        note: u64,
    ) -> GitlabResult<()> {
        let place = Place { project, kind, iid };
        not_found_is_fine(self.client.tell(&DeleteNote { place, note }).await)
    }

    /// Puts a reaction on a note, or on the noteable itself. GitLab answers a repeat with 404: that is success
    /// ("a second 👀 is a 404 and fine").
    pub async fn react(
        &self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
        on: NoteSource,
        reaction: Reaction,
    ) -> GitlabResult<()> {
        let name = reaction.emoji();
        let done = match (kind, on) {
            (NoteableKind::Issue, NoteSource::Note(note)) => {
                let award = issues::notes::awards::CreateIssueNoteAward::builder()
                    .project(project)
                    .issue(iid)
                    .note(note)
                    .name(name)
                    .build();
                self.client.tell(&award.map_err(unbuilt)?).await
            }
            (NoteableKind::Issue, NoteSource::Description) => {
                let award = issues::awards::CreateIssueAward::builder()
                    .project(project)
                    .issue(iid)
                    .name(name)
                    .build();
                self.client.tell(&award.map_err(unbuilt)?).await
            }
            (NoteableKind::MergeRequest, NoteSource::Note(note)) => {
                let award = merge_requests::notes::awards::CreateMergeRequestNoteAward::builder()
                    .project(project)
                    .merge_request(iid)
                    .note(note)
                    .name(name)
                    .build();
                self.client.tell(&award.map_err(unbuilt)?).await
            }
            (NoteableKind::MergeRequest, NoteSource::Description) => {
                let award = merge_requests::awards::CreateMergeRequestAward::builder()
                    .project(project)
                    .merge_request(iid)
                    .name(name)
                    .build();
                self.client.tell(&award.map_err(unbuilt)?).await
            }
        };
        not_found_is_fine(done)
    }
}

/// For calls after which the thing is as wanted if it is not there.
pub(super) fn not_found_is_fine(done: GitlabResult<()>) -> GitlabResult<()> {
    match done {
        Err(GitlabError::Failed(failure)) if failure.is_not_found() => Ok(()),
        other => other,
    }
}
