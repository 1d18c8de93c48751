//! What `--fix` does: only what harms nothing, and each with a word about it.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use super::finding::{Group, Repair};
use super::gitlab::Access;
use super::within;
use crate::cli::client::Client;
use crate::cli::{Trouble, show};
use crate::config::Config;
use crate::gitlab::GitlabError;
use crate::http::api_hooks::{HooksAsked, HooksDone};

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

/// Has the running flaglink bring its webhooks into step, where one is not.
pub(super) async fn sync_hooks(
    socket: &Path,
    groups: &[Group],
    done: &mut Vec<String>,
    not: &mut Vec<String>,
) {
    let is_one = |repair: &Option<Repair>| matches!(repair, Some(Repair::SyncHooks));
    if !groups.iter().flat_map(|group| &group.findings).any(|finding| is_one(&finding.repair)) {
        return;
    }
    let Ok(Some(mut client)) = Client::connect(socket).await else { return };
    match client.change::<HooksDone>("/api/v1/hooks/sync", &HooksAsked::default()).await {
        Ok(synced) => {
            for one in synced.hooks {
                done.extend(one.did.iter().map(|did| format!("the webhook of {}: {did}", one.name)));
                not.extend(
                    one.problem.map(|problem| format!("the webhook of {}: {}", one.name, problem.what)),
                );
            }
        }
        Err(Trouble::World(why) | Trouble::Arguments(why)) => not.push(why),
        Err(_) => {}
    }
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
