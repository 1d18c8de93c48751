//! Projects that hold links are looked at on a timer: no webhook tells that one was made public, or moved.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Pipeline;
use crate::bot::{Trouble, World};
use crate::domain::{Decision, Event, InboxId, NoteableRecord, ProjectId, Visibility, Write};

/// How many noteables are read in one go.
const PAGE: usize = 500;

/// Looks at once, then again and again, until `stop` says so.
pub async fn watch_projects(pipeline: Arc<Pipeline>, every: Duration, stop: CancellationToken) {
    let mut every = tokio::time::interval(every);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let looking = async {
        loop {
            every.tick().await;
            if let Err(trouble) = look(&pipeline).await {
                tracing::warn!(reason = %trouble, "the projects could not be looked at; the next look is in a while");
            }
        }
    };
    tokio::select! {
        () = looking => {}
        () = stop.cancelled() => {}
    }
}

/// Asks for every project once. Where it shows otherwise than on a page there, that page is looked at in its own lane.
async fn look(pipeline: &Pipeline) -> Result<(), Trouble> {
    let world = pipeline.world();
    let mut shown: HashMap<ProjectId, Option<(String, Visibility)>> = HashMap::new();
    let mut after = None;
    loop {
        let page = world.store().linked_noteables(after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.noteable.clone());
        let mut decision = Decision::new();
        for record in &page {
            let project = record.noteable.project;
            let now = match shown.get(&project) {
                Some(known) => known,
                None => shown.entry(project).or_insert(ask(&world, project).await?),
            };
            if now.as_ref().is_some_and(|now| differs(record, now)) {
                decision.write(Write::QueueEvent(InboxId(world.store().new_id()), look_at(record)));
            }
        }
        if !decision.writes.is_empty() {
            pipeline
                .commit(decision)
                .await
                .map_err(|error| Trouble::again_in(Duration::ZERO, error.to_string()))?;
        }
    }
}

/// `None`: no rule matches it any more, no token sees it, or GitLab refuses to speak of it. Then nothing can be said there
/// either, and the others are looked at all the same.
async fn ask(world: &World, project: ProjectId) -> Result<Option<(String, Visibility)>, Trouble> {
    match world.project(project).await {
        Ok(found) => Ok(found.map(|found| (found.detail.path, found.detail.visibility))),
        Err(trouble) if trouble.failure.as_ref().is_some_and(|failure| !failure.is_passing()) => {
            tracing::warn!(project, reason = %trouble, "the project could not be looked at");
            Ok(None)
        }
        Err(trouble) => Err(trouble),
    }
}

fn differs(record: &NoteableRecord, (path, visibility): &(String, Visibility)) -> bool {
    &record.view.project_path != path || record.view.visibility != *visibility
}

fn look_at(record: &NoteableRecord) -> Event {
    let noteable = &record.noteable;
    Event::NoteableChanged { project: noteable.project, kind: noteable.kind, iid: noteable.iid }
}
