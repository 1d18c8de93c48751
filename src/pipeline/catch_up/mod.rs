//! Catching up, at the start and on a timer: what webhooks did not tell.
//!
//! Three ways, told apart in logs and metrics: deliveries that failed and that GitLab kept, comments and changes of work since
//! the last look, and flag states, which [polling](super::poll) compares. None of them decides anything: what is found is queued
//! as if a webhook had told of it, and whoever decides knows what was handled already, and what is history. Only of deleted work,
//! of which no webhook tells, the links are taken away here ([`deleted`]), and put back in if it is shown again ([`shown`]).

mod comments;
mod cursor;
mod deleted;
mod deliveries;
mod hooks;
mod own;
mod projects;
mod shown;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::retry::{STORE_FAILED, delay};
use super::{Pipeline, hooks_in_step};
use crate::bot::limits::COMMAND_AGE;
use crate::bot::{Trouble, Waits, World};
use crate::domain::{HookTarget, NoteKey, NoteableKind, ProjectId};
use crate::gitlab::{GitlabError, Hook};

pub use hooks::HooksOff;
pub use own::OwnAddress;

use hooks::Tested;
use own::Whose;
use projects::Place;

/// What is younger than this is left to the webhooks that may still be on their way; where looks are frequent, a tenth of the
/// time between two of them is enough.
const GRACE: Duration = Duration::from_secs(60);

/// So often what could not be looked at is tried again before the next run is due.
const SOON: u32 = 10;

/// How catching up goes.
#[derive(Debug)]
pub struct CatchingUp {
    /// The time between two runs (`[gitlab] catch_up`).
    pub every: Duration,
    /// How webhooks that lead here are known.
    pub address: OwnAddress,
    /// Where those that are switched off are told.
    pub hooks_off: Arc<HooksOff>,
    /// How many runs have ended.
    pub runs: watch::Sender<u64>,
}

/// What is remembered from run to run. All of it can be lost.
#[derive(Default)]
struct Memory {
    /// Up to when everything was looked at.
    reached: HashMap<(ProjectId, NoteableKind), Timestamp>,
    /// Texts that were queued, with the moment of the change that was seen: they may not be decided yet.
    asked: HashMap<NoteKey, Timestamp>,
    /// Projects whose webhooks our token may not see.
    no_hooks: HashSet<ProjectId>,
    /// Projects where GitLab does not show what webhooks could not deliver.
    no_log: HashSet<ProjectId>,
    /// Webhooks that were tested in vain.
    tested: HashMap<u64, Tested>,
    /// Webhooks of which it was said that they are off.
    told_off: HashSet<u64>,
    /// The project that the last run ended at: it has its turn last, so that it cannot keep the others waiting.
    ended_at: Option<ProjectId>,
}

/// One project under a look.
struct Look<'a> {
    pipeline: &'a Pipeline,
    world: &'a World,
    plan: &'a CatchingUp,
    place: &'a Place,
    /// Our bot's user name there.
    me: String,
    /// What happened later is left to the webhooks, and to the next run.
    until: Timestamp,
}

/// What was found in one project.
#[derive(Debug, Default, Clone, Copy)]
struct Caught {
    deliveries: u64,
    comments: u64,
    descriptions: u64,
    changes: u64,
}

impl Caught {
    /// The ways by their names in the metrics, what one is called, and how many there are.
    fn ways(self) -> [(&'static str, &'static str, u64); 4] {
        [
            ("deliveries", "delivery", self.deliveries),
            ("comments", "comment", self.comments),
            ("descriptions", "description", self.descriptions),
            ("changes", "change", self.changes),
        ]
    }

    /// `3 comments, 1 delivery`; empty where there is nothing.
    fn words(self) -> String {
        let found = self.ways().into_iter().filter(|(_, _, count)| *count > 0);
        let words =
            found.map(|(many, one, count)| format!("{count} {}", if count == 1 { one } else { many }));
        words.collect::<Vec<_>>().join(", ")
    }
}

