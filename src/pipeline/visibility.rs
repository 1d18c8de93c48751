//! Projects that were made public or private, moved, restored, or are within reach again: GitLab tells nobody, so it is asked now
//! and then.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Pipeline;
use super::levels::again::{try_all_again, try_given_up_again};
use crate::bot::{Project, Trouble, World};
use crate::domain::{Decision, Event, InboxId, Level, NoteableRecord, ProjectId, Visibility, Write};
use crate::gitlab::ProjectDetail;

/// How often every project with links is asked for.
const EVERY: Duration = Duration::from_secs(5 * 60);
/// How many noteables are looked at in one go.
const PAGE: usize = 500;

/// Asks until `stop` says so. Where a project is seen by others than before, its linked work is looked at again: panels
/// hide values in public. What could not be written in one that was out of reach or archived is made true when it is back.
pub async fn watch_visibility(pipeline: Arc<Pipeline>, stop: CancellationToken) {
    if let Err(error) = try_all_again(&pipeline, Timestamp::now()).await {
        tracing::warn!(%error, "what waits for projects that were out of reach waits on");
    }
    let mut away = BTreeSet::new();
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = stop.cancelled() => return,
        }
        tokio::select! {
            result = look(&pipeline, &mut away) => if let Err(trouble) = result {
                tracing::warn!(reason = %trouble, "cannot see who sees the projects; the next look tries again");
            },
            () = stop.cancelled() => return,
        }
    }
}

/// `away` are the projects in which nothing could be written at the last look.
async fn look(pipeline: &Pipeline, away: &mut BTreeSet<ProjectId>) -> Result<(), Trouble> {
    try_given_up_again(pipeline, Timestamp::now()).await?;
    let mut now_away = BTreeSet::new();
    let world = pipeline.world();
    let mut known: BTreeMap<ProjectId, Option<Shown>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = world.store().linked_noteables(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.noteable.clone());
        let mut decision = Decision::new();
        for record in &page {
            let project = record.noteable.project;
            if let Entry::Vacant(unknown) = known.entry(project) {
                let shown = ask(&world, project).await?;
                if shown.as_ref().is_none_or(|shown| shown.archived) {
                    now_away.insert(project);
                }
                unknown.insert(shown);
            }
            if away.contains(&project) && !now_away.contains(&project) {
                let now = Timestamp::now();
                decision.write(Write::MarkStale(Level::Panel(record.noteable.clone()), now));
                decision.write(Write::MarkStale(Level::Label(record.noteable.clone()), now));
            }
            if let Some(Some(now)) = known.get(&project)
                && (now.visibility != record.view.visibility || now.path != record.view.project_path)
            {
                decision.write(Write::QueueEvent(InboxId(world.store().new_id()), look_again(record)));
            }
        }
        if !decision.writes.is_empty() {
            pipeline.commit(decision).await?;
        }
    }
    // Only now: what was not marked because the look broke off is marked by the next one.
    *away = now_away;
    Ok(())
}

/// A project as GitLab shows it now.
struct Shown {
    path: String,
    visibility: Visibility,
    archived: bool,
}

/// `None` where no rule holds for it, no token sees it, or GitLab refuses to speak of it: the others are looked at all the same.
async fn ask(world: &World, project: ProjectId) -> Result<Option<Shown>, Trouble> {
    world.forget_project(project);
    match world.project(project).await {
        Ok(found) => {
            let shown = |found: Project| {
                let ProjectDetail { path, visibility, archived, .. } = found.detail;
                Shown { path, visibility, archived }
            };
            Ok(found.map(shown))
        }
        Err(trouble) if trouble.failure.as_ref().is_some_and(|failure| !failure.is_passing()) => {
            tracing::warn!(project, reason = %trouble, "the project could not be looked at");
            Ok(None)
        }
        Err(trouble) => Err(trouble),
    }
}

fn look_again(record: &NoteableRecord) -> Event {
    let noteable = &record.noteable;
    Event::NoteableChanged { project: noteable.project, kind: noteable.kind, iid: noteable.iid }
}
