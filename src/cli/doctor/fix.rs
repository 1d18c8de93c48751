//! What `--fix` does: only what harms nothing, and each with a word about it.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::time::Duration;

use super::finding::{Group, Repair};
use super::gitlab::Access;
use super::within;
use crate::cli::show;
use crate::config::Config;
use crate::gitlab::GitlabError;

/// What a webhook is tested with, the least harmful first.
const TRIGGERS: [&str; 4] = ["push_events", "merge_requests_events", "issues_events", "note_events"];

/// Carries out all repairs. Returns what was done, and what could not be, one sentence each.
pub(super) async fn repair(
    config: &Config,
    all: &[Access],
    groups: &[Group],
    limit: Duration,
) -> (Vec<String>, Vec<String>) {
    let (mut done, mut not) = (Vec::new(), Vec::new());
    for repair in
        groups.iter().flat_map(|group| &group.findings).filter_map(|finding| finding.repair.as_ref())
    {
        let (what, result) = match repair {
            Repair::Mode(path, mode) => {
                let set = std::fs::set_permissions(path, std::fs::Permissions::from_mode(*mode));
                (
                    format!("{} is for its owner alone now (mode {mode:o})", show(path)),
                    set.map_err(|error| error.to_string()),
                )
            }
            Repair::Folder(path) => {
                let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
                (format!("the folder {} is made", show(path)), made.map_err(|error| error.to_string()))
            }
            Repair::MarkerKey => {
                let made = config.store.marker_key.read_or_make(true);
                (
                    "the marker key is made; keep a copy of it".to_owned(),
                    made.map(drop).map_err(|error| error.to_string()),
                )
            }
            Repair::TestHook { project, hook, triggers, rule } => {
                let own =
                    all.iter().find(|access| access.rule.as_deref() == Some(rule)).or_else(|| all.first());
                let Some(access) = own else { continue };
                let result = test(access, *project, *hook, triggers, limit).await;
                (format!("GitLab has sent the webhook {hook} once more, and it is switched on again"), result)
            }
            Repair::SyncHooks => continue,
        };
        match result {
            Ok(()) => done.push(what),
            Err(why) => not.push(format!("not done ({what}): {why}")),
        }
    }
    (done, not)
}

async fn test(
    access: &Access,
    project: u64,
    hook: u64,
    triggers: &[String],
    limit: Duration,
) -> Result<(), String> {
    let mut why = "it is sent for nothing that it could be tested with".to_owned();
    for trigger in TRIGGERS.into_iter().filter(|one| triggers.iter().any(|has| has == one)) {
        match within(limit, access.api.test_hook(project, hook, trigger)).await {
            Some(Ok(())) => return Ok(()),
            // A project that has nothing of that kind: the next one may do.
            Some(Err(GitlabError::Failed(failure))) if failure.said.starts_with("Ensure") => {
                why = failure.message
            }
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err(format!("no answer within {} s", limit.as_secs())),
        }
    }
    Err(why)
}
