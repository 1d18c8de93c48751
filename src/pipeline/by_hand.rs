//! Links that an admin makes or takes off: one issue or merge request after the other.

use jiff::Timestamp;

use super::Pipeline;
use crate::bot::by_hand::{Became, NamedFlag, NamedWork, Wish, decide};
use crate::bot::{Trouble, World};
use crate::store::CommitError;

/// One flag on one issue or merge request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Where.
    pub work: NamedWork,
    /// What.
    pub flag: NamedFlag,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// The work as `shop/web#12`, where it was found.
    pub work: Option<String>,
    /// What became of it.
    pub became: Became,
}

/// Who does it.
pub struct Hand<'a> {
    world: &'a World,
    /// `None`: on the store alone. Panels, labels and what stands on the flags follow when the daemon starts.
    pipeline: Option<&'a Pipeline>,
}

impl<'a> Hand<'a> {
    /// Beside a daemon that runs.
    pub fn of_pipeline(pipeline: &'a Pipeline, world: &'a World) -> Self {
        Self { world, pipeline: Some(pipeline) }
    }

    /// On the store alone.
    pub fn of_store(world: &'a World) -> Self {
        Self { world, pipeline: None }
    }

    /// Does it, or only says what would become of each. In their order; flags of the same work that follow one another are
    /// one change.
    pub async fn change(&self, wish: Wish, all: &[Named], apply: bool) -> Vec<Done> {
        let mut done = Vec::with_capacity(all.len());
        for some in all.chunk_by(|a, b| a.work == b.work) {
            let Some(first) = some.first() else { continue };
            let flags: Vec<NamedFlag> = some.iter().map(|named| named.flag.clone()).collect();
            match self.change_one(wish, &first.work, &flags, apply).await {
                Ok((work, became)) => {
                    done.extend(became.into_iter().map(|became| Done { work: work.clone(), became }));
                }
                Err(trouble) => {
                    let refused = |_| Done { work: None, became: Became::Refused(trouble.to_string()) };
                    done.extend(some.iter().map(refused));
                }
            }
        }
        done
    }

    async fn change_one(
        &self,
        wish: Wish,
        work: &NamedWork,
        flags: &[NamedFlag],
        apply: bool,
    ) -> Result<(Option<String>, Vec<Became>), Trouble> {
        loop {
            let made = decide(self.world, wish, work, flags, Timestamp::now()).await?;
            let Some(decision) = made.decision.filter(|_| apply) else {
                return Ok((made.work, made.became));
            };
            let committed = match self.pipeline {
                Some(pipeline) => pipeline.commit(decision).await,
                None => self.world.store().commit(decision).await,
            };
            match committed {
                Ok(()) => {
                    tracing::info!(work = made.work, ?wish, "links were changed by hand");
                    return Ok((made.work, made.became));
                }
                Err(CommitError::Conflict) => {}
                Err(CommitError::Store(error)) => return Err(error.into()),
            }
        }
    }
}
