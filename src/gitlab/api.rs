//! What flaglink asks of GitLab, one method per call, in our own types.

use jiff::Timestamp;

use crate::domain::{NoteSource, NoteableKind, Person, ProjectId, Reaction, UserId, Visibility, WorkState};
use crate::net::Failure;

/// Why GitLab could not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GitlabError {
    /// No good answer.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// An answer that cannot be understood; says what.
    #[error("{0}")]
    Strange(String),
}

/// What GitLab gives back.
pub type GitlabResult<T> = Result<T, GitlabError>;

/// The user that a token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// Numeric id.
    pub id: UserId,
    /// User name without `@`.
    pub username: String,
    /// GitLab's clock when it answered (its `Date` header), if it said.
    pub date: Option<Timestamp>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectDetail {
    /// Numeric id.
    pub id: ProjectId,
    /// Path with namespace.
    pub path: String,
    /// Who may see it.
    pub visibility: Visibility,
    /// Whether it is archived (nothing can be written).
    pub archived: bool,
}

/// An issue or merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteableDetail {
    /// Numeric project id.
    pub project: ProjectId,
    /// Number.
    pub iid: u64,
    /// Title.
    pub title: String,
    /// Description; empty where there is none.
    pub description: String,
    /// Page.
    pub web_url: String,
    /// State.
    pub state: WorkState,
    /// Draft (merge requests).
    pub draft: bool,
    /// Confidential (issues).
    pub confidential: bool,
    /// Who opened it.
    pub author: Person,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When anything about it changed last.
    pub updated_at: Timestamp,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// Whether it was imported, as far as GitLab says (`imported`, 17.2 and later).
    pub imported: bool,
}

/// GitLab's `type` of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteType {
    /// `null`: a comment that stands alone.
    Plain,
    /// `DiscussionNote` or `DiffNote`: part of a thread.
    Threaded,
}

/// A comment as GitLab returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Numeric id.
    pub id: u64,
    /// Text.
    pub body: String,
    /// Who wrote it.
    pub author: Person,
    /// When.
    pub created_at: Timestamp,
    /// When anything about it changed last.
    pub updated_at: Timestamp,
    /// Whether GitLab wrote it ("closed", "changed the description").
    pub system: bool,
    /// Whether only members may read it (`internal`, in older versions `confidential`).
    pub internal: bool,
    /// Stands alone or in a thread.
    pub kind: NoteType,
    /// Whether it was imported, as far as GitLab says.
    pub imported: bool,
}

/// Who edited a note last: only GraphQL tells (`lastEditedAt`, `lastEditedBy`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NoteEdit {
    /// When its text was edited last; `None`: never.
    pub at: Option<Timestamp>,
    /// By whom; `None` where GitLab does not say.
    pub by: Option<UserId>,
}

/// A discussion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discussion {
    /// Its id: 40 hexadecimal digits.
    pub id: String,
    /// Whether it is a single comment, not a thread.
    pub individual: bool,
    /// Its notes.
    pub notes: Vec<Note>,
}

/// What posting a comment gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNote {
    /// The note's id.
    pub id: u64,
    /// The text as GitLab keeps it.
    pub body: String,
}

/// GitLab's access levels. Greater means more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessLevel(pub u32);

/// A client of one GitLab instance with one token.
///
/// Every method is one logical call (paging inside). Nothing here retries: `net/` limits and times out, the
/// pipeline retries. Ids, never paths, so that renamed projects go on working.
#[derive(Debug, Clone)]
pub struct GitlabApi {}

impl GitlabApi {
    /// The user that the token belongs to: `GET /user`.
    pub async fn me(&self) -> GitlabResult<Me> {
        todo!()
    }

    /// A project by id: `GET /projects/:id`. `None`: not there or not for this token.
    pub async fn project(&self, _id: ProjectId) -> GitlabResult<Option<ProjectDetail>> {
        todo!()
    }

    /// An issue or merge request: `GET /projects/:id/issues/:iid`. `None` on 404.
    pub async fn noteable(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
    ) -> GitlabResult<Option<NoteableDetail>> {
        todo!()
    }

    /// One note: `GET /projects/:id/issues/:iid/notes/:note_id`. `None` on 404.
    pub async fn note(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
        _note: u64,
    ) -> GitlabResult<Option<Note>> {
        todo!()
    }

    /// Who edited a note last (GraphQL). `None` where GraphQL does not know the note or cannot tell.
    pub async fn note_edit(&self, _note: u64) -> GitlabResult<Option<NoteEdit>> {
        todo!()
    }

    /// Notes of a noteable, newest first, going back to `since` (by `created_at`), at most `limit`.
    pub async fn notes_since(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
        _since: Option<Timestamp>,
        _limit: usize,
    ) -> GitlabResult<Vec<Note>> {
        todo!()
    }

    /// One discussion: `GET .../discussions/:id`. `None` on 404.
    pub async fn discussion(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
        _id: &str,
    ) -> GitlabResult<Option<Discussion>> {
        todo!()
    }

    /// The id of the discussion that a note stands in, by looking through the noteable's discussions. `None`: not found.
    pub async fn discussion_of(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
        _note: u64,
    ) -> GitlabResult<Option<Discussion>> {
        todo!()
    }

    /// Posts a plain comment: `POST .../notes`.
    pub async fn create_note(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
        _body: &str,
        _internal: bool,
    ) -> GitlabResult<NewNote> {
        todo!()
    }

    /// Answers in a discussion: `POST .../discussions/:id/notes`.
    pub async fn reply(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
        _discussion: &str,
        _body: &str,
    ) -> GitlabResult<NewNote> {
        todo!()
    }

    /// Changes a comment: `PUT .../notes/:note_id`. Returns the text as GitLab keeps it; `None` on 404.
    pub async fn update_note(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
        _note: u64,
        _body: &str,
    ) -> GitlabResult<Option<NewNote>> {
        todo!()
    }

    /// Deletes a comment. 404 is success.
    pub async fn delete_note(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
        _note: u64,
    ) -> GitlabResult<()> {
        todo!()
    }

    /// Puts a reaction on a note, or on the noteable itself. GitLab answers a repeat with 404: that is success
    /// ("a second 👀 is a 404 and fine").
    pub async fn react(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
        _on: NoteSource,
        _reaction: Reaction,
    ) -> GitlabResult<()> {
        todo!()
    }

    /// A user's role in a project, inherited ones too: `GET /projects/:id/members/all/:user_id`.
    /// `None`: no member (404), or a member whose state is not `active`.
    pub async fn access_level(
        &self,
        _project: ProjectId,
        _user: UserId,
    ) -> GitlabResult<Option<AccessLevel>> {
        todo!()
    }

    /// Makes sure that the project knows the label (409 is fine).
    pub async fn ensure_label(
        &self,
        _project: ProjectId,
        _name: &str,
        _color: &str,
        _description: &str,
    ) -> GitlabResult<()> {
        todo!()
    }

    /// Adds a label (`add_labels`): others stay. A label name with a comma cannot be given this way; config refuses those.
    pub async fn add_label(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
        _label: &str,
    ) -> GitlabResult<()> {
        todo!()
    }

    /// Takes a label off (`remove_labels`). One that is not on is fine.
    pub async fn remove_label(
        &self,
        _project: ProjectId,
        _kind: NoteableKind,
        _iid: u64,
        _label: &str,
    ) -> GitlabResult<()> {
        todo!()
    }
}
