//! Single notes.

use gitlab::api::endpoint_prelude::*;
use serde_json::json;

use super::Place;

/// `GET …/notes/:note_id`.
#[derive(Debug)]
pub(in crate::gitlab) struct OneNote {
    pub(in crate::gitlab) place: Place,
    pub(in crate::gitlab) note: u64,
}

impl Endpoint for OneNote {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.place.path(&format!("notes/{}", self.note))
    }
}

/// `POST …/notes`.
#[derive(Debug)]
pub(in crate::gitlab) struct NewComment<'a> {
    pub(in crate::gitlab) place: Place,
    pub(in crate::gitlab) body: &'a str,
    pub(in crate::gitlab) internal: bool,
}

impl Endpoint for NewComment<'_> {
    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.place.path("notes")
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        let mut body = json!({ "body": self.body });
        if self.internal {
            body["internal"] = json!(true);
        }
        JsonParams::into_body(&body)
    }
}

/// `PUT …/notes/:note_id`.
#[derive(Debug)]
pub(in crate::gitlab) struct EditNote<'a> {
    pub(in crate::gitlab) place: Place,
    pub(in crate::gitlab) note: u64,
    pub(in crate::gitlab) body: &'a str,
}

impl Endpoint for EditNote<'_> {
    fn method(&self) -> Method {
        Method::PUT
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.place.path(&format!("notes/{}", self.note))
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        JsonParams::into_body(&json!({ "body": self.body }))
    }
}

/// `DELETE …/notes/:note_id`.
#[derive(Debug)]
pub(in crate::gitlab) struct DeleteNote {
    pub(in crate::gitlab) place: Place,
    pub(in crate::gitlab) note: u64,
}

impl Endpoint for DeleteNote {
    fn method(&self) -> Method {
        Method::DELETE
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.place.path(&format!("notes/{}", self.note))
    }
}
