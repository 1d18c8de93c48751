//! Linked work that was deleted. GitLab sends nothing then, and answers 404, as it does for what a token may not see: so a 404
//! counts only where nothing else explains it, and is believed after a second look some time later.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::{Place, is_over};
use crate::bot::{Missing, Trouble, World, deleted};
use crate::domain::{Decision, Noteable, NoteableKind, NoteableRecord, Person, ProjectId, UserId, Write};
use crate::gitlab::{AccessLevel, GitlabError, SHOWN_AT_ONCE};
use crate::pipeline::Pipeline;
use crate::store::CommitError;

/// How many noteables are read in one go.
const PAGE: usize = 500;
/// Whoever has less may not see all issues of a project (`doc/user/permissions.md`).
const REPORTER: AccessLevel = AccessLevel(20);

/// Linked work, and since when GitLab does not know it.
struct Linked {
    noteable: Noteable,
    not_found_at: Option<Timestamp>,
}

/// Projects under a look.
pub(super) struct Under<'a> {
    /// Those that are looked at.
    pub(super) places: &'a [&'a Place],
    /// All that could be looked at: of the others nothing can be said, and for as long as nobody knows.
    pub(super) all: &'a BTreeSet<ProjectId>,
    /// The time between two looks.
    pub(super) every: Duration,
}

/// Looks for the linked work of these projects, and takes away the links of what was deleted, unless it is too much to be believed.
pub(super) async fn look(pipeline: &Pipeline, under: Under<'_>) -> Result<(), Trouble> {
    let world = pipeline.world();
    let mut counts = BTreeMap::new();
    let mut linked = linked(&world, &mut counts).await?;
    let mut gone = Vec::new();
    for place in under.places {
        let id = place.project.detail.id;
        let Some(work) = linked.get_mut(&id) else { continue };
        let held = world.deletions().holds(id);
        match look_in(pipeline, &world, place, work, held).await {
            // What was not believed until now was not asked for one by one: that is done first.
            Ok(_) if held => {}
            Ok(found) => gone.extend(found.into_iter().map(|noteable| (*place, noteable))),
            Err(trouble) if is_over(&trouble) => return Err(trouble),
            // What could not be looked at says nothing: the next run looks again.
            Err(trouble) => {
                let path = &place.project.detail.path;
                tracing::debug!(project = path, reason = %trouble, "whether linked work still exists cannot be seen now");
            }
        }
    }
    for (_, work) in linked.iter_mut().filter(|(id, _)| !under.all.contains(id)) {
        for one in work.iter_mut() {
            forget(pipeline, &world, one).await?;
        }
        work.clear();
    }
    for (id, work) in &linked {
        let count = counts.entry(*id).or_default();
        count.linked = work.len();
        count.missing = work.iter().filter(|one| one.not_found_at.is_some()).count();
    }
    world.deletions().weigh(world.metrics(), &counts, under.every, Timestamp::now());
    for (place, noteable) in gone {
        if world.deletions().holds(noteable.project) {
            continue;
        }
        let me = world.me(&place.project.rule).await?;
        let (by, now) = (Person { id: me.id, username: me.username }, Timestamp::now());
        let Some(decision) = deleted::decide(&world, &noteable, &by, now).await? else { continue };
        if written(pipeline, decision).await? {
            world.deletions().note(noteable.project, now);
        }
    }
    Ok(())
}

/// All linked work, by project; the paths of the projects go into `counts`.
async fn linked(
    world: &World,
    counts: &mut BTreeMap<ProjectId, Missing>,
) -> Result<BTreeMap<ProjectId, Vec<Linked>>, Trouble> {
    let mut found: BTreeMap<ProjectId, Vec<Linked>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = world.store().linked_noteables(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.noteable.clone());
        for NoteableRecord { noteable, not_found_at, view, .. } in page {
            if noteable.instance == *world.instance() {
                counts.entry(noteable.project).or_default().path = view.project_path;
                found.entry(noteable.project).or_default().push(Linked { noteable, not_found_at });
            }
        }
    }
}

