//! Webhooks kept in step: one for each project or group that the rules name, and those at the flag services.
//!
//! At the start, when the public address changes, and on a timer each is looked at, and changed only where it is not as it should
//! be. It is found again by its id, else by its path, which this installation alone can have made.

mod heard;
mod keep;
mod leaving;
mod live;
mod path;
mod providers;
mod report;
mod spoiled;
mod stand;
mod step;
mod switched;
mod targets;
mod test;
mod words;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use futures_util::{StreamExt as _, stream};
use url::Url;

use super::Pipeline;
use crate::bot::{Trouble, World};
use crate::domain::{Decision, HookRecord, HookTarget, Write};
use crate::gitlab::Release;
use crate::store::CommitError;
use crate::tunnel::PublicAddress;

pub use keep::{KeepingInStep, keep_hooks_in_step};
pub use live::LiveHooks;
pub(super) use path::{in_url, is_ours};
pub use report::{
    HookDone, HookFailure, HookProblem, HookProblemKind, HookReport, HookStanding, HookTested, RefusedByHand,
};
pub use spoiled::Spoiled;

pub use stand::report_hooks;
pub use test::test_hooks;

use leaving::{By, Leaving, Why};
use step::look;
use targets::{Targets, Wanted};

/// So many projects are looked at side by side.
const SIDE_BY_SIDE: usize = 8;

/// How webhooks are kept in step.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// The address that they are registered with.
    pub address: PublicAddress,
    /// How long GitLab has to refuse a project before its path is closed: the time between two looks.
    pub apart: Duration,
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
    release: Option<Release>,
    apart: Duration,
}

impl<'a> Office<'a> {
    async fn open(pipeline: &'a Pipeline, settings: &HookSettings) -> Self {
        let mut office = Self::unasked(pipeline, settings);
        office.release = office.release_told().await;
        office
    }

    /// One that has not asked GitLab yet which version it is.
    fn unasked(pipeline: &'a Pipeline, settings: &HookSettings) -> Self {
        let world = pipeline.world();
        Self { pipeline, world, base: settings.address.now(), release: None, apart: settings.apart }
    }

    /// Where GitLab does not say, it is asked for nothing that an old one does not have.
    async fn release_told(&self) -> Option<Release> {
        self.world.gitlab().release().await.ok()
    }

    fn live(&self) -> &LiveHooks {
        self.pipeline.hooks()
    }

