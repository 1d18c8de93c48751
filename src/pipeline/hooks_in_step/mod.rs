//! Webhooks kept in step: one for each project or group that the rules name, and those at the flag services.
//!
//! At the start, when the public address changes, and on a timer each is looked at, and changed only where it is not as it should
//! be. It is found again by its id, else by its path, which this installation alone can have made.

mod keep;
mod live;
mod path;
mod providers;
mod report;
mod stand;
mod step;
mod targets;
mod test;
mod words;

use std::sync::Arc;

use url::Url;

use super::Pipeline;
use crate::bot::{Trouble, World};
use crate::domain::{Decision, HookRecord};
use crate::gitlab::{GitlabError, HookState, Version};
use crate::store::CommitError;
use crate::tunnel::PublicAddress;

pub use keep::{KeepingInStep, keep_hooks_in_step};
pub use live::LiveHooks;
pub(super) use path::{in_url, is_ours};
pub use report::{HookDone, HookFailure, HookProblem, HookReport, HookStanding, HookTested};

pub use stand::report_hooks;
pub use test::test_hooks;

use step::look;
use targets::{Targets, Wanted};

/// How webhooks are kept in step.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// The address that they are registered with.
    pub address: PublicAddress,
}

/// Which webhooks are meant.
#[derive(Debug, Clone, Default)]
pub struct HookChoice {
    /// Paths of projects and groups, and names of providers; empty: all.
    pub names: Vec<String>,
}

impl HookChoice {
    fn is_all(&self) -> bool {
        self.names.is_empty()
    }

    fn has(&self, name: &str) -> bool {
        let same = |one: &String| one.trim_matches('/').eq_ignore_ascii_case(name);
        self.is_all() || self.names.iter().any(same)
    }

    /// The names that mean nothing, each with what to do about it.
    fn unknown<'a>(
        &'a self,
        known: impl Iterator<Item = String>,
    ) -> impl Iterator<Item = (String, HookProblem)> + 'a {
        let known: Vec<String> = known.map(|name| name.to_lowercase()).collect();
        self.names.iter().filter(move |name| !known.contains(&name.trim_matches('/').to_lowercase())).map(
            |name| {
                let problem = HookProblem::new(
                    format!("flaglink has to do with no project, group or provider {name}"),
                    "Its path has to match a [[projects]] entry, and the bot has to be a member of it.",
                );
                (name.clone(), problem)
            },
        )
    }
}

/// Everything that work on webhooks needs.
struct Office<'a> {
    pipeline: &'a Pipeline,
    world: Arc<World>,
    base: Option<Url>,
    version: Option<Version>,
}

impl<'a> Office<'a> {
    async fn open(pipeline: &'a Pipeline, settings: &HookSettings) -> Self {
        let world = pipeline.world();
        // Where GitLab does not say, it is asked for nothing that an old one does not have.
        let version = world.gitlab().version().await.ok();
        Self { pipeline, world, base: settings.address.now(), version }
    }

    fn live(&self) -> &LiveHooks {
        self.pipeline.hooks()
    }

    async fn records(&self) -> Result<Vec<HookRecord>, Trouble> {
        Ok(self.world.store().hooks().await?)
    }

    async fn targets(&self) -> Result<Targets, Trouble> {
        let targets = targets::find(&self.world).await?;
        self.live().see_projects(targets.seen.clone());
        Ok(targets)
    }
}

/// The webhook was taken away by somebody's word.
fn taken_away(name: &str) -> HookProblem {
    HookProblem::new(
        "it was taken away with `flaglink hooks remove`",
        format!("`flaglink hooks sync {name}` registers it again."),
    )
}

/// It is not as it should be, and flaglink has not come to it yet.
fn not_in_step() -> HookProblem {
    HookProblem::new("it is not as it should be", "`flaglink hooks sync` puts it right.")
}

/// Brings webhooks into step; with `dry_run` only says what would be done. `asked_for`: somebody asked for it, so that what was
/// taken away by hand is made again.
///
/// # Errors
/// Where it cannot even be said which webhooks there should be.
pub async fn sync_hooks(
    pipeline: &Pipeline,
    settings: &HookSettings,
    choice: &HookChoice,
    dry_run: bool,
    asked_for: bool,
) -> Result<Vec<HookDone>, Trouble> {
    let _turn = pipeline.hooks().turn.lock().await;
    let office = Office::open(pipeline, settings).await;
    let targets = office.targets().await?;
    let records = office.records().await?;
    let mut all = Vec::new();
    let is_off = |wanted: &Wanted| {
        records.iter().any(|record| record.target == wanted.target && record.off) && !asked_for
    };
    let chosen = targets.wanted.iter().filter(|wanted| choice.has(&wanted.name) && !is_off(wanted));
    for wanted in chosen {
        all.push(one_in_step(&office, wanted, dry_run).await);
    }
    for (name, problem) in targets.lost.iter().filter(|(name, _)| choice.has(name)) {
        all.push(done_in_vain("group", name, problem.clone()));
    }
    // Where the rules want none any more, ours goes.
    let had = |wanted: &&Wanted| records.iter().any(|record| record.target == wanted.target && !record.off);
    for wanted in targets.not.iter().filter(had).filter(|wanted| choice.has(&wanted.name)) {
        all.push(take_away(&office, wanted, dry_run, false).await);
    }
    for provider in office.world.flags().iter().filter(|provider| choice.has(provider.name())) {
        all.extend(providers::step(&office, provider.as_ref(), dry_run, asked_for).await);
    }
    if !dry_run {
        let mut decision = Decision::new();
        decision.writes = providers::forgotten(&office, &records);
        if !decision.writes.is_empty()
            && let Err(CommitError::Store(error)) = pipeline.commit(decision).await
        {
            return Err(error.into());
        }
    }
    let unknown = choice.unknown(names(&office, &targets));
    all.extend(unknown.map(|(name, problem)| done_in_vain("project", &name, problem)));
    Ok(all)
}