/// Looks for the linked work of one project, and writes down what is not there; what nothing can be said of is left out of `work`.
/// Returns what was not there before either, long enough ago. What is doubted (`held`) is asked for in lists alone.
async fn look_in(
    pipeline: &Pipeline,
    world: &World,
    place: &Place,
    work: &mut Vec<Linked>,
    held: bool,
) -> Result<Vec<Noteable>, Trouble> {
    let me = world.me(&place.project.rule).await?.id;
    let mut gone = Vec::new();
    for kind in [NoteableKind::Issue, NoteableKind::MergeRequest] {
        let asked: Vec<u64> = of_kind(work, kind).map(|one| one.noteable.iid).collect();
        let doubted = of_kind(work, kind).filter(|one| held && one.not_found_at.is_some());
        let doubted: BTreeSet<u64> = doubted.map(|one| one.noteable.iid).collect();
        let Some(missing) = missing(place, kind, &asked, &doubted, me).await? else {
            for one in of_kind(work, kind) {
                forget(pipeline, world, one).await?;
            }
            work.retain(|one| one.noteable.kind != kind);
            continue;
        };
        for one in of_kind(work, kind) {
            let now = Timestamp::now();
            let since = match (missing.contains(&one.noteable.iid), one.not_found_at) {
                (true, Some(since)) if now.duration_since(since) >= deleted::APART => {
                    gone.push(one.noteable.clone());
                    continue;
                }
                (true, None) => Some(now),
                (false, Some(_)) => None,
                _ => continue,
            };
            if note(pipeline, world, &one.noteable, since).await? {
                one.not_found_at = since;
            }
        }
    }
    Ok(gone)
}

fn of_kind(work: &mut [Linked], kind: NoteableKind) -> impl Iterator<Item = &mut Linked> {
    work.iter_mut().filter(move |one| one.noteable.kind == kind)
}

/// Those of the issues or merge requests that are not there. `None`: that cannot be told, since something else explains it as well.
async fn missing(
    place: &Place,
    kind: NoteableKind,
    asked: &[u64],
    doubted: &BTreeSet<u64>,
    me: UserId,
) -> Result<Option<BTreeSet<u64>>, Trouble> {
    let (project, gitlab) = (place.project.detail.id, &place.project.gitlab);
    let mut left_out = Vec::new();
    for asked in asked.chunks(SHOWN_AT_ONCE) {
        let shown = match gitlab.shown_of(project, kind, asked).await {
            // The project has none of it, or not for the bot.
            Err(GitlabError::Failed(failure)) if matches!(failure.status, Some(403 | 404)) => {
                return Ok(None);
            }
            shown => shown?,
        };
        left_out.extend(asked.iter().copied().filter(|iid| !shown.contains(iid)));
    }
    // Before and after: what is switched off for a moment, or a role that is just changed, explains all between.
    if !left_out.is_empty() && !is_certain(place, kind, me).await? {
        return Ok(None);
    }
    let mut missing = BTreeSet::new();
    for iid in left_out {
        if doubted.contains(&iid) || gitlab.noteable(project, kind, iid).await?.is_none() {
            missing.insert(iid);
        }
    }
    if !missing.is_empty() && !is_certain(place, kind, me).await? {
        return Ok(None);
    }
    Ok(Some(missing))
}

/// Whether the bot sees all issues or merge requests of the project: it has such, and the bot's role is enough for each of them.
async fn is_certain(place: &Place, kind: NoteableKind, me: UserId) -> Result<bool, Trouble> {
    let (id, gitlab) = (place.project.detail.id, &place.project.gitlab);
    let Some(project) = gitlab.project(id).await? else { return Ok(false) };
    let has = match kind {
        NoteableKind::Issue => project.has_issues,
        NoteableKind::MergeRequest => project.has_merge_requests,
    };
    if project.archived || has != Some(true) {
        return Ok(false);
    }
    Ok(gitlab.access_level(id, me).await?.is_some_and(|level| level >= REPORTER))
}

/// Nothing can be said of it now: whatever was seen before is no first look any more.
async fn forget(pipeline: &Pipeline, world: &World, one: &mut Linked) -> Result<(), Trouble> {
    if one.not_found_at.take().is_some() {
        note(pipeline, world, &one.noteable, None).await?;
    }
    Ok(())
}

/// Writes down since when it is not there, or that it is. Returns whether that is so now.
async fn note(
    pipeline: &Pipeline,
    world: &World,
    noteable: &Noteable,
    since: Option<Timestamp>,
) -> Result<bool, Trouble> {
    let mut decision = Decision::new();
    let Some(mut record) = decision.rests_on(world.store().noteable(noteable).await?) else {
        return Ok(false);
    };
    record.not_found_at = since;
    decision.write(Write::PutNoteable(Box::new(record)));
    written(pipeline, decision).await
}

/// Whether it was written; not, if something of it changed meanwhile: the next run looks again.
pub(super) async fn written(pipeline: &Pipeline, decision: Decision) -> Result<bool, Trouble> {
    match pipeline.commit(decision).await {
        Ok(()) => Ok(true),
        Err(CommitError::Conflict) => Ok(false),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}
