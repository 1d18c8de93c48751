//! An issue or merge request changed: what is kept of it is brought up to date, and what depends on it is marked stale.

use super::world::{World, view_of};
use super::{Entry, Made, Trouble};
use crate::domain::{Decision, Level, NoteableKind, ProjectId, Write};

pub(super) async fn decide(
    world: &World,
    entry: Entry,
    project: ProjectId,
    kind: NoteableKind,
    iid: u64,
) -> Result<Made, Trouble> {
    let noteable = world.noteable(project, kind, iid);
    let mut decision = Decision::new();
    let Some(mut record) = decision.rests_on(world.store().noteable(&noteable).await?) else {
        return Ok(Made::Nothing("not_linked"));
    };
    if record.links.is_empty() {
        return Ok(Made::Nothing("not_linked"));
    }
    let Some(project) = world.project(project).await? else { return Ok(Made::Nothing("no_rule")) };
    let Some(detail) = project.gitlab.noteable(noteable.project, kind, iid).await? else {
        return Ok(Made::Nothing("noteable_gone"));
    };
    let view = view_of(&detail, &project.detail);
    let shows_otherwise =
        view.visibility != record.view.visibility || view.project_path != record.view.project_path;
    let mirrors_otherwise = view != record.view;
    let label_taken_off = record.label_added.as_ref().is_some_and(|label| !detail.labels.contains(label));
    if !mirrors_otherwise && !label_taken_off {
        return Ok(Made::Nothing("noteable_unchanged"));
    }
    if label_taken_off {
        record.label_added = None;
        record.label_refused = true;
    }
    if shows_otherwise {
        decision.write(Write::MarkStale(Level::Panel(noteable.clone()), entry.now));
    }
    if mirrors_otherwise {
        for link in &record.links {
            decision.write(Write::MarkStale(Level::BackLinks(link.flag.clone()), entry.now));
        }
    }
    record.view = view;
    decision.write(Write::PutNoteable(Box::new(record)));
    Ok(Made::Decision(decision))
}
