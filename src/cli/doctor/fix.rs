//! What `--fix` does: only what harms nothing, and each with a word about it.

use std::collections::BTreeSet;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use super::finding::{Finding, Group, Repair};
use super::gitlab::Access;
use super::hook_report::is_off;
use super::within;
use crate::cli::client::Client;
use crate::cli::{Trouble, show};
use crate::config::Config;
use crate::gitlab::{GitlabError, TEST_TRIGGERS, has_nothing_to_send};
use crate::http::api_hooks::{HookReports, HooksAsked, HooksDone, HooksTested};

/// How long the running flaglink may be at work on webhooks.
const AT_WORK: Duration = Duration::from_secs(10 * 60);

/// What came of repairs, one sentence each.
#[derive(Debug, Default)]
pub(super) struct Fixed {
    /// What was done.
    pub(super) done: Vec<String>,
    /// What could not be done, and why.
    pub(super) not: Vec<String>,
}

impl Fixed {
    fn note(&mut self, done: String, not: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.done.push(done),
            Err(why) => self.not.push(format!("{not}: {why}")),
        }
    }
}

fn repairs(groups: &[Group]) -> impl Iterator<Item = &Repair> {
    groups.iter().flat_map(|group| &group.findings).filter_map(|finding| finding.repair.as_ref())
}

/// Carries out all repairs but those of webhooks that the running flaglink keeps.
pub(super) async fn repair(config: &Config, all: &[Access], groups: &[Group], limit: Duration) -> Fixed {
    let mut fixed = Fixed::default();
    for repair in repairs(groups) {
        match repair {
            Repair::Mode(path, mode) => {
                let set = std::fs::set_permissions(path, std::fs::Permissions::from_mode(*mode));
                fixed.note(
                    format!("{} is for its owner alone now (mode {mode:o})", show(path)),
                    &format!("the mode of {} could not be set", show(path)),
                    set.map_err(|error| error.to_string()),
                );
            }
            Repair::Folder(path) => {
                let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
                fixed.note(
                    format!("the folder {} is made", show(path)),
                    &format!("the folder {} could not be made", show(path)),
                    made.map_err(|error| error.to_string()),
                );
            }
            Repair::MarkerKey => {
                let made = config.store.marker_key.read_or_make(true);
                fixed.note(
                    "the marker key is made; keep a copy of it".to_owned(),
                    "the marker key could not be made",
                    made.map(drop).map_err(|error| error.to_string()),
                );
            }
            Repair::TestHook { project, hook, triggers, rule } => {
                let own =
                    all.iter().find(|access| access.rule.as_deref() == Some(rule)).or_else(|| all.first());
                let Some(access) = own else { continue };
                fixed.note(
                    format!("GitLab has sent the webhook {hook} once more, and it is switched on again"),
                    &format!("the webhook {hook} could not be switched on again"),
                    test(access, *project, *hook, triggers, limit).await,
                );
            }
            Repair::SyncHooks | Repair::SwitchOn(_) => {}
        }
    }
    fixed
}

