//! An issue or merge request changed: what is kept of it is brought up to date, and what depends on it is marked stale.

use super::world::{World, view_of};
use super::{Entry, Made, Trouble};
use crate::domain::{Decision, Level, NoteableKind, NoteableRecord, ProjectId, StateTag, Write};
use crate::gitlab::{NoteableDetail, ProjectDetail};

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
    let differs = Differs::between(&record, &detail, &project.detail);
    if !differs.at_all() {
        return Ok(Made::Nothing("noteable_unchanged"));
    }
    if differs.label_taken_off {
        let label = Level::Label(noteable.clone());
        let stale = world.store().stale_level(&label).await?;
        let ceiling = world.request_ceiling();
        if stale.is_some_and(|stale| stale.may_have_been_ours(ceiling, entry.now)) {
            // It may have been ourselves: a removal whose answer was lost, carried out late.
            decision.write(Write::MarkStale(label, entry.now));
        } else {
            record.label_added = None;
            record.label_refused = true;
        }
    }
    if differs.shows {
        decision.write(Write::MarkStale(Level::Panel(noteable.clone()), entry.now));
    }
    for link in &record.links {
        if differs.mirrors {
            decision.write(Write::MarkStale(Level::BackLinks(link.flag.clone()), entry.now));
        }
        if differs.tags {
            decision.write(Write::MarkStale(Level::Tags(link.flag.clone()), entry.now));
        }
    }
    record.view = view_of(&detail, &project.detail);
    decision.write(Write::PutNoteable(Box::new(record)));
    Ok(Made::Decision(decision))
}

/// What is otherwise with an issue or merge request than what is kept of it.
pub(super) struct Differs {
    /// What its panel goes by.
    shows: bool,
    /// What the links on its flags go by.
    mirrors: bool,
    /// What the tags on its flags go by.
    tags: bool,
    /// The label that flaglink put on is gone.
    label_taken_off: bool,
}

impl Differs {
    pub(super) fn between(record: &NoteableRecord, detail: &NoteableDetail, project: &ProjectDetail) -> Self {
        let view = view_of(detail, project);
        Self {
            shows: view.visibility != record.view.visibility || view.project_path != record.view.project_path,
            tags: StateTag::of(record.noteable.kind, &view)
                != StateTag::of(record.noteable.kind, &record.view),
            mirrors: view != record.view,
            label_taken_off: record.label_added.as_ref().is_some_and(|label| !detail.labels.contains(label)),
        }
    }

    pub(super) fn at_all(&self) -> bool {
        self.mirrors || self.label_taken_off
    }
}
