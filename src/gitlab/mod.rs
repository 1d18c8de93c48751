//! GitLab: webhook bodies to events, the REST client on the `gitlab` crate, roles.

mod api;
mod payload;
mod verify;

pub use api::{
    AccessLevel, Discussion, GitlabApi, GitlabError, GitlabResult, Me, NewNote, Note, NoteEdit, NoteType,
    NoteableDetail, ProjectDetail,
};
pub use payload::{Classified, classify};
pub use verify::{Standing, WebhookSecrets};
