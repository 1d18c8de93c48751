//! Discussions.

use gitlab::api::common::path_escaped;
use gitlab::api::endpoint_prelude::*;
use serde_json::json;

use super::Place;

/// `GET …/discussions`.
#[derive(Debug)]
pub(in crate::gitlab) struct Discussions {
    pub(in crate::gitlab) place: Place,
}

impl Endpoint for Discussions {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.place.path("discussions")
    }
}

/// `GET …/discussions/:discussion_id`.
#[derive(Debug)]
pub(in crate::gitlab) struct OneDiscussion<'a> {
    pub(in crate::gitlab) place: Place,
    pub(in crate::gitlab) id: &'a str,
}

impl Endpoint for OneDiscussion<'_> {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.place.path(&format!("discussions/{}", path_escaped(self.id)))
    }
}

/// `POST …/discussions/:discussion_id/notes`. The answer is internal where the discussion is.
#[derive(Debug)]
pub(in crate::gitlab) struct DiscussionReply<'a> {
    pub(in crate::gitlab) place: Place,
    pub(in crate::gitlab) id: &'a str,
    pub(in crate::gitlab) body: &'a str,
}

impl Endpoint for DiscussionReply<'_> {
    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        self.place.path(&format!("discussions/{}/notes", path_escaped(self.id)))
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        JsonParams::into_body(&json!({ "body": self.body }))
    }
}