    /// Why none is registered, though one is wanted: what came over it would not be taken.
    fn unsigned(&self) -> Option<HookProblem> {
        match &self.release {
            _ if !self.live().requires_signature() => None,
            None => Some(words::signs_perhaps()),
            Some(release) if !release.at_least(Release::SIGNING) => Some(words::signs_none(release)),
            Some(_) => None,
        }
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
        .of(HookProblemKind::NotInStep)
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
    if !pipeline.hooks().registers() && pipeline.world().store().hooks().await?.is_empty() {
        return Ok(Vec::new());
    }
    let office = Office::open(pipeline, settings).await;
    let records = office.records().await?;
    if !office.live().registers() {
        return Ok(none_registered(&office, &records, choice, dry_run).await);
    }
    let targets = office.targets().await?;
    let mut each = Vec::new();
    for wanted in targets.wanted.iter().filter(|wanted| choice.has(&wanted.name)) {
        each.push(one_wanted(&office, wanted, &records, dry_run, asked_for).boxed());
    }
    let mut all = side_by_side(each).await.into_iter().flatten().collect::<Vec<_>>();
    for (name, problem) in targets.lost.iter().filter(|(name, _)| choice.has(name)) {
        all.push(done_in_vain("group", name, problem.clone()));
    }
    // Where the rules want none any more, ours goes.
    let leaving = leaving::find(&office.world, &targets, &records).await;
    for one in leaving.iter().filter(|one| choice.has(&one.name)) {
        if one.waits_for_its_group(&office.world, &all, &records) {
            let did = vec!["it stays until the webhook of its group is there".to_owned()];
            let (kind, name) = (one.kind().to_owned(), one.name.clone());
            all.extend(asked_for.then_some(HookDone { kind, name, did, problem: None }));
            continue;
        }
        all.push(match one.why {
            // Not "right already": nobody could look.
            Why::Unseen { .. } if asked_for && !targets.complete => {
                done_in_vain(one.kind(), &one.name, words::token_refused())
            }
            _ => leaving::take_away(&office, one, dry_run, By::Rules).await,
        });
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
    let unlooked = unlooked(&office, &targets, &records, choice).into_iter().filter(|_| asked_for);
    all.extend(unlooked.map(|(name, problem)| done_in_vain("project", &name, problem)));
    if !dry_run {
        all.iter().filter(|done| done.problem.is_none()).for_each(|done| office.live().mended(&done.name));
    }
    Ok(all)
}

/// The names that nothing can be said of, each with why: they mean nothing, or a token is refused by which they would be seen.
fn unlooked(
    office: &Office<'_>,
    targets: &Targets,
    records: &[HookRecord],
    choice: &HookChoice,
) -> Vec<(String, HookProblem)> {
    let mut all: Vec<_> = choice.unknown(names(office, targets, records)).collect();
    if targets.complete {
        return all;
    }
    for (_, problem) in &mut all {
        *problem = words::token_refused();
    }
    let none_kept = records.iter().all(|record| matches!(record.target, HookTarget::Provider(_)));
    if choice.is_all() && targets.seen.is_empty() && none_kept {
        let rules = office.world.rules().rules.iter();
        all.extend(rules.map(|rule| (rule.pattern.clone(), words::token_refused())));
    }
    all
}

/// A few at a time, in their order: one that GitLab is slow to answer for holds up no other.
async fn side_by_side<T: Send>(each: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    stream::iter(each).buffered(SIDE_BY_SIDE).collect().await
}

fn done_in_vain(kind: &str, name: &str, problem: HookProblem) -> HookDone {
    HookDone { kind: kind.to_owned(), name: name.to_owned(), did: Vec::new(), problem: Some(problem) }
}

/// Every name that means something.
fn names(office: &Office<'_>, targets: &Targets, records: &[HookRecord]) -> impl Iterator<Item = String> {
    let of_gitlab = targets.wanted.iter().chain(&targets.not).map(|wanted| wanted.name.clone());
    let lost = targets.lost.keys().cloned();
    let of_services = office.world.flags().iter().map(|provider| provider.name().to_owned());
    let kept = records.iter().map(|record| record.name.clone());
    of_gitlab.chain(lost).chain(of_services).chain(kept).collect::<Vec<_>>().into_iter()
}

/// Brings one that is wanted into step. `None`: it was taken away by hand, and stays away.
async fn one_wanted(
    office: &Office<'_>,
    wanted: &Wanted,
    records: &[HookRecord],
    dry_run: bool,
    asked_for: bool,
) -> Option<HookDone> {
    let off = records.iter().find(|record| record.target == wanted.target && record.off);
    match off.filter(|_| !asked_for) {
        None => Some(one_in_step(office, wanted, dry_run, asked_for).await),
        // GitLab was away when somebody had it removed.
        Some(off) if off.is_pending() => {
            let by = By::Hand { stays_away: true };
            Some(leaving::take_away(office, &Leaving::of(wanted), dry_run, by).await)
        }
        Some(_) => None,
    }
}

async fn one_in_step(office: &Office<'_>, wanted: &Wanted, dry_run: bool, asked_for: bool) -> HookDone {
    let (did, problem) = match &office.base {
        _ if office.unsigned().is_some() => (Vec::new(), office.unsigned()),
        None => (Vec::new(), Some(words::no_address())),
        Some(base) => match look(office, wanted, base).await {
            Err(problem) => (Vec::new(), Some(problem)),
            Ok(sight) if dry_run => {
                let on = sight.off().filter(|_| asked_for).map(|hook| switched::would(&hook));
                (sight.to_do().into_iter().chain(on).collect(), None)
            }
            Ok(sight) => {
                let off = sight.off();
                let (mut did, mut problem) = sight.act(office, wanted).await;
                if problem.is_none()
                    && let Some(hook) = off
                {
                    match switched::on(office, wanted, &hook, asked_for).await {
                        Ok(on) => did.extend(on),
                        Err(still) => problem = Some(still),
                    }
                }
                (did, problem)
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
    let records = office.records().await?;
    let of_gitlab = |record: &&HookRecord| !matches!(record.target, HookTarget::Provider(_));
    let chosen: Vec<&HookRecord> =
        records.iter().filter(of_gitlab).filter(|record| choice.has(&record.name)).collect();
    let mut all = Vec::new();
    if !dry_run {
        for record in &chosen {
            if let Err(problem) = leaving::close(&office, record).await {
                all.push(done_in_vain(leaving::kind_of(&record.target), &record.name, problem));
            }
        }
    }
    let targets = match office.targets().await {
        Ok(targets) => targets,
        Err(trouble) if chosen.is_empty() => return Err(trouble),
        Err(trouble) => {
            let away = HookProblem::passing(format!("it is not removed in GitLab yet: {trouble}"));
            let all = chosen
                .iter()
                .map(|record| done_in_vain(leaving::kind_of(&record.target), &record.name, away.clone()));
            return Ok(all.collect());
        }
    };
    let stays_away = office.live().registers();
    let mut going: Vec<(Leaving, By)> =
        targets.wanted.iter().map(|one| (Leaving::of(one), By::Hand { stays_away })).collect();
    let is_kept = |one: &&Wanted| records.iter().any(|record| record.target == one.target);
    let others = targets.not.iter().filter(|one| !is_kept(one)).map(Leaving::of);
    let others = others.chain(leaving::find(&office.world, &targets, &records).await);
    going.extend(others.map(|one| (one, By::Hand { stays_away: false })));
    for (one, by) in going.iter().filter(|(one, _)| choice.has(&one.name)) {
        let done = leaving::take_away(&office, one, dry_run, *by).await;
        if !choice.is_all() || !done.did.is_empty() || done.problem.is_some() {
            all.push(done);
        }
    }
    for provider in office.world.flags().iter().filter(|provider| choice.has(provider.name())) {
        all.extend(providers::remove(&office, provider.as_ref(), dry_run).await);
    }
    let unknown = choice.unknown(names(&office, &targets, &records));
    all.extend(unknown.map(|(name, problem)| done_in_vain("project", &name, problem)));
    Ok(all)
}

/// Where none are registered any more, those that were go.
async fn none_registered(
    office: &Office<'_>,
    records: &[HookRecord],
    choice: &HookChoice,
    dry_run: bool,
) -> Vec<HookDone> {
    let mut all = Vec::new();
    for one in leaving::all(&office.world, records).iter().filter(|one| choice.has(&one.name)) {
        all.push(leaving::take_away(office, one, dry_run, By::Rules).await);
    }
    for record in records.iter().filter(|record| !record.off && choice.has(&record.name)) {
        let HookTarget::Provider(name) = &record.target else { continue };
        let provider = office.world.flags().get(name);
        let done = match provider {
            Some(provider) => providers::remove(office, provider.as_ref(), dry_run).await,
            None => None,
        };
        let is_gone = match &done {
            Some(done) => done.problem.is_none(),
            None => provider.is_none(),
        };
        all.extend(done);
        if is_gone && !dry_run {
            let mut decision = Decision::new();
            decision.write(Write::HookGone(record.target.clone()));
            if let Err(error) = office.pipeline.commit(decision).await {
                tracing::warn!(%error, "what is kept of a service's webhook could not be forgotten");
            }
        }
    }
    all
}
