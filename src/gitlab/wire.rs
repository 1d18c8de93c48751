//! GitLab's REST answers as they come, and the way from there to our own types.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::api::{Discussion, NewNote, Note, NoteType, NoteableDetail, ProjectDetail};
use super::error::{GitlabError, GitlabResult};
use super::lenient::{Object, id, lenient};
use super::time::read_time;
use crate::domain::{NoteableKind, Person, ProjectId, Visibility, WorkState};

fn missing(what: &str) -> GitlabError {
    GitlabError::Strange(format!("GitLab's answer has no {what}"))
}

fn moment(text: Option<&String>) -> Option<Timestamp> {
    read_time(text?)
}

/// Somebody.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawUser {
    #[serde(default, deserialize_with = "id")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    username: Option<String>,
}

impl RawUser {
    pub(super) fn person(self) -> GitlabResult<Person> {
        let id = self.id.ok_or_else(|| missing("user id"))?;
        Ok(Person { id, username: self.username.unwrap_or_default() })
    }
}

/// A project.
#[derive(Debug, Deserialize)]
pub(super) struct RawProject {
    #[serde(default, deserialize_with = "id")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    path_with_namespace: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    visibility: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    archived: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    created_at: Option<String>,
    /// `disabled`, `private` or `enabled`; in old versions there is only the word below.
    #[serde(default, deserialize_with = "lenient")]
    issues_access_level: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    issues_enabled: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    merge_requests_access_level: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    merge_requests_enabled: Option<bool>,
}

/// Whether a project has a feature, by whatever GitLab says of it: one of them that says no is enough.
fn has(level: Option<&str>, enabled: Option<bool>) -> Option<bool> {
    match (level.map(|level| level != "disabled"), enabled) {
        (Some(level), Some(enabled)) => Some(level && enabled),
        (level, enabled) => level.or(enabled),
    }
}

impl RawProject {
    pub(super) fn detail(self) -> GitlabResult<ProjectDetail> {
        Ok(ProjectDetail {
            id: self.id.ok_or_else(|| missing("project id"))?,
            path: self.path_with_namespace.ok_or_else(|| missing("`path_with_namespace`"))?,
            visibility: match self.visibility.as_deref() {
                Some("public") => Visibility::Public,
                Some("internal") => Visibility::Internal,
                _ => Visibility::Private,
            },
            archived: self.archived.unwrap_or_default(),
            created_at: moment(self.created_at.as_ref()),
            has_issues: has(self.issues_access_level.as_deref(), self.issues_enabled),
            has_merge_requests: has(self.merge_requests_access_level.as_deref(), self.merge_requests_enabled),
        })
    }
}

/// A user's membership.
#[derive(Debug, Deserialize)]
pub(super) struct RawMember {
    #[serde(default, deserialize_with = "lenient")]
    pub(super) access_level: Option<u32>,
    /// `active`, `awaiting`, `blocked` …; not there in old versions.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) state: Option<String>,
    /// `active` or `awaiting` (approval of the membership, 15.4 and later).
    #[serde(default, deserialize_with = "lenient")]
    pub(super) membership_state: Option<String>,
}

/// An issue or merge request.
#[derive(Debug, Deserialize)]
pub(super) struct RawNoteable {
    #[serde(default, deserialize_with = "id")]
    iid: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    description: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    web_url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    state: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    draft: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    work_in_progress: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    confidential: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    author: Option<Object<RawUser>>,
    #[serde(default, deserialize_with = "lenient")]
    created_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    updated_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    labels: Option<Vec<Value>>,
    #[serde(default, deserialize_with = "lenient")]
    imported: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    imported_from: Option<String>,
}

impl RawNoteable {
    /// One of a list: it says itself which it is.
    pub(super) fn listed(self, project: ProjectId, kind: NoteableKind) -> GitlabResult<NoteableDetail> {
        let iid = self.iid.ok_or_else(|| missing("`iid`"))?;
        self.detail(project, kind, iid)
    }

