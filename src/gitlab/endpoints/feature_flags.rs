//! Feature flags and environments.

use gitlab::api::common::path_escaped;
use gitlab::api::endpoint_prelude::*;
use serde_json::{Value, json};

use crate::domain::ProjectId;

/// `GET /projects/:id/feature_flags`.
#[derive(Debug)]
pub(in crate::gitlab) struct FeatureFlags {
    pub(in crate::gitlab) project: ProjectId,
}

impl Endpoint for FeatureFlags {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/feature_flags", self.project).into()
    }
}

/// `GET /projects/:id/feature_flags/:name`.
#[derive(Debug)]
pub(in crate::gitlab) struct OneFlag<'a> {
    pub(in crate::gitlab) project: ProjectId,
    pub(in crate::gitlab) name: &'a str,
}

impl Endpoint for OneFlag<'_> {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/feature_flags/{}", self.project, path_escaped(self.name)).into()
    }
}

/// `POST /projects/:id/feature_flags`.
#[derive(Debug)]
pub(in crate::gitlab) struct NewFlag<'a> {
    pub(in crate::gitlab) project: ProjectId,
    pub(in crate::gitlab) name: &'a str,
}

impl Endpoint for NewFlag<'_> {
    fn method(&self) -> Method {
        Method::POST
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/feature_flags", self.project).into()
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        let body = json!({ "name": self.name, "version": "new_version_flag", "active": false });
        JsonParams::into_body(&body)
    }
}

/// `PUT /projects/:id/feature_flags/:name`.
#[derive(Debug)]
pub(in crate::gitlab) struct ChangeFlag<'a> {
    pub(in crate::gitlab) project: ProjectId,
    pub(in crate::gitlab) name: &'a str,
    pub(in crate::gitlab) body: Value,
}

impl Endpoint for ChangeFlag<'_> {
    fn method(&self) -> Method {
        Method::PUT
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/feature_flags/{}", self.project, path_escaped(self.name)).into()
    }

    fn body(&self) -> Result<Option<(&'static str, Vec<u8>)>, BodyError> {
        JsonParams::into_body(&self.body)
    }
}

/// `GET /projects/:id/environments`, those that are available.
#[derive(Debug)]
pub(in crate::gitlab) struct Environments {
    pub(in crate::gitlab) project: ProjectId,
}

impl Endpoint for Environments {
    fn method(&self) -> Method {
        Method::GET
    }

    fn endpoint(&self) -> Cow<'static, str> {
        format!("projects/{}/environments", self.project).into()
    }

    fn parameters(&self) -> QueryParams<'_> {
        let mut parameters = QueryParams::default();
        parameters.push("states", "available");
        parameters
    }
}
