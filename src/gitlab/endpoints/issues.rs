//! Issues that the bot opens itself, and whom they may be for (`doc/api/issues.md`, `doc/api/issue_links.md`,
//! `doc/api/users.md`).

use gitlab::api::endpoint_prelude::*;
use serde_json::{Value, json};

use crate::domain::{ProjectId, UserId};

/// `GET /projects/:id/issues` by one author, newest first.
#[derive(Debug)]
pub(in crate::gitlab) struct IssuesBy {
    pub(in crate::gitlab) project: ProjectId,
    pub(in crate::gitlab) author: UserId,
}

impl Endpoint for IssuesBy {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/issues", self.project).into()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = QueryParams::default();
        parameters
            .push("author_id", self.author)
            .push("scope", "all")
            .push("order_by", "created_at")
            .push("sort", "desc");
        parameters
    }
}

/// `POST /projects/:id/issues`.
#[derive(Debug)]
pub(in crate::gitlab) struct OpenIssue {
    pub(in crate::gitlab) project: ProjectId,
    pub(in crate::gitlab) body: Value,
}

impl Endpoint for OpenIssue {
    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/issues", self.project).into()
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        JsonParams::into_body(&self.body)
    }
}

/// `PUT /projects/:id/issues/:iid` with another description.
#[derive(Debug)]
pub(in crate::gitlab) struct Describe<'a> {
    pub(in crate::gitlab) project: ProjectId,
    pub(in crate::gitlab) iid: u64,
    pub(in crate::gitlab) description: &'a str,
}

impl Endpoint for Describe<'_> {
    fn method(&self) -> Method {
        Method::PUT
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/issues/{}", self.project, self.iid).into()
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        JsonParams::into_body(&json!({ "description": self.description }))
    }
}

/// `POST /projects/:id/issues/:iid/links`.
#[derive(Debug)]
pub(in crate::gitlab) struct Relate {
    pub(in crate::gitlab) project: ProjectId,
    pub(in crate::gitlab) iid: u64,
    pub(in crate::gitlab) to_project: ProjectId,
    pub(in crate::gitlab) to_iid: u64,
}

impl Endpoint for Relate {
    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/issues/{}/links", self.project, self.iid).into()
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        JsonParams::into_body(&json!({
            "target_project_id": self.to_project.to_string(),
            "target_issue_iid": self.to_iid.to_string(),
            "link_type": "relates_to",
        }))
    }
}

/// `GET /users?search=`: a mail address is compared as a whole.
#[derive(Debug)]
pub(in crate::gitlab) struct UsersLike<'a> {
    pub(in crate::gitlab) search: &'a str,
}

impl Endpoint for UsersLike<'_> {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        "users".into()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = QueryParams::default();
        parameters.push("search", self.search).push("active", true);
        parameters
    }
}
