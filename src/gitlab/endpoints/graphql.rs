//! The one thing that only GraphQL tells: who edited a note last.

use gitlab::api::endpoint_prelude::*;
use serde_json::json;

/// `POST /api/graphql` for `lastEditedAt` and `lastEditedBy` of a note
/// (GitLab's `app/graphql/types/notes/base_note_interface.rb`).
#[derive(Debug)]
pub(in crate::gitlab) struct NoteEditor {
    pub(in crate::gitlab) note: u64,
}

impl Endpoint for NoteEditor {
    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        "api/graphql".into()
    }

    fn url_base(&self) -> UrlBase {
        UrlBase::Instance
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        let query = format!(
            r#"{{ note(id: "gid://gitlab/Note/{}") {{ lastEditedAt lastEditedBy {{ id }} }} }}"#,
            self.note
        );
        JsonParams::into_body(&json!({ "query": query }))
    }
}