/// What a run has left undone.
enum Left {
    Nothing,
    /// These projects could not be looked at, for that reason.
    Some(BTreeSet<ProjectId>, Trouble),
    All(Trouble),
}

/// Catches up until `stop` says so: at once, and then again and again. What could not be looked at is tried again sooner.
pub async fn catch_up(pipeline: Arc<Pipeline>, plan: CatchingUp, stop: CancellationToken) {
    let mut memory = Memory::default();
    let (mut due, mut grace) = (Instant::now(), Duration::ZERO);
    let mut behind = BTreeSet::new();
    let mut failures = 0;
    loop {
        // A short run looks only at what the last one could not look at.
        let whole = Instant::now() >= due;
        if whole {
            behind.clear();
            due = Instant::now() + plan.every;
        }
        let left = tokio::select! {
            left = run(&pipeline, &plan, &behind, grace, &mut memory) => left,
            () = stop.cancelled() => return,
        };
        pipeline.world().metrics().catch_up_run(if matches!(left, Left::Nothing) {
            "complete"
        } else {
            "partial"
        });
        plan.runs.send_modify(|runs| *runs += 1);
        let next = match left {
            Left::Nothing => {
                (failures, grace) = (0, GRACE.min(plan.every / 10));
                behind.clear();
                due
            }
            // What fails and fails has its turn with the others: nobody is asked for it every half minute.
            Left::Some(projects, trouble) => {
                failures += 1;
                behind = projects;
                if failures > SOON { due } else { Instant::now() + delay(&trouble, failures) }
            }
            Left::All(trouble) => {
                failures += 1;
                if failures == 1 {
                    tracing::warn!(reason = %trouble, "cannot catch up; trying again until it can be done");
                }
                let next = Instant::now() + delay(&trouble, failures);
                due = due.min(next);
                next
            }
        };
        let world = pipeline.world();
        tokio::select! {
            () = tokio::time::sleep_until(next.min(due).into()) => {}
            () = world.deletions().said() => due = Instant::now(),
            () = stop.cancelled() => return,
        }
    }
}

/// Looks at every project, or at those in `only` if there are any; one at a time.
async fn run(
    pipeline: &Pipeline,
    plan: &CatchingUp,
    only: &BTreeSet<ProjectId>,
    grace: Duration,
    memory: &mut Memory,
) -> Left {
    let (places, now) = match projects::find(pipeline).await {
        Ok(found) => found,
        Err(trouble) => return Left::All(trouble),
    };
    let all: BTreeSet<ProjectId> = places.iter().map(|place| place.project.detail.id).collect();
    let mut places: Vec<Place> = places
        .into_iter()
        .filter(|place| only.is_empty() || only.contains(&place.project.detail.id))
        .collect();
    // Where something is linked people wait for it.
    let ended_at = memory.ended_at.take();
    places.sort_by_key(|place| (ended_at == Some(place.project.detail.id), !place.linked));
    // GitLab's time is told in whole seconds.
    let until = cursor::before(now.checked_add(Duration::from_secs(1)).unwrap_or(now), grace);
    let mut left = BTreeSet::new();
    let mut why = None;
    let mut looked_at = Vec::new();
    let mut places = places.iter();
    for place in places.by_ref() {
        let detail = &place.project.detail;
        let mut caught = Caught::default();
        let looked = look_at(pipeline, plan, place, until, memory, &mut caught).await;
        for (way, _, count) in caught.ways() {
            pipeline.world().metrics().caught_up(way, count);
        }
        match caught.words() {
            nothing if nothing.is_empty() => tracing::debug!(project = detail.path, "nothing to catch up"),
            words => tracing::info!("caught up: {words} in {}", detail.path),
        }
        let Err(trouble) = looked else {
            looked_at.push(place);
            continue;
        };
        if trouble.waits == Waits::Admin {
            // The health says so already. With a token that is good the next run finds everything.
            tracing::debug!(project = detail.path, reason = %trouble, "our token is not accepted here");
            continue;
        }
        tracing::warn!(project = detail.path, reason = %trouble, "could not catch up here; trying again");
        left.insert(detail.id);
        let over = is_over(&trouble);
        why = Some(trouble);
        if over {
            memory.ended_at = Some(detail.id);
            break;
        }
    }
    // GitLab is away, or wants to be left alone: the others would fare no better.
    left.extend(places.map(|place| place.project.detail.id));
    if memory.ended_at.is_none() {
        let under = deleted::Under { places: &looked_at, all: &all, every: plan.every };
        if let Err(trouble) = look_for_work(pipeline, under).await {
            tracing::warn!(reason = %trouble, "cannot see whether linked work is there; the next run looks again");
        }
    }
    let long_ago = cursor::before(Timestamp::now(), COMMAND_AGE * 2);
    memory.asked.retain(|_, changed| *changed > long_ago);
    match why {
        Some(trouble) => Left::Some(left, trouble),
        None => Left::Nothing,
    }
}

