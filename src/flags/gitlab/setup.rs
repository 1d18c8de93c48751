//! What whoever sets flaglink up is asked about GitLab's own flags: nothing more, since GitLab is there already.

use crate::flags::setup::Setup;

/// How GitLab's own flags are set up.
pub(in crate::flags) const SETUP: Setup = Setup { remark: Some("GitLab's own feature flags"), own: None };
