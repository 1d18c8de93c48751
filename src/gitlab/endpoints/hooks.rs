//! What a webhook sent, and its test.

use gitlab::api::common::path_escaped;
use gitlab::api::endpoint_prelude::*;

use crate::domain::ProjectId;

/// `GET /projects/:id/hooks/:hook_id/events`, those that failed: refused by the receiver, a failure of the receiver, or no
/// answer at all (`app/finders/web_hooks/web_hook_logs_finder.rb` counts that as `server_failure`).
#[derive(Debug)]
pub(in crate::gitlab) struct FailedEvents {
    pub(in crate::gitlab) project: ProjectId,
    pub(in crate::gitlab) hook: u64,
}

impl Endpoint for FailedEvents {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/hooks/{}/events", self.project, self.hook).into()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = QueryParams::default();
        parameters.push("status", "client_failure,server_failure");
        parameters
    }
}

/// `POST /projects/:id/hooks/:hook_id/test/:trigger`.
#[derive(Debug)]
pub(in crate::gitlab) struct TestHook<'a> {
    pub(in crate::gitlab) project: ProjectId,
    pub(in crate::gitlab) hook: u64,
    pub(in crate::gitlab) trigger: &'a str,
}

impl Endpoint for TestHook<'_> {
    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/hooks/{}/test/{}", self.project, self.hook, path_escaped(self.trigger)).into()
    }
}

/// `GET /projects/:id/hooks/:hook_id/events`, whatever became of them.
#[derive(Debug)]
pub(in crate::gitlab) struct AllEvents {
    pub(in crate::gitlab) project: ProjectId,
    pub(in crate::gitlab) hook: u64,
}

impl Endpoint for AllEvents {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/hooks/{}/events", self.project, self.hook).into()
    }
}
