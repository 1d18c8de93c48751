//! What of a page that GitLab shows is news: an early look, so that what is known already is not queued. It decides nothing:
//! whatever is queued is read back and decided as if a webhook had told of it.

use super::note_written::not_yet_seen;
use super::noteable_changed::Differs;
use super::world::{Project, World};
use crate::command;
use crate::domain::{NoteKey, NoteSource};
use crate::gitlab::NoteableDetail;
use crate::store::StoreError;

/// What there is of news in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Nothing: no command, or none that was not taken already.
    Nothing,
    /// Commands in a text that was never handled.
    New,
    /// Commands that its last handled version did not have.
    Edited,
}

/// What there is of news in a text. `me` is our bot's user name there.
pub async fn in_text(world: &World, note: &NoteKey, body: &str, me: &str) -> Result<News, StoreError> {
    let found = command::read(body, Some(me));
    if found.is_empty() {
        return Ok(News::Nothing);
    }
    let Some(record) = world.store().note(note).await?.value else { return Ok(News::New) };
    // A description has its turn once.
    let over = note.source == NoteSource::Description || not_yet_seen(&found, Some(&record)).is_empty();
    Ok(if over { News::Nothing } else { News::Edited })
}

/// Whether a linked issue or merge request is otherwise than what is kept of it.
pub async fn in_page(
    world: &World,
    project: &Project,
    detail: &NoteableDetail,
    page: &crate::domain::Noteable,
) -> Result<bool, StoreError> {
    let record = world.store().noteable(page).await?.value;
    Ok(record.is_some_and(|record| {
        !record.links.is_empty() && Differs::between(&record, detail, &project.detail).at_all()
    }))
}
