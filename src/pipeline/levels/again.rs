//! Levels that were given up, or wait for a project that is out of reach, tried again: what was in the way may have been put right,
//! and nobody may have told us.

use jiff::{SignedDuration, Timestamp};

use super::{LETTERS_LOOKED_THROUGH, NO_TOKEN_SEES_IT, Pipeline};
use crate::domain::{DeadThing, Decision, Write};
use crate::store::CommitError;

/// How long a level that was given up is left alone at first, and at the longest. In between as long as it has been given up.
const GIVEN_UP: (SignedDuration, SignedDuration) =
    (SignedDuration::from_mins(5), SignedDuration::from_hours(24));

/// Tries those again that were given up a while ago.
pub(in crate::pipeline) async fn try_given_up_again(
    pipeline: &Pipeline,
    now: Timestamp,
) -> Result<(), CommitError> {
    let world = pipeline.world();
    let mut decision = Decision::new();
    for letter in world.store().dead_letters(LETTERS_LOOKED_THROUGH).await? {
        let DeadThing::Level(level) = &letter.what else { continue };
        let given_up = letter.begun.map_or(SignedDuration::ZERO, |begun| letter.at.duration_since(begun));
        let is_due = now.duration_since(letter.at) >= given_up.clamp(GIVEN_UP.0, GIVEN_UP.1);
        // One that waits is tried in its time.
        if is_due && world.store().stale_level(level).await?.is_none() {
            decision.write(Write::MarkStale(level.clone(), now));
        }
    }
    if decision.writes.is_empty() { Ok(()) } else { pipeline.commit(decision).await }
}

/// Tries all that were given up or wait for a project that was out of reach: at a start, since nobody has looked meanwhile.
pub(in crate::pipeline) async fn try_all_again(
    pipeline: &Pipeline,
    now: Timestamp,
) -> Result<(), CommitError> {
    let world = pipeline.world();
    let mut decision = Decision::new();
    for stale in world.store().stale().await? {
        if stale.last_reason.as_deref() == Some(NO_TOKEN_SEES_IT) {
            decision.write(Write::MarkStale(stale.level, now));
        }
    }
    for letter in world.store().dead_letters(LETTERS_LOOKED_THROUGH).await? {
        if let DeadThing::Level(level) = letter.what {
            decision.write(Write::MarkStale(level, now));
        }
    }
    if decision.writes.is_empty() { Ok(()) } else { pipeline.commit(decision).await }
}