fn done_in_vain(kind: &str, name: &str, problem: HookProblem) -> HookDone {
    HookDone { kind: kind.to_owned(), name: name.to_owned(), did: Vec::new(), problem: Some(problem) }
}

/// Every name that means something.
fn names(office: &Office<'_>, targets: &Targets) -> impl Iterator<Item = String> {
    let of_gitlab = targets.wanted.iter().chain(&targets.not).map(|wanted| wanted.name.clone());
    let lost = targets.lost.keys().cloned();
    let of_services = office.world.flags().iter().map(|provider| provider.name().to_owned());
    of_gitlab.chain(lost).chain(of_services).collect::<Vec<_>>().into_iter()
}

async fn one_in_step(office: &Office<'_>, wanted: &Wanted, dry_run: bool) -> HookDone {
    let (did, problem) = match &office.base {
        None => (Vec::new(), Some(words::no_address())),
        Some(base) => match look(office, wanted, base).await {
            Err(problem) => (Vec::new(), Some(problem)),
            Ok(sight) if dry_run => (sight.to_do(), None),
            Ok(sight) => {
                // Those of projects are switched on again by catching up, which has their log as well.
                let off = sight.hook.as_ref().filter(|hook| wanted.is_group() && hook.state != HookState::On);
                let off = off.map(|hook| stand::switched_off(hook, &wanted.name, None));
                let (did, problem) = sight.act(office, wanted).await;
                (did, problem.or(off))
            }
        },
    };
    HookDone { kind: wanted.kind().to_owned(), name: wanted.name.clone(), did, problem }
}

/// Takes webhooks of ours away, and closes their paths; with `dry_run` only says which.
///
/// # Errors
/// Where it cannot even be said which there may be.
pub async fn remove_hooks(
    pipeline: &Pipeline,
    settings: &HookSettings,
    choice: &HookChoice,
    dry_run: bool,
) -> Result<Vec<HookDone>, Trouble> {
    let _turn = pipeline.hooks().turn.lock().await;
    let office = Office::open(pipeline, settings).await;
    let targets = office.targets().await?;
    let mut all = Vec::new();
    for wanted in targets.wanted.iter().chain(&targets.not).filter(|wanted| choice.has(&wanted.name)) {
        let done = take_away(&office, wanted, dry_run, true).await;
        if !choice.is_all() || !done.did.is_empty() || done.problem.is_some() {
            all.push(done);
        }
    }
    for provider in office.world.flags().iter().filter(|provider| choice.has(provider.name())) {
        all.extend(providers::remove(&office, provider.as_ref(), dry_run).await);
    }
    let unknown = choice.unknown(names(&office, &targets));
    all.extend(unknown.map(|(name, problem)| done_in_vain("project", &name, problem)));
    Ok(all)
}

/// Takes the webhooks of ours in one project or group away. `by_hand`: it stays away until somebody asks for it.
async fn take_away(office: &Office<'_>, wanted: &Wanted, dry_run: bool, by_hand: bool) -> HookDone {
    let mut done = done_in_vain(wanted.kind(), &wanted.name, words::no_address());
    let taken = async {
        let mut seen =
            office.world.store().hook(&wanted.target).await.map_err(|error| words::of_store(&error))?;
        let before = seen.value.clone();
        let mut record =
            before.unwrap_or_else(|| HookRecord::new(wanted.target.clone(), wanted.name.clone()));
        let failed = |error: &GitlabError| words::of_gitlab(error, &wanted.target, &wanted.name, "");
        let hooks = wanted.gitlab.hooks_of(wanted.home).await.map_err(|error| failed(&error))?;
        let ours = step::ours(office, wanted, &record, hooks);
        let did: Vec<String> = ours.iter().map(|hook| format!("webhook {} removed", hook.id)).collect();
        if dry_run {
            return Ok(did);
        }
        for hook in &ours {
            let deleted = wanted.gitlab.delete_hook(wanted.home, hook.id).await;
            deleted.map_err(|error| failed(&error))?;
        }
        office.live().close(&wanted.target);
        (record.paths, record.hook, record.base) = (Vec::new(), None, None);
        (record.confirmed, record.trouble, record.sent_at) = (String::new(), None, None);
        record.off = by_hand;
        if seen.value.is_some() || !did.is_empty() {
            step::keep(office, &mut seen, &record).await?;
        }
        Ok(did)
    };
    match taken.await {
        Ok(did) => (done.did, done.problem) = (did, None),
        Err(problem) => done.problem = Some(problem),
    }
    done
}
