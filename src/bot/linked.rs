//! Where a flag is linked, as far as it may be named on another page.

use super::Trouble;
use super::world::{Project, World};
use crate::domain::{FlagRef, NoteableRecord, Visibility};
use crate::markdown::job::Page;
use crate::net::Failure;

/// So many pages are read again before they are named: more than any text names.
pub(super) const READ_AGAIN: usize = 20;

/// The issues and merge requests that a flag is linked to and that whoever may read the project may know of: those of the
/// same project and of public ones, and nothing that is confidential.
async fn named_here(
    world: &World,
    project: &Project,
    flag: &FlagRef,
) -> Result<Vec<NoteableRecord>, Trouble> {
    let mut found = Vec::new();
    for noteable in world.store().noteables_of(flag).await? {
        let Some(record) = world.store().noteable(&noteable).await?.value else { continue };
        let same = noteable.project == project.detail.id && noteable.instance == *world.instance();
        if !record.view.confidential && (same || record.view.visibility == Visibility::Public) {
            found.push(record);
        }
    }
    Ok(found)
}

/// The same as GitLab says now, for texts that stay: the first [`READ_AGAIN`] are read there, and what has become confidential
/// or cannot be read is left out. Those behind them are as they were last seen.
pub(super) async fn still_named(
    world: &World,
    project: &Project,
    flag: &FlagRef,
) -> Result<Vec<NoteableRecord>, Trouble> {
    let mut found = Vec::new();
    for record in named_here(world, project, flag).await? {
        if found.len() >= READ_AGAIN || may_know(world, project, &record).await? {
            found.push(record);
        }
    }
    Ok(found)
}

/// Whether GitLab says now that whoever may read the project may know of it.
async fn may_know(world: &World, project: &Project, record: &NoteableRecord) -> Result<bool, Trouble> {
    let noteable = &record.noteable;
    if noteable.instance != *world.instance() {
        return Ok(false);
    }
    let read = async || -> Result<bool, Trouble> {
        let Some(home) = world.project(noteable.project).await? else { return Ok(false) };
        if home.detail.id != project.detail.id && home.detail.visibility != Visibility::Public {
            return Ok(false);
        }
        let seen = home.gitlab.noteable(noteable.project, noteable.kind, noteable.iid).await?;
        Ok(seen.is_some_and(|seen| !seen.confidential))
    };
    match read().await {
        // It can be told in a while, and the text waits until then.
        Err(trouble) if trouble.failure.as_ref().is_some_and(Failure::is_passing) => Err(trouble),
        Err(trouble) => {
            tracing::warn!(%noteable, reason = %trouble, "a page cannot be read, so it is not named");
            Ok(false)
        }
        Ok(known) => Ok(known),
    }
}

/// How a page is named on another.
pub(super) fn page(record: &NoteableRecord) -> Page {
    Page {
        project: record.view.project_path.clone(),
        kind: record.noteable.kind,
        iid: record.noteable.iid,
        url: record.view.web_url.clone(),
    }
}
