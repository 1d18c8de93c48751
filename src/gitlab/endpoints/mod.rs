//! Endpoints that the `gitlab` crate has no builders for, or only for one of the two kinds of noteable.
//!
//! GitLab's paths for issues and for merge requests differ in one segment. Bodies are JSON: a comment may
//! have a million characters, which a form would make three times as long.

mod also;
mod discussions;
mod feature_flags;
mod graphql;
mod hooks;
mod instance;
mod issues;
mod notes;

pub(super) use also::Also;
pub(super) use discussions::{DiscussionReply, Discussions, OneDiscussion};
pub(super) use feature_flags::{ChangeFlag, Environments, FeatureFlags, NewFlag, OneFlag};
pub(super) use graphql::NoteEditor;
pub use hooks::HookHome;
pub(super) use hooks::{AllEvents, DeleteHook, FailedEvents, Group, Hooks, TestHook, WriteHook};
pub(super) use instance::Plain;
pub(super) use issues::{Describe, IssuesBy, OpenIssue, Relate, UsersLike};
pub(super) use notes::{DeleteNote, EditNote, NewComment, OneNote};

use crate::domain::{NoteableKind, ProjectId};

/// Where an issue or merge request is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Numeric project id.
    pub(super) project: ProjectId,
    /// Issue or merge request.
    pub(super) kind: NoteableKind,
    /// Number.
    pub(super) iid: u64,
}

impl Place {
    fn path(self, rest: &str) -> std::borrow::Cow<'static, str> {
        format!("projects/{}/{}/{}/{rest}", self.project, self.kind.path(), self.iid).into()
    }
}