    pub(super) fn detail(
        self,
        project: ProjectId,
        kind: NoteableKind,
        iid: u64,
    ) -> GitlabResult<NoteableDetail> {
        if self.iid.is_some_and(|said| said != iid) {
            return Err(GitlabError::Strange(format!(
                "GitLab was asked for {} {iid} and answered with another",
                kind.words()
            )));
        }
        let author = self.author.ok_or_else(|| missing("author"))?.0.person()?;
        let created_at = moment(self.created_at.as_ref()).ok_or_else(|| missing("`created_at`"))?;
        Ok(NoteableDetail {
            project,
            iid,
            title: self.title.unwrap_or_default(),
            description: self.description.unwrap_or_default(),
            web_url: self.web_url.unwrap_or_default(),
            state: match self.state.as_deref() {
                Some("closed") => WorkState::Closed,
                Some("merged") => WorkState::Merged,
                Some("locked") => WorkState::Locked,
                _ => WorkState::Opened,
            },
            draft: self.draft.or(self.work_in_progress).unwrap_or_default(),
            confidential: self.confidential.unwrap_or_default(),
            author,
            created_at,
            updated_at: moment(self.updated_at.as_ref()).unwrap_or(created_at),
            labels: self.labels.unwrap_or_default().into_iter().filter_map(label).collect(),
            imported: imported(self.imported, self.imported_from.as_deref()),
        })
    }
}

/// A label is a name or, with details, an object.
fn label(label: Value) -> Option<String> {
    match label {
        Value::String(name) => Some(name),
        Value::Object(object) => object.get("name").or(object.get("title"))?.as_str().map(str::to_owned),
        _ => None,
    }
}

/// `imported` and `imported_from` (`none`, `github` …) both came with 17.2.
fn imported(said: Option<bool>, from: Option<&str>) -> bool {
    said.unwrap_or_default() || from.is_some_and(|from| !from.is_empty() && from != "none")
}

/// A comment.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawNote {
    #[serde(default, deserialize_with = "id")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    body: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    author: Option<Object<RawUser>>,
    #[serde(default, deserialize_with = "lenient")]
    created_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    updated_at: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    system: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    internal: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    confidential: Option<bool>,
    #[serde(default, deserialize_with = "lenient", rename = "type")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    imported: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    imported_from: Option<String>,
}

impl RawNote {
    pub(super) fn note(self) -> GitlabResult<Note> {
        let created_at = moment(self.created_at.as_ref()).ok_or_else(|| missing("`created_at`"))?;
        Ok(Note {
            id: self.id.ok_or_else(|| missing("note id"))?,
            body: self.body.unwrap_or_default(),
            author: self.author.ok_or_else(|| missing("author"))?.0.person()?,
            created_at,
            updated_at: moment(self.updated_at.as_ref()).unwrap_or(created_at),
            system: self.system.unwrap_or_default(),
            // Whichever of the two is there: `confidential` is the name of old versions.
            internal: self.internal.unwrap_or_default() || self.confidential.unwrap_or_default(),
            kind: if self.kind.is_some() { NoteType::Threaded } else { NoteType::Plain },
            imported: imported(self.imported, self.imported_from.as_deref()),
        })
    }

    pub(super) fn written(self) -> GitlabResult<NewNote> {
        Ok(NewNote { id: self.id.ok_or_else(|| missing("note id"))?, body: self.body.unwrap_or_default() })
    }
}

/// A discussion.
#[derive(Debug, Deserialize)]
pub(super) struct RawDiscussion {
    #[serde(default, deserialize_with = "lenient")]
    id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    individual_note: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    notes: Option<Vec<Object<RawNote>>>,
}

impl RawDiscussion {
    pub(super) fn holds(&self, note: u64) -> bool {
        self.notes.iter().flatten().any(|one| one.0.id == Some(note))
    }

    pub(super) fn discussion(self) -> GitlabResult<Discussion> {
        Ok(Discussion {
            id: self.id.ok_or_else(|| missing("discussion id"))?,
            individual: self.individual_note.unwrap_or_default(),
            notes: self
                .notes
                .unwrap_or_default()
                .into_iter()
                .map(|note| note.0.note())
                .collect::<Result<_, _>>()?,
        })
    }
}
