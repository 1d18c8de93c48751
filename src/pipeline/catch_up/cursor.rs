//! How far catching up has come: names and moments in the installation's record, by GitLab's clock.

use jiff::Timestamp;

use crate::bot::{Trouble, World};
use crate::domain::{Decision, Event, InboxId, NoteableKind, ProjectId, Write};
use crate::pipeline::Pipeline;
use crate::store::CommitError;

/// Since when a project is looked at: nothing from before that is caught up.
pub(super) fn project(id: ProjectId) -> String {
    format!("gitlab/{id}")
}

/// Up to which change its issues or merge requests were looked at.
pub(super) fn work(id: ProjectId, kind: NoteableKind) -> String {
    format!("gitlab/{id}/{}", kind.path())
}

/// Up to which entry a webhook's log was read.
pub(super) fn hook(project: ProjectId, hook: u64) -> String {
    format!("gitlab/{project}/hooks/{hook}")
}

/// When the projects were last listed.
pub(super) const LISTED: &str = "gitlab/listed";

/// What stands under a name, if it can be read.
pub(super) async fn read<T: std::str::FromStr>(world: &World, name: &str) -> Result<Option<T>, Trouble> {
    let register = world.store().register().await?.value.unwrap_or_default();
    Ok(register.cursors.get(name).and_then(|text| text.parse().ok()))
}

/// Writes what was found and how far it goes, all or nothing. Nothing found and nothing moved: nothing is written.
pub(super) async fn move_on(
    pipeline: &Pipeline,
    moved: &[(String, String)],
    found: &[Event],
) -> Result<(), Trouble> {
    let world = pipeline.world();
    loop {
        let mut decision = Decision::new();
        if !moved.is_empty() {
            let mut register = decision.rests_on(world.store().register().await?).unwrap_or_default();
            let before = register.cursors.clone();
            register.cursors.extend(moved.iter().cloned());
            if register.cursors != before {
                decision.write(Write::PutRegister(Box::new(register)));
            }
        }
        for event in found {
            decision.write(Write::QueueEvent(InboxId(world.store().new_id()), event.clone()));
        }
        if decision.writes.is_empty() {
            return Ok(());
        }
        match pipeline.commit(decision).await {
            Ok(()) => return Ok(()),
            Err(CommitError::Conflict) => {}
            Err(CommitError::Store(error)) => return Err(error.into()),
        }
    }
}

/// That long before a moment.
pub(super) fn before(moment: Timestamp, span: std::time::Duration) -> Timestamp {
    moment.checked_sub(span).unwrap_or(Timestamp::MIN)
}