/// Looks whether hidden work is shown again, and whether linked work is still there.
async fn look_for_work(pipeline: &Pipeline, under: deleted::Under<'_>) -> Result<(), Trouble> {
    shown::look(pipeline, under.places).await?;
    deleted::look(pipeline, under).await
}

/// Whether a trouble with one project is one with all of them.
fn is_over(trouble: &Trouble) -> bool {
    trouble.failure.as_ref().is_some_and(|failure| failure.status.is_none() || failure.retry_after.is_some())
}

/// Looks at one project in all ways. What goes wrong with one does not keep from the others.
async fn look_at(
    pipeline: &Pipeline,
    plan: &CatchingUp,
    place: &Place,
    until: Timestamp,
    memory: &mut Memory,
    caught: &mut Caught,
) -> Result<(), Trouble> {
    let world = pipeline.world();
    let me = world.me(&place.project.rule).await?.username;
    let look = Look { pipeline, world: &world, plan, place, me, until };
    let mut result = Ok(());
    let (hooks, listed) = own_hooks(&look, memory).await;
    result = result.and(listed);
    let mut taken = BTreeSet::new();
    for (hook, whose) in &hooks {
        let (Whose::Ours(id) | Whose::Perhaps(id)) = whose else { continue };
        result = result.and(deliveries::take(&look, hook, id.clone(), &mut taken, memory, caught).await);
    }
    for kind in [NoteableKind::Issue, NoteableKind::MergeRequest] {
        result = result.and(comments::look(&look, kind, &taken, memory, caught).await);
    }
    // Last, so that whatever the test sends is known already.
    if !memory.no_hooks.contains(&place.project.detail.id) {
        hooks::look_after(&look, &hooks, memory).await;
    }
    result
}

/// Whose a webhook is: ours for certain where this installation made its path, whatever address stands before it.
fn whose(look: &Look<'_>, hook: &Hook) -> Whose {
    let target = HookTarget::Project(look.place.project.detail.id);
    match hooks_in_step::in_url(&hook.url) {
        Some(path) if hooks_in_step::is_ours(look.world.markers(), &target, &path) => Whose::Ours(path),
        _ => look.plan.address.whose(&hook.url),
    }
}

/// The project's webhooks that lead here, as far as our token may see them.
async fn own_hooks(look: &Look<'_>, memory: &mut Memory) -> (Vec<(Hook, Whose)>, Result<(), Trouble>) {
    let project = look.place.project.detail.id;
    if memory.no_hooks.contains(&project) {
        return (Vec::new(), Ok(()));
    }
    match look.place.project.gitlab.hooks(project).await {
        Ok(hooks) => {
            let own = hooks.into_iter().map(|hook| (whose(look, &hook), hook));
            let own = own.filter(|(whose, _)| *whose != Whose::Others);
            (own.map(|(whose, hook)| (hook, whose)).collect(), Ok(()))
        }
        Err(GitlabError::Failed(failure))
            if matches!(failure.status, Some(403 | 404)) && !failure.is_unauthorized() =>
        {
            tracing::debug!(project, reason = %failure, "our token may not see the webhooks; comments are enough");
            memory.no_hooks.insert(project);
            (Vec::new(), Ok(()))
        }
        Err(error) => (Vec::new(), Err(error.into())),
    }
}
