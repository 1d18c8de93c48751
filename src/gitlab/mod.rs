//! GitLab: webhook bodies to events, the REST client on the `gitlab` crate, roles.

mod api;
mod changed;
mod client;
mod discussions;
mod endpoints;
mod error;
mod feature_flags;
mod hook_log;
mod hooks;
mod instance;
mod issues;
mod labels;
mod lenient;
mod notes;
mod own_hooks;
mod pace;
mod page;
mod payload;
mod people;
mod time;
mod verify;
mod wire;

pub use api::{
    AccessLevel, Discussion, GitlabApi, Me, NewNote, Note, NoteEdit, NoteType, NoteableDetail, ProjectDetail,
};
pub use changed::{Changed, SHOWN_AT_ONCE};
pub use endpoints::HookHome;
pub use error::{GitlabError, GitlabResult};
pub use feature_flags::{Environment, FeatureFlag, FlagChange, FlagScope, FlagStrategy};
pub use hook_log::LoggedAnswer;
pub use hooks::{FailedDelivery, Hook, HookState, TEST_TRIGGERS, has_nothing_to_send};
pub use instance::{OwnToken, Release};
pub use issues::NewIssue;
pub use own_hooks::{HookWish, SentFailure};
pub use pace::{Bucket, Pace, Turn};
pub use page::WorkPage;
pub use payload::{Classified, classify, may_command, project_of};
pub use time::read_time;
pub use verify::{Standing, WebhookSecrets};
