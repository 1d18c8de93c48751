//! What whoever sets flaglink up is asked about a Flagsmith.

use url::Url;

use crate::flags::pasted::{Pasted, before, part_after};
use crate::flags::setup::{OwnService, ProjectSetting, Setup};

/// The address of the hosted API, which most have.
const HOSTED: &str = "https://api.flagsmith.com";

/// How Flagsmith is set up.
pub(in crate::flags) const SETUP: Setup = Setup {
    remark: None,
    own: Some(OwnService {
        proposed: Some(HOSTED),
        read,
        sign: "api/v1/projects/",
        key: "api_key",
        key_help: "Organisation settings → API keys.",
        // The setting must be there; which projects the key sees does not depend on it.
        project: Some(ProjectSetting { what: "a number", number: true, meanwhile: Some("1") }),
        webhook_secret: true,
    }),
};

/// The hosted dashboard and its API have an address each; one's own Flagsmith has one for both.
fn read(url: &Url) -> Pasted {
    let project = part_after(url, "project").filter(|project| project.parse::<u64>().is_ok());
    let url = match url.host_str() {
        Some("app.flagsmith.com") => HOSTED.to_owned(),
        _ => before(url, &["/api/v1", "/project/"]),
    };
    Pasted { url, project }
}
