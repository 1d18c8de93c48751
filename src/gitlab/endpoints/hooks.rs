//! Webhooks of a project or a group, what they sent, and their test (`doc/api/project_webhooks.md`, `doc/api/group_webhooks.md`).

use gitlab::api::common::path_escaped;
use gitlab::api::endpoint_prelude::*;

use serde_json::Value;

use crate::domain::ProjectId;

/// Who has a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookHome {
    /// A project, by its id.
    Project(ProjectId),
    /// A group, by its id.
    Group(u64),
}

impl std::fmt::Display for HookHome {
    /// The beginning of the API's path.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Project(id) => write!(f, "projects/{id}"),
            Self::Group(id) => write!(f, "groups/{id}"),
        }
    }
}

/// `GET …/hooks`.
#[derive(Debug)]
pub(in crate::gitlab) struct Hooks(pub(in crate::gitlab) HookHome);

impl Endpoint for Hooks {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("{}/hooks", self.0).into()
    }
}

/// `POST …/hooks`, or `PUT …/hooks/:hook_id` where there is one.
pub(in crate::gitlab) struct WriteHook<'a> {
    pub(in crate::gitlab) home: HookHome,
    pub(in crate::gitlab) hook: Option<u64>,
    pub(in crate::gitlab) body: &'a Value,
}

impl Endpoint for WriteHook<'_> {
    fn method(&self) -> Method {
        if self.hook.is_some() { Method::PUT } else { Method::POST }
    }

    fn endpoint(&self) -> Cow<'static, str> {
        match self.hook {
            Some(hook) => format!("{}/hooks/{hook}", self.home).into(),
            None => format!("{}/hooks", self.home).into(),
        }
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        JsonParams::into_body(self.body)
    }
}

/// `DELETE …/hooks/:hook_id`.
#[derive(Debug)]
pub(in crate::gitlab) struct DeleteHook {
    pub(in crate::gitlab) home: HookHome,
    pub(in crate::gitlab) hook: u64,
}

impl Endpoint for DeleteHook {
    fn method(&self) -> Method {
        Method::DELETE
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("{}/hooks/{}", self.home, self.hook).into()
    }
}

/// `GET /groups/:path`.
#[derive(Debug)]
pub(in crate::gitlab) struct Group<'a>(pub(in crate::gitlab) &'a str);

impl Endpoint for Group<'_> {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("groups/{}", path_escaped(self.0)).into()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = QueryParams::default();
        parameters.push("with_projects", false);
        parameters
    }
}

/// `GET /projects/:id/hooks/:hook_id/events`, those that failed: refused by the receiver, a failure of the receiver, or no
/// answer at all (`app/finders/web_hooks/web_hook_logs_finder.rb` counts that as `server_failure`).
#[derive(Debug)]
pub(in crate::gitlab) struct FailedEvents {
    pub(in crate::gitlab) home: HookHome,
    pub(in crate::gitlab) hook: u64,
}

impl Endpoint for FailedEvents {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("{}/hooks/{}/events", self.home, self.hook).into()
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
    pub(in crate::gitlab) home: HookHome,
    pub(in crate::gitlab) hook: u64,
    pub(in crate::gitlab) trigger: &'a str,
}

impl Endpoint for TestHook<'_> {
    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("{}/hooks/{}/test/{}", self.home, self.hook, path_escaped(self.trigger)).into()
    }
}

/// `GET /projects/:id/hooks/:hook_id/events`, whatever became of them.
#[derive(Debug)]
pub(in crate::gitlab) struct AllEvents {
    pub(in crate::gitlab) home: HookHome,
    pub(in crate::gitlab) hook: u64,
}

impl Endpoint for AllEvents {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("{}/hooks/{}/events", self.home, self.hook).into()
    }
}
