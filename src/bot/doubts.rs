//! Flags that a service does not know any more, and too many of them at once to be believed: a list that is empty, half a page,
//! another project's flags, a key whose rights were narrowed. None of them is taken for gone until it is found again, or until
//! an admin says that it is so.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::{Trouble, World};
use crate::domain::FlagRecord;

/// So few may go at any time.
const A_FEW: usize = 3;
/// More than so many are too many, whatever part of all they are.
const MANY: usize = 20;
/// What went lately counts with what goes now.
const LATELY: SignedDuration = SignedDuration::from_mins(10);
/// For how long an admin's word holds. By then everything that it was about has been looked at twice.
const WORD_HOLDS: SignedDuration = SignedDuration::from_mins(30);
/// What is doubted of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// Since when.
    pub since: Timestamp,
    /// How many linked flags it does not know.
    pub missing: usize,
    /// Of how many.
    pub linked: usize,
}

#[derive(Debug, Default)]
struct Mind {
    doubt: Option<Doubt>,
    /// When an admin said that the flags are gone.
    word: Option<Timestamp>,
}

/// What is doubted, by provider.
#[derive(Debug, Default)]
pub struct Doubts(Mutex<BTreeMap<String, Mind>>);

/// Whether so many are too many to be believed.
fn too_many(missing: usize, linked: usize) -> bool {
    missing > A_FEW && (missing.saturating_mul(3) > linked || missing > MANY)
}

impl Doubts {
    /// Takes up that a provider does not know so many of its linked flags. Returns whether that is doubted.
    pub fn weigh(
        &self,
        world: &World,
        provider: &str,
        missing: usize,
        linked: usize,
        now: Timestamp,
    ) -> bool {
        let mut minds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mind = minds.entry(provider.to_owned()).or_default();
        let believed = mind.word.is_some_and(|word| now.duration_since(word) < WORD_HOLDS);
        let before = mind.doubt.take();
        if !believed && too_many(missing, linked) {
            mind.doubt = Some(Doubt { since: before.map_or(now, |doubt| doubt.since), missing, linked });
        }
        let doubt = mind.doubt;
        drop(minds);
        world.metrics().doubted(provider, doubt.map_or(0, |doubt| doubt.missing));
        match (before, doubt) {
            (None, Some(doubt)) => tracing::warn!(provider, "{}", words(provider, &doubt)),
            (Some(_), None) if !believed => {
                tracing::info!(provider, missing, linked, "what was missing is found again");
            }
            _ => {}
        }
        doubt.is_some()
    }

    /// What is doubted of a provider now.
    pub fn of(&self, provider: &str) -> Option<Doubt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(provider)?.doubt
    }

    /// Everything that is doubted, one sentence each; for an admin.
    pub fn told(&self) -> Vec<String> {
        let minds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        minds.iter().filter_map(|(name, mind)| Some(words(name, mind.doubt.as_ref()?))).collect()
    }

    /// An admin says that what is missing is gone. Returns what was doubted until now; `None`: nothing was.
    pub fn believe(&self, world: &World, provider: &str, now: Timestamp) -> Option<Doubt> {
        let mut minds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mind = minds.get_mut(provider)?;
        let doubt = mind.doubt.take()?;
        mind.word = Some(now);
        drop(minds);
        world.metrics().doubted(provider, 0);
        tracing::warn!(provider, missing = doubt.missing, "an admin says that the missing flags are gone");
        Some(doubt)
    }

    /// Whether a flag that was looked for twice in vain is all the same not to be taken for gone: too many others are missing as
    /// well.
    pub(super) async fn holds(
        &self,
        world: &World,
        record: &FlagRecord,
        now: Timestamp,
    ) -> Result<bool, Trouble> {
        let provider = &record.flag.flag.provider;
        if self.of(provider).is_some() {
            return Ok(true);
        }
        let (mut missing, mut linked) = (0, 0);
        for flag in world.store().linked_flags(provider).await? {
            let Some(other) = world.store().flag(&flag).await?.value else { continue };
            let gone_for = other.missing_since.map(|since| now.duration_since(since));
            match gone_for {
                Some(long) if long > LATELY => continue,
                Some(_) => missing += 1,
                None if other.not_found_at.is_some() || flag == record.flag.flag => missing += 1,
                None => {}
            }
            linked += 1;
        }
        Ok(self.weigh(world, provider, missing, linked, now))
    }
}

fn words(provider: &str, doubt: &Doubt) -> String {
    format!(
        "{provider} does not know {} of its {} linked flags any more. None of them is taken for gone until it is found again. If \
         they are gone, say so with `flaglink links believe {provider}`; if not, look at the key's rights and at the project",
        doubt.missing, doubt.linked
    )
}
