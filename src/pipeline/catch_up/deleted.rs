//! Linked work that was deleted. GitLab sends nothing then, and answers 404, as it does for what a token may not see: so a 404
//! counts only where nothing else explains it, and is believed after a second look some time later.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::Place;
use crate::bot::{Trouble, World, deleted};
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

/// Looks for the linked work of these projects, and takes away the links of what was deleted, unless it is too much to be believed.
pub(super) async fn look(pipeline: &Pipeline, places: &[&Place]) -> Result<(), Trouble> {
    let world = pipeline.world();
    let mut linked = linked(&world).await?;
    let mut missing = Vec::new();
    for place in places {
        let Some(work) = linked.get_mut(&place.project.detail.id) else { continue };
        match look_in(pipeline, &world, place, work).await {
            Ok(found) => missing.extend(found.into_iter().map(|noteable| (*place, noteable))),
            // What could not be looked at says nothing: the next run looks again.
            Err(trouble) => {
                let path = &place.project.detail.path;
                tracing::debug!(project = path, reason = %trouble, "whether linked work still exists cannot be seen now");
            }
        }
    }
    let count =
        |work: &Vec<Linked>| (work.iter().filter(|one| one.not_found_at.is_some()).count(), work.len());
    let counts: BTreeMap<ProjectId, (usize, usize)> =
        linked.iter().map(|(project, work)| (*project, count(work))).collect();
    if world.deletions().weigh(world.metrics(), &counts, Timestamp::now()) {
        return Ok(());
    }
    for (place, noteable) in missing {
        let me = world.me(&place.project.rule).await?;
        let (by, now) = (Person { id: me.id, username: me.username }, Timestamp::now());
        let Some(decision) = deleted::decide(&world, &noteable, &by, now).await? else { continue };
        if written(pipeline, decision).await? {
            world.deletions().note(noteable.project, now);
        }
    }
    Ok(())
}

/// All linked work, by project.
async fn linked(world: &World) -> Result<BTreeMap<ProjectId, Vec<Linked>>, Trouble> {
    let mut found: BTreeMap<ProjectId, Vec<Linked>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = world.store().linked_noteables(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.noteable.clone());
        for NoteableRecord { noteable, not_found_at, .. } in page {
            if noteable.instance == *world.instance() {
                found.entry(noteable.project).or_default().push(Linked { noteable, not_found_at });
            }
        }
    }
}

/// Looks for the linked work of one project, and writes down what is not there. Returns what was not there before either, long
/// enough ago.
async fn look_in(
    pipeline: &Pipeline,
    world: &World,
    place: &Place,
    work: &mut [Linked],
) -> Result<Vec<Noteable>, Trouble> {
    let me = world.me(&place.project.rule).await?.id;
    let mut gone = Vec::new();
    for kind in [NoteableKind::Issue, NoteableKind::MergeRequest] {
        let asked: Vec<u64> = of_kind(work, kind).map(|one| one.noteable.iid).collect();
        let Some(missing) = missing(place, kind, &asked, me).await? else { continue };
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
        if gitlab.noteable(project, kind, iid).await?.is_none() {
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
