//! Which tags are to stand on a flag in its own service: the state of the work that is linked to it.
//!
//! One for its issues and one for its merge requests, computed from all of them: what is still under way is told before
//! what is over, and what was merged before what was dropped.

use std::collections::BTreeSet;

use super::Trouble;
use super::world::World;
use crate::domain::{FlagRef, NoteableKind, NoteableView, WorkState};

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

    fn is_of_issues(self) -> bool {
        matches!(self, Self::IssueOpen | Self::IssueClosed)
    }
}

/// The tags that are to go: those of issues, or of merge requests, where such work is linked, or was when tags were put on
/// (`before`, by label). With work of the other kind flaglink has nothing to do: what says its state is somebody else's.
pub fn to_go(before: &BTreeSet<String>, wanted: &BTreeSet<StateTag>) -> Vec<StateTag> {
    let touched =
        StateTag::ALL.into_iter().filter(|tag| wanted.contains(tag) || before.contains(tag.label()));
    let kinds: BTreeSet<bool> = touched.map(StateTag::is_of_issues).collect();
    let goes = |tag: &StateTag| kinds.contains(&tag.is_of_issues()) && !wanted.contains(tag);
    StateTag::ALL.into_iter().filter(goes).collect()
}

/// The tags that are to stand on the flag.
pub async fn wanted(world: &World, flag: &FlagRef) -> Result<BTreeSet<StateTag>, Trouble> {
    let mut asked = BTreeSet::new();
    for noteable in world.store().noteables_of(flag).await? {
        let Some(record) = world.store().noteable(&noteable).await?.value else { continue };
        asked.extend(StateTag::of(noteable.kind, &record.view));
    }
    let first = |of_issues: bool| asked.iter().copied().find(|tag| tag.is_of_issues() == of_issues);
    Ok([first(true), first(false)].into_iter().flatten().collect())
}
