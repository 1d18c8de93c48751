//! Projects that were made public or private, or moved: GitLab tells nobody, so it is asked now and then.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Pipeline;
use crate::bot::{Trouble, World};
use crate::domain::{Decision, Event, InboxId, NoteableRecord, ProjectId, Visibility, Write};

/// How often every project with links is asked for.
const EVERY: Duration = Duration::from_secs(5 * 60);
/// How many noteables are looked at in one go.
const PAGE: usize = 500;

/// Asks until `stop` says so. Where a project is seen by others than before, its linked work is looked at again: panels
/// hide values in public.
pub async fn watch_visibility(pipeline: Arc<Pipeline>, stop: CancellationToken) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = stop.cancelled() => return,
        }
        tokio::select! {
            result = look(&pipeline) => if let Err(trouble) = result {
                tracing::warn!(reason = %trouble, "cannot see who sees the projects; the next look tries again");
            },
            () = stop.cancelled() => return,
        }
    }
}

async fn look(pipeline: &Pipeline) -> Result<(), Trouble> {
    let world = pipeline.world();
    let mut known: BTreeMap<ProjectId, Option<Shown>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = world.store().linked_noteables(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.noteable.clone());
        let mut decision = Decision::new();
        for record in &page {
            let project = record.noteable.project;
            if let Entry::Vacant(unknown) = known.entry(project) {
                unknown.insert(ask(&world, project).await?);
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
}

/// A project as GitLab shows it now.
struct Shown {
    path: String,
    visibility: Visibility,
}

/// `None` where no rule holds for it, no token sees it, or GitLab refuses to speak of it: the others are looked at all the same.
async fn ask(world: &World, project: ProjectId) -> Result<Option<Shown>, Trouble> {
    world.forget_project(project);
    match world.project(project).await {
        Ok(found) => {
            Ok(found.map(|found| Shown { path: found.detail.path, visibility: found.detail.visibility }))
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
