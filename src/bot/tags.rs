//! Which tags are to stand on a flag in its own service: the state of the work that is linked to it.
//!
//! One for its issues and one for its merge requests, computed from all of them: what is still under way is told before
//! what is over, and what was merged before what was dropped.

use std::collections::BTreeSet;

use super::Trouble;
use super::world::World;
use crate::domain::{FlagRef, StateTag};

/// The tags that are to go: those of issues, or of merge requests, where such work is linked, or was when tags were put on
/// (`before`, by label). With work of the other kind flaglink has nothing to do: what says its state is somebody else's.
pub fn to_go(before: &BTreeSet<String>, wanted: &BTreeSet<StateTag>) -> Vec<StateTag> {
    let touched =
        StateTag::ALL.into_iter().filter(|tag| wanted.contains(tag) || before.contains(tag.label()));
    let kinds: BTreeSet<bool> = touched.map(StateTag::is_of_issues).collect();
    let goes = |tag: &StateTag| kinds.contains(&tag.is_of_issues()) && !wanted.contains(tag);
    StateTag::ALL.into_iter().filter(goes).collect()
}

/// The tags that are to stand on the flag.
pub async fn wanted(world: &World, flag: &FlagRef) -> Result<BTreeSet<StateTag>, Trouble> {
    let mut asked = BTreeSet::new();
    for noteable in world.store().noteables_of(flag).await? {
        let Some(record) = world.store().noteable(&noteable).await?.value else { continue };
        asked.extend(StateTag::of(noteable.kind, &record.view));
    }
    let first = |of_issues: bool| asked.iter().copied().find(|tag| tag.is_of_issues() == of_issues);
    Ok([first(true), first(false)].into_iter().flatten().collect())
}
