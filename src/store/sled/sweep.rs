//! Forgetting what is only remembered against repeats.

use std::ops::Bound;

use jiff::Timestamp;

use super::apply::is_over;
use super::cell;
use super::fault::Fault;
use super::keys::{Key, kind};
use super::stored::Remembered;
use crate::domain::NoteRecord;

/// So many keys are looked at in one go; the committer waits for no longer than that.
const PAGE: usize = 500;

/// What one look has found.
pub(super) struct Page {
    /// What may be forgotten, as it seems; the committer looks again.
    pub(super) old: Vec<Key>,
    /// Where to go on; `None` at the end.
    pub(super) next: Option<Key>,
}

/// The kinds of keys that are swept.
pub(super) const SWEPT: [u8; 2] = [kind::DELIVERY, kind::NOTE];

/// Looks through the next keys of one kind.
pub(super) fn look(
    tree: &::sled::Tree,
    kind: u8,
    after: Option<&Key>,
    before: Timestamp,
) -> Result<Page, Fault> {
    let from = after.map_or(Bound::Included(vec![kind]), |key| Bound::Excluded(key.clone()));
    let mut page = Page { old: Vec::new(), next: None };
    let mut looked_at = 0;
    for pair in tree.range::<Key, _>((from, Bound::Excluded(vec![kind + 1]))) {
        let (key, head) = pair?;
        let raw = cell::whole(tree, &key, &head)?.packed.unpack()?;
        let old = if kind == kind::DELIVERY {
            serde_json::from_slice::<Remembered>(&raw)?.at < before
        } else {
            is_over(&serde_json::from_slice::<NoteRecord>(&raw)?, before)
        };
        if old {
            page.old.push(key.to_vec());
        }
        looked_at += 1;
        if looked_at == PAGE {
            page.next = Some(key.to_vec());
            break;
        }
    }
    Ok(page)
}