/// Has the running flaglink bring its webhooks into step, where one is not.
pub(super) async fn sync_hooks(socket: &Path, groups: &[Group], fixed: &mut Fixed) {
    let of_hooks = |repair: &Repair| matches!(repair, Repair::SyncHooks | Repair::SwitchOn(_));
    if !repairs(groups).any(of_hooks) {
        return;
    }
    let Ok(Some(client)) = Client::connect(socket).await else {
        let not = "the webhooks are as they were: flaglink does not run, and --fix has the running one bring them into step. \
                   `flaglink hooks sync` does that now, or start flaglink";
        fixed.not.push(not.to_owned());
        return;
    };
    // GitLab is asked about every project.
    let mut client = client.patient(AT_WORK);
    match client.change::<HooksDone>("/api/v1/hooks/sync", &HooksAsked::default()).await {
        Ok(synced) => {
            for one in synced.hooks {
                // A service that shows nobody its webhook gets it anew each time: that is no repair of anything.
                let was_wrong = one.kind != "provider" || was_wrong(groups, &one.name);
                fixed.done.extend(
                    one.did
                        .iter()
                        .filter(|_| was_wrong)
                        .map(|did| format!("the webhook of {}: {did}", one.name)),
                );
                // Whether one that was off is on again is seen afterwards.
                let later = repairs(groups)
                    .any(|repair| matches!(repair, Repair::SwitchOn(name) if *name == one.name));
                let problem = one.problem.filter(|_| !later);
                fixed
                    .not
                    .extend(problem.map(|problem| format!("the webhook of {}: {}", one.name, problem.what)));
            }
        }
        Err(trouble) => fixed.not.extend(why(trouble)),
    }
    let off: BTreeSet<&String> = repairs(groups)
        .filter_map(|repair| match repair {
            Repair::SwitchOn(name) => Some(name),
            _ => None,
        })
        .collect();
    for name in off {
        switch_on(&mut client, name, fixed).await;
    }
}

/// Whether the webhook of that provider is to be brought into step.
fn was_wrong(groups: &[Group], provider: &str) -> bool {
    let title = format!("Flags: {provider} (");
    let sync = |finding: &Finding| matches!(finding.repair, Some(Repair::SyncHooks));
    groups.iter().any(|group| group.title.starts_with(&title) && group.findings.iter().any(sync))
}

fn why(trouble: Trouble) -> Option<String> {
    match trouble {
        Trouble::World(why) | Trouble::Arguments(why) => Some(why),
        Trouble::NobodyReads | Trouble::Told => None,
    }
}

/// One that GitLab had switched off: where bringing it into step did not help, GitLab tests it, and it is on where that succeeds.
async fn switch_on(client: &mut Client, name: &str, fixed: &mut Fixed) {
    match is_on(client, name).await {
        Ok(true) => return fixed.done.push(format!("the webhook of {name} is switched on again")),
        Ok(false) => {}
        Err(trouble) => return fixed.not.extend(why(trouble)),
    }
    let asked = HooksAsked { names: vec![name.to_owned()], dry_run: false };
    let tested = match client.change::<HooksTested>("/api/v1/hooks/test", &asked).await {
        Ok(tested) => tested.hooks.into_iter().find_map(|one| one.problem),
        Err(trouble) => return fixed.not.extend(why(trouble)),
    };
    match is_on(client, name).await {
        Ok(true) => {
            fixed.done.push(format!("GitLab has tested the webhook of {name}, and it is switched on again"))
        }
        Ok(false) => {
            let why =
                tested.map_or_else(|| "GitLab still says that it is off".to_owned(), |problem| problem.what);
            fixed.not.push(format!("the webhook of {name} could not be switched on again: {why}"));
        }
        Err(trouble) => fixed.not.extend(why(trouble)),
    }
}

async fn is_on(client: &mut Client, name: &str) -> Result<bool, Trouble> {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("name", name).finish();
    let reports = client.read::<HookReports>(&format!("/api/v1/hooks?{query}")).await?;
    Ok(reports.hooks.iter().all(|report| !is_off(report)))
}

async fn test(
    access: &Access,
    project: u64,
    hook: u64,
    triggers: &[String],
    limit: Duration,
) -> Result<(), String> {
    let mut why = "it is sent for nothing that it could be tested with".to_owned();
    for trigger in TEST_TRIGGERS.into_iter().filter(|one| triggers.iter().any(|has| has == one)) {
        match within(limit, access.api.test_hook(project, hook, trigger)).await {
            Some(Ok(())) => return Ok(()),
            // A project that has nothing of that kind: the next one may do.
            Some(Err(GitlabError::Failed(failure))) if has_nothing_to_send(&failure) => why = failure.message,
            Some(Err(error)) => return Err(error.to_string()),
            None => return Err(format!("no answer within {} s", limit.as_secs())),
        }
    }
    Err(why)
}
