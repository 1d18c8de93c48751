//! What flaglink asks of GitLab, in our own types.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use url::Url;

use super::client::Client;
use super::pace::{Pace, Turn};
use crate::domain::{Person, ProjectId, UserId, Visibility, WorkState};
use crate::net::HttpClient;

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
    /// When it was made here. What was imported into it may be older.
    pub created_at: Option<Timestamp>,
    /// Whether it has issues; `None` where GitLab does not say.
    pub has_issues: Option<bool>,
    /// Whether it has merge requests; `None` where GitLab does not say.
    pub has_merge_requests: Option<bool>,
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

impl Note {
    /// Whether with it GitLab says that the page came here from elsewhere: moved, or cloned. What has a smaller id came with
    /// it; times tell nothing, because a move keeps those of the page and of its comments
    /// (`app/services/issues/base_service.rb`, `app/services/notes/copy_service.rb`).
    pub fn tells_of_arrival(&self) -> bool {
        self.system && (self.body.starts_with("moved from ") || self.body.starts_with("cloned from "))
    }
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
///
/// The methods stand by theme: users and projects in `people.rs`, comments in `notes.rs`, threads in
/// `discussions.rs`, labels in `labels.rs`, what changed since some moment in `changed.rs`, webhooks in `hooks.rs`.
#[derive(Debug, Clone)]
pub struct GitlabApi {
    pub(super) client: Client,
    pace: Option<Arc<Pace>>,
}

impl GitlabApi {
    /// A client of the instance at `url` (which may have a path: GitLab under a relative root) with that
    /// token. Nothing is sent yet. A token that cannot stand in a header makes every call fail and say so.
    pub fn new(url: &Url, token: SecretString, http: HttpClient) -> Self {
        Self { client: Client::new(url, token, http), pace: None }
    }

    /// The same client, which writes new comments at this pace. Clients of one user share one.
    #[must_use]
    pub fn paced(self, pace: Arc<Pace>) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// A turn to write one comment. `Err`: there is none now; how long to wait before asking again.
    pub fn turn(&self) -> Result<Turn, Duration> {
        match &self.pace {
            Some(pace) => pace.turn(),
            None => Ok(Turn::unlimited()),
        }
    }
}
