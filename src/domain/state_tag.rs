//! The tags that tell the state of linked work on a flag in its own service.

use super::{NoteableKind, NoteableView, WorkState};

/// A tag that tells the state of linked work. Of several of one kind the first in this order is true of the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StateTag {
    /// An issue is open.
    IssueOpen,
    /// All issues are closed.
    IssueClosed,
    /// A merge request is open and ready, or just being merged.
    MergeRequestOpen,
    /// What is open are drafts.
    MergeRequestDraft,
    /// None is open, and one was merged.
    MergeRequestMerged,
    /// All were closed without being merged.
    MergeRequestClosed,
}

impl StateTag {
    /// All of them. flaglink puts on and takes off no other tag.
    pub const ALL: [Self; 6] = [
        Self::IssueOpen,
        Self::IssueClosed,
        Self::MergeRequestOpen,
        Self::MergeRequestDraft,
        Self::MergeRequestMerged,
        Self::MergeRequestClosed,
    ];

    /// The tag as Flagsmith's own GitLab integration writes it.
    pub fn label(self) -> &'static str {
        match self {
            Self::IssueOpen => "Issue Open",
            Self::IssueClosed => "Issue Closed",
            Self::MergeRequestOpen => "MR Open",
            Self::MergeRequestDraft => "MR Draft",
            Self::MergeRequestMerged => "MR Merged",
            Self::MergeRequestClosed => "MR Closed",
        }
    }

    /// What one issue or merge request asks for. Confidential work asks for nothing: nothing of it leaves GitLab.
    pub fn of(kind: NoteableKind, view: &NoteableView) -> Option<Self> {
        if view.confidential || view.web_url.is_empty() {
            return None;
        }
        Some(match (kind, view.state) {
            (NoteableKind::Issue, WorkState::Closed | WorkState::Merged) => Self::IssueClosed,
            (NoteableKind::Issue, WorkState::Opened | WorkState::Locked) => Self::IssueOpen,
            (NoteableKind::MergeRequest, WorkState::Opened) if view.draft => Self::MergeRequestDraft,
            (NoteableKind::MergeRequest, WorkState::Opened | WorkState::Locked) => Self::MergeRequestOpen,
            (NoteableKind::MergeRequest, WorkState::Merged) => Self::MergeRequestMerged,
            (NoteableKind::MergeRequest, WorkState::Closed) => Self::MergeRequestClosed,
        })
    }

    /// One that stands for all tags of work of that kind.
    pub fn some_of(kind: NoteableKind) -> Self {
        match kind {
            NoteableKind::Issue => Self::IssueOpen,
            NoteableKind::MergeRequest => Self::MergeRequestOpen,
        }
    }

    /// Whether it tells of issues; else of merge requests.
    pub fn is_of_issues(self) -> bool {
        matches!(self, Self::IssueOpen | Self::IssueClosed)
    }
}
