//! Levels: made equal to what the store and the provider say at that moment.

pub(super) mod again;
mod back_links;
mod label;
mod panel;
mod sends;
mod tags;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::lanes::Run;
use super::{Pipeline, Ran, after, retry};
use crate::bot::{Trouble, World};
use crate::config::ProjectRule;
use crate::domain::{DeadLetter, DeadThing, Decision, Level, NoteableRecord, Stale, Write};
use crate::net::Failure;
use crate::store::{CommitError, StoreError};
use sends::Sends;

/// How many dead letters are looked through for an earlier one about the same level.
const LETTERS_LOOKED_THROUGH: usize = 1_000;

/// How long a level first waits for a project that is out of reach; each time twice as long, up to about a day. A look that sees
/// the project again does not wait.
const OUT_OF_REACH: Duration = Duration::from_secs(5 * 60);

/// So long a project that is out of reach is waited for.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Why one waits whose project is out of reach.
const NO_TOKEN_SEES_IT: &str = "no token sees the project for now";

/// What came of making a level true.
enum Became {
    /// It is true, and this has to be written down.
    True(Decision),
    /// It is true already; nothing was touched.
    Unchanged,
    /// It cannot be told before that moment whether it is.
    NotYetKnown(Timestamp, &'static str),
    /// More about it is being looked at; it is made true with that, not twice.
    Settling(Timestamp),
    /// No token sees the project for now: neither true nor to be made so.
    OutOfReach,
    /// A comment is to be written, and its turn is not before that moment.
    InTurn(Timestamp),
}

/// Why a level is not true.
enum NotTrue {
    Trouble(Trouble),
    Commit(CommitError),
}

impl<E: Into<Trouble>> From<E> for NotTrue {
    fn from(error: E) -> Self {
        Self::Trouble(error.into())
    }
}

/// Makes a level true.
pub(super) async fn run(pipeline: &Pipeline, level: &Level) -> Ran {
    let world = pipeline.world();
    let Some(stale) = world.store().stale_level(level).await? else { return Ok(Run::Done) };
    let sends = Sends::of(pipeline, &stale);
    let result = match level {
        Level::Panel(noteable) => panel::make_true(pipeline, &world, &sends, noteable, stale.since).await,
        Level::Label(noteable) => label::make_true(pipeline, &world, &sends, noteable).await,
        Level::BackLinks(flag) => back_links::make_true(pipeline, &world, &sends, flag).await,
        Level::Tags(flag) => tags::make_true(pipeline, &world, flag).await,
    };
    match result {
        Ok(Became::True(decision)) => {
            world.metrics().effect(kind_of(level), "done");
            healed(pipeline, &stale, &sends, decision).await
        }
        Ok(Became::Unchanged) => {
            world.metrics().effect(kind_of(level), "unchanged");
            healed(pipeline, &stale, &sends, Decision::new()).await
        }
        // Nothing of either has to be on disk: after a restart it is simply tried again.
        Ok(Became::Settling(at)) => Ok(Run::Later(at)),
        Ok(Became::InTurn(at)) => Ok(Run::InTurn(at)),
        Ok(Became::OutOfReach) if is_forgotten(&stale) => {
            world.metrics().effect(kind_of(level), "unchanged");
            healed(pipeline, &stale, &sends, Decision::new()).await
        }
        Ok(Became::OutOfReach) => {
            let wait = OUT_OF_REACH.saturating_mul(1 << stale.attempts.min(8));
            let at = retry::when(Timestamp::now(), wait);
            let mut decision = Decision::new();
            sends.end(&mut decision, None);
            later(pipeline, &stale, decision, at, NO_TOKEN_SEES_IT).await
        }
        Ok(Became::NotYetKnown(at, reason)) => {
            let mut decision = Decision::new();
            sends.end(&mut decision, None);
            later(pipeline, &stale, decision, at, reason).await
        }
        Err(NotTrue::Commit(error)) => Err(error),
        Err(NotTrue::Trouble(trouble)) if is_hopeless(&trouble) => {
            bury(pipeline, &stale, &sends, &trouble.reason).await
        }
        Err(NotTrue::Trouble(trouble)) => {
            let at = after(&trouble, stale.attempts);
            let mut decision = Decision::new();
            sends.end(&mut decision, Some(&trouble));
            later(pipeline, &stale, decision, at, &trouble.reason).await
        }
    }
}

/// A refusal that no waiting changes. The next change of the same thing tries again anyhow.
fn is_hopeless(trouble: &Trouble) -> bool {
    trouble.failure.as_ref().is_some_and(|failure| !failure.is_passing() && !failure.is_unauthorized())
}

/// Whether something was to be read or changed that is not there any more: somebody may have been faster, and one more look shows what
/// stands now.
fn is_overtaken(trouble: &Trouble) -> bool {
    trouble.failure.as_ref().is_some_and(Failure::is_not_found)
}

/// It is true now, also where it was given up once: then nobody has to deal with that any more.
async fn healed(pipeline: &Pipeline, stale: &Stale, sends: &Sends<'_>, mut decision: Decision) -> Ran {
    let world = pipeline.world();
    if let Some(letter) = letter_about(&world, &stale.level).await? {
        decision.write(Write::LetterDone(letter.id));
    }
    finish(pipeline, stale, sends, decision).await
}

/// The dead letter that there is about a level.
async fn letter_about(world: &World, level: &Level) -> Result<Option<DeadLetter>, StoreError> {
    if world.store().backlog().await?.dead == 0 {
        return Ok(None);
    }
    let letters = world.store().dead_letters(LETTERS_LOOKED_THROUGH).await?;
    let about = |letter: &DeadLetter| matches!(&letter.what, DeadThing::Level(dead) if dead == level);
    Ok(letters.into_iter().find(about))
}

async fn finish(pipeline: &Pipeline, stale: &Stale, sends: &Sends<'_>, mut decision: Decision) -> Ran {
    sends.end(&mut decision, None);
    let open_until = sends.open_until();
    if let Some(at) = open_until {
        tracing::debug!(level = ?stale.level, "an answer was lost: looking once more when nothing can come of it any more");
        let reason = "it is true now; looking once more, because an answer was lost".to_owned();
        decision.write(Write::LevelLater { level: stale.level.clone(), not_before: at, reason });
    } else {
        decision.write(Write::LevelTrue(stale.level.clone(), stale.generation));
    }
    pipeline.commit(decision).await?;
    // It may have become stale again meanwhile.
    let now = pipeline.world().store().stale_level(&stale.level).await?;
    Ok(match (now, open_until) {
        (None, _) => Run::Done,
        (Some(now), Some(at)) if now.generation == stale.generation => Run::Later(at),
        (Some(_), _) => Run::Again,
    })
}

async fn later(
    pipeline: &Pipeline,
    stale: &Stale,
    mut decision: Decision,
    at: Timestamp,
    reason: &str,
) -> Ran {
    pipeline.world().metrics().effect(kind_of(&stale.level), "later");
    tracing::warn!(level = ?stale.level, attempts = stale.attempts, reason, "to be tried again");
    decision.write(Write::LevelLater {
        level: stale.level.clone(),
        not_before: at,
        reason: reason.to_owned(),
    });
    pipeline.commit(decision).await?;
    Ok(Run::Later(at))
}

async fn bury(pipeline: &Pipeline, stale: &Stale, sends: &Sends<'_>, reason: &str) -> Ran {
    let world = pipeline.world();
    world.metrics().effect(kind_of(&stale.level), "dead");
    tracing::error!(level = ?stale.level, reason, "given up; see the queue");
    // One letter for one thing: what is refused at each change is not a new story each time.
    let earlier = letter_about(&world, &stale.level).await?;
    let id = earlier.as_ref().map_or_else(|| world.store().new_id(), |earlier| earlier.id);
    let begun = earlier.and_then(|earlier| earlier.begun).unwrap_or(stale.since).min(stale.since);
    let mut decision = Decision::new();
    decision.write(Write::EdgeDead(DeadLetter {
        id,
        at: Timestamp::now(),
        begun: Some(begun),
        reason: reason.to_owned(),
        attempts: stale.attempts.saturating_add(1),
        what: DeadThing::Level(stale.level.clone()),
    }));
    finish(pipeline, stale, sends, decision).await
}

/// There is nothing to be done where the project is not seen by us: by choice where no rule is about it as it was last seen, or none
/// for which it is `wanted`, else only for now.
fn unseen(world: &World, record: &NoteableRecord, wanted: impl Fn(&ProjectRule) -> bool) -> Became {
    match world.rules().for_project(&record.view.project_path) {
        Some(rule) if wanted(&rule) => Became::OutOfReach,
        _ => Became::Unchanged,
    }
}

/// Whether it has waited for its project for so long that nobody expects it back. If it comes, a look marks what is linked there.
fn is_forgotten(stale: &Stale) -> bool {
    Timestamp::now().duration_since(stale.since) > FORGOTTEN
}

/// Commits what has to be on disk before something is sent.
async fn write_down(pipeline: &Pipeline, decision: Decision) -> Result<(), NotTrue> {
    pipeline.commit(decision).await.map_err(NotTrue::Commit)
}

/// The moment from which on GitLab cannot be at work any more on what was sent then.
fn ceiling(sent_at: Timestamp, pipeline: &Pipeline) -> Timestamp {
    retry::when(sent_at, pipeline.world().request_ceiling())
}

fn kind_of(level: &Level) -> &'static str {
    match level {
        Level::Panel(_) => "panel",
        Level::Label(_) => "label",
        Level::BackLinks(_) => "back_links",
        Level::Tags(_) => "tags",
    }
}
