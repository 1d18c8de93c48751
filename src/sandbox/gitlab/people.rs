//! What people do on this GitLab. Each method is one click: it checks the rights, changes the model, sends webhooks.

use super::Gitlab;
use super::access::Refusal;
use super::model::{Awardable, IssueType, Kind, NoteKind, NoteableRef, State};
use super::notes::Draft;
use super::work::{Change, Opening};

/// What people do. Each returns a [`Refusal`] where GitLab does not let this user.
#[expect(
    clippy::missing_errors_doc,
    reason = "said once, above: a refusal where GitLab does not let this user"
)]
impl Gitlab {
    /// Opens an issue.
    pub fn issue(
        &self,
        user: u64,
        project: u64,
        title: &str,
        description: &str,
    ) -> Result<NoteableRef, Refusal> {
        self.open(user, project, Kind::Issue, title, description, |_| {})
    }

    /// Opens a confidential issue.
    pub fn confidential_issue(
        &self,
        user: u64,
        project: u64,
        title: &str,
        description: &str,
    ) -> Result<NoteableRef, Refusal> {
        self.open(user, project, Kind::Issue, title, description, |opening| opening.confidential = true)
    }

    /// Opens a task or an incident.
    pub fn work_item(
        &self,
        user: u64,
        project: u64,
        issue_type: IssueType,
        title: &str,
    ) -> Result<NoteableRef, Refusal> {
        self.open(user, project, Kind::Issue, title, "", |opening| opening.issue_type = Some(issue_type))
    }

    /// Opens a merge request. A title that begins with `Draft:` makes it a draft.
    pub fn merge_request(
        &self,
        user: u64,
        project: u64,
        title: &str,
        description: &str,
    ) -> Result<NoteableRef, Refusal> {
        self.open(user, project, Kind::MergeRequest, title, description, |_| {})
    }

    fn open(
        &self,
        user: u64,
        project: u64,
        kind: Kind,
        title: &str,
        description: &str,
        finish: impl FnOnce(&mut Opening),
    ) -> Result<NoteableRef, Refusal> {
        let mut opening =
            Opening { title: title.to_owned(), description: description.to_owned(), ..Opening::default() };
        finish(&mut opening);
        self.change(|model| model.open(project, kind, user, opening))
    }

    /// Writes a comment and returns its id. [`Refusal::OnlyCommands`] when nothing but GitLab's own quick actions was in it.
    pub fn comment(&self, user: u64, on: NoteableRef, text: &str) -> Result<u64, Refusal> {
        self.write(user, on, Draft { text: text.to_owned(), ..Draft::default() })
    }

    /// Writes an internal comment.
    pub fn internal_comment(&self, user: u64, on: NoteableRef, text: &str) -> Result<u64, Refusal> {
        self.write(user, on, Draft { text: text.to_owned(), internal: true, ..Draft::default() })
    }

    /// Starts a thread with a comment.
    pub fn comment_in_thread(&self, user: u64, on: NoteableRef, text: &str) -> Result<u64, Refusal> {
        let thread = Some(NoteKind::Discussion);
        self.write(user, on, Draft { text: text.to_owned(), thread, ..Draft::default() })
    }

    /// Starts a thread at a line of a merge request's diff.
    pub fn comment_on_diff(&self, user: u64, on: NoteableRef, text: &str) -> Result<u64, Refusal> {
        let thread = Some(NoteKind::Diff);
        self.write(user, on, Draft { text: text.to_owned(), thread, ..Draft::default() })
    }

    /// Answers a note in its thread; one that stood alone becomes a thread by that.
    pub fn reply(&self, user: u64, to: u64, text: &str) -> Result<u64, Refusal> {
        let (on, discussion) = self
            .read(|model| model.notes.get(&to).map(|note| (note.on, note.discussion.clone())))
            .ok_or(Refusal::NOT_FOUND)?;
        self.write(
            user,
            on,
            Draft { text: text.to_owned(), discussion: Some(discussion), ..Draft::default() },
        )
    }

    fn write(&self, user: u64, on: NoteableRef, draft: Draft) -> Result<u64, Refusal> {
        self.change(|model| model.write_note(on, user, draft))
    }

