//! What whoever sets flaglink up is asked about an Unleash.

use url::Url;

use crate::flags::pasted::{Pasted, before, part_after};
use crate::flags::setup::{OwnService, ProjectSetting, Setup};

/// How Unleash is set up.
pub(in crate::flags) const SETUP: Setup = Setup {
    remark: None,
    own: Some(OwnService {
        proposed: None,
        read,
        sign: "api/admin/projects",
        key: "api_token",
        key_help: "A personal access token of an admin (Profile → Personal API tokens).",
        project: Some(ProjectSetting { what: "an id", number: false, meanwhile: None }),
        webhook_secret: true,
    }),
};

fn read(url: &Url) -> Pasted {
    Pasted { url: before(url, &["/api/", "/projects/"]), project: part_after(url, "projects") }
}
