//! Where a flag is linked, as far as it may be named on another page.

use super::Trouble;
use super::world::{Project, World};
use crate::domain::{FlagRef, NoteableRecord, Visibility};
use crate::markdown::job::Page;

/// The issues and merge requests that a flag is linked to and that whoever may read the project may know of: those of the
/// same project and of public ones, and nothing that is confidential.
pub(super) async fn named_here(
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

/// How a page is named on another.
pub(super) fn page(record: &NoteableRecord) -> Page {
    Page {
        project: record.view.project_path.clone(),
        kind: record.noteable.kind,
        iid: record.noteable.iid,
        url: record.view.web_url.clone(),
    }
}