    /// Edits a note, one's own or as a maintainer another's.
    pub fn edit_note(&self, user: u64, note: u64, text: &str) -> Result<(), Refusal> {
        self.change(|model| model.edit(note, user, text))
    }

    /// Deletes a note, one's own or as a maintainer another's.
    pub fn delete_note(&self, user: u64, note: u64) -> Result<(), Refusal> {
        self.change(|model| model.delete(note, user))
    }

    /// Reacts to a note, an issue or a merge request.
    pub fn react(&self, user: u64, on: impl Into<Awardable>, name: &str) -> Result<u64, Refusal> {
        let on = on.into();
        self.change(|model| model.award(on, user, name))
    }

    /// Resolves a note's thread, or opens it again.
    pub fn resolve(&self, user: u64, note: u64, resolved: bool) -> Result<(), Refusal> {
        self.change(|model| {
            let (on, discussion) = model
                .notes
                .get(&note)
                .map(|note| (note.on, note.discussion.clone()))
                .ok_or(Refusal::NOT_FOUND)?;
            model.resolve(on, &discussion, user, resolved)
        })
    }

    /// Moves an issue to another project: it is made there anew with its comments, and closed here.
    pub fn move_issue(&self, user: u64, on: NoteableRef, to: u64) -> Result<NoteableRef, Refusal> {
        self.change(|model| model.bring(user, on, to, true))
    }

    /// Clones an issue with its comments.
    pub fn clone_issue(&self, user: u64, on: NoteableRef, to: u64) -> Result<NoteableRef, Refusal> {
        self.change(|model| model.bring(user, on, to, false))
    }

    /// Closes an issue or merge request.
    pub fn close(&self, user: u64, on: NoteableRef) -> Result<(), Refusal> {
        self.update(user, on, Change { state: Some(State::Closed), ..Change::default() })
    }

    /// Reopens an issue or merge request.
    pub fn reopen(&self, user: u64, on: NoteableRef) -> Result<(), Refusal> {
        self.update(user, on, Change { state: Some(State::Opened), ..Change::default() })
    }

    /// Merges a merge request, if no draft, no unresolved thread where the project minds, and no missing role is in the way.
    pub fn merge(&self, user: u64, on: NoteableRef) -> Result<(), Refusal> {
        self.change(|model| model.merge(on, user))
    }

    /// Marks a merge request as a draft, or as ready.
    pub fn set_draft(&self, user: u64, on: NoteableRef, draft: bool) -> Result<(), Refusal> {
        self.update(user, on, Change { draft: Some(draft), ..Change::default() })
    }

    /// Makes an issue confidential, or visible again.
    pub fn set_confidential(&self, user: u64, on: NoteableRef, confidential: bool) -> Result<(), Refusal> {
        self.update(user, on, Change { confidential: Some(confidential), ..Change::default() })
    }

    /// Locks the discussion, or unlocks it.
    pub fn set_locked(&self, user: u64, on: NoteableRef, locked: bool) -> Result<(), Refusal> {
        self.update(user, on, Change { locked: Some(locked), ..Change::default() })
    }

    /// Gives a new title.
    pub fn retitle(&self, user: u64, on: NoteableRef, title: &str) -> Result<(), Refusal> {
        self.update(user, on, Change { title: Some(title.to_owned()), ..Change::default() })
    }

    /// Gives a new description.
    pub fn describe(&self, user: u64, on: NoteableRef, description: &str) -> Result<(), Refusal> {
        self.update(user, on, Change { description: Some(description.to_owned()), ..Change::default() })
    }

    /// Puts labels on; unknown ones are made if this user may.
    pub fn add_labels(&self, user: u64, on: NoteableRef, labels: &[&str]) -> Result<(), Refusal> {
        let add_labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.update(user, on, Change { add_labels, ..Change::default() })
    }

    /// Takes labels off.
    pub fn remove_labels(&self, user: u64, on: NoteableRef, labels: &[&str]) -> Result<(), Refusal> {
        let remove_labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.update(user, on, Change { remove_labels, ..Change::default() })
    }

    fn update(&self, user: u64, on: NoteableRef, change: Change) -> Result<(), Refusal> {
        self.change(|model| model.update(on, user, change))
    }
}
