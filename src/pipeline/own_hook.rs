//! Whether a webhook in GitLab is this installation's, for whoever looks from outside of the pipeline.

use super::hooks_in_step::{in_url, is_ours};
use crate::domain::HookTarget;
use crate::markdown::MarkerKey;

/// Whether this installation, the one with that key, made the webhook with that address for that project or group.
pub fn is_own_hook(key: &MarkerKey, target: &HookTarget, url: &str) -> bool {
    in_url(url).is_some_and(|path| is_ours(key, target, &path))
}
