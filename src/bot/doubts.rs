//! Flags that a service does not know any more, and too many of them at once to be believed: a list that is empty, half a page,
//! another project's flags, a key whose rights were narrowed. None of them is taken for gone until it is found again, or until
//! an admin says that it is so.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::Trouble;
use crate::domain::FlagRecord;
use crate::store::Store;
use crate::telemetry::Metrics;

/// So few may go at any time.
const A_FEW: usize = 3;
/// More than so many are too many, whatever part of all they are.
const MANY: usize = 20;
/// What went lately counts with what goes now.
pub const LATELY: SignedDuration = SignedDuration::from_mins(10);
/// For how long an admin's word holds. By then everything that it was about has been looked at twice.
pub const WORD_HOLDS: SignedDuration = SignedDuration::from_mins(30);

/// What is doubted of one provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doubt {
    /// Since when.
    pub since: Timestamp,
    /// How many linked flags it does not know.
    pub missing: usize,
    /// Of how many.
    pub linked: usize,
    /// How many were gone shortly before, and are not among those.
    pub lately: usize,
}

/// What is missed, of how many.
#[derive(Debug, Clone)]
pub struct Count {
    /// How many are not there, and are not taken for gone yet.
    pub missing: usize,
    /// Of how many.
    pub linked: usize,
    /// When each of those was taken for gone that are none of them any more; back to [`WORD_HOLDS`] and as long as `lately`.
    pub taken: Vec<Timestamp>,
    /// The same of those whose being gone is certain: they weigh nothing, and use up an admin's word.
    pub certain: Vec<Timestamp>,
    /// How long those weigh with what is missing now.
    pub lately: SignedDuration,
    /// Whether all was looked at, so that no more than this is missing.
    pub whole: bool,
}

/// What an admin has said.
#[derive(Debug, Clone, Copy)]
struct Word {
    at: Timestamp,
    /// So many were missing then. It is about no others.
    covers: usize,
    /// Of those so many were still missing at that moment, and not taken for gone.
    left: (usize, Timestamp),
}

impl Word {
    fn holds(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) < WORD_HOLDS
    }

    /// How many of those it is about are still to be taken for gone.
    fn left(&self, count: &Count) -> usize {
        let (left, since) = self.left;
        let done = count.taken.iter().chain(&count.certain).filter(|at| **at >= since).count();
        left.saturating_sub(done).min(count.missing)
    }
}

#[derive(Debug, Default)]
struct Mind {
    doubt: Option<Doubt>,
    /// What an admin said last.
    word: Option<Word>,
}

/// What is missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum About {
    /// Flags that the service does not know any more.
    #[default]
    Flags,
    /// Links that do not stand on flags any more.
    Links,
    /// Linked work that GitLab does not know any more.
    Work,
}

/// What is doubted, by provider.
#[derive(Debug, Default)]
pub struct Doubts {
    minds: Mutex<BTreeMap<String, Mind>>,
    about: About,
}

/// Whether so many of so many are too many to be believed, after so many that were taken for gone lately.
pub(super) fn is_too_many(missing: usize, linked: usize, lately: usize) -> bool {
    let lately = if missing == 0 { 0 } else { lately };
    let (missing, linked) = (missing + lately, linked + lately);
    missing > A_FEW && (missing.saturating_mul(3) > linked || missing > MANY)
}

impl Count {
    fn lately(&self, now: Timestamp) -> usize {
        self.taken.iter().filter(|at| now.duration_since(**at) < self.lately).count()
    }

    /// Whether that is too much to be believed. What an admin's word was about is not weighed, neither what is still to be taken for
    /// gone because of it nor what was.
    fn is_too_many(&self, word: Option<Word>, now: Timestamp) -> bool {
        let Some(word) = word.filter(|word| word.holds(now)) else {
            return is_too_many(self.missing, self.linked, self.lately(now));
        };
        let still = word.left(self);
        let because = self.taken.iter().filter(|at| **at >= word.at);
        let done_lately = because.filter(|at| now.duration_since(**at) < self.lately).count();
        let lately = self.lately(now) - done_lately.min(word.covers);
        is_too_many(self.missing - still, self.linked - still.min(self.linked), lately)
    }
}

impl Doubts {
    /// The same about links.
    pub(super) fn of_links() -> Self {
        Self { minds: Mutex::default(), about: About::Links }
    }

    /// The same about linked work.
    pub(super) fn of_work() -> Self {
        Self { minds: Mutex::default(), about: About::Work }
    }

    /// Takes up that a provider does not know so many of its linked flags. Returns whether that is doubted.
    pub fn weigh(&self, metrics: &Metrics, provider: &str, count: Count, now: Timestamp) -> bool {
        let mut minds = self.minds.lock().unwrap_or_else(PoisonError::into_inner);
        let mind = minds.entry(provider.to_owned()).or_default();
        let before = mind.doubt.take();
        let is_too_many = count.is_too_many(mind.word, now);
        if let Some(word) = mind.word.as_mut().filter(|_| count.whole) {
            word.left = (word.left(&count), now);
        }
        if is_too_many {
            let since = before.map_or(now, |doubt| doubt.since);
            let Count { missing, linked, .. } = count;
            mind.doubt = Some(Doubt { since, missing, linked, lately: count.lately(now) });
        }
        let doubt = mind.doubt;
        drop(minds);
        self.count(metrics, provider, doubt.map_or(0, |doubt| doubt.missing));
        match (before, doubt) {
            (None, Some(doubt)) => tracing::warn!(provider, "{}", self.words(provider, &doubt)),
            (Some(_), None) => {
                let Count { missing, linked, .. } = count;
                tracing::info!(provider, missing, linked, "what was missing is found again");
            }
            _ => {}
        }
        doubt.is_some()
    }

    /// What is doubted of a provider now.
    pub fn of(&self, provider: &str) -> Option<Doubt> {
        self.minds.lock().unwrap_or_else(PoisonError::into_inner).get(provider)?.doubt
    }

    /// Everything that is doubted, one sentence each; for an admin.
    pub fn told(&self) -> Vec<String> {
        let minds = self.minds.lock().unwrap_or_else(PoisonError::into_inner);
        minds.iter().filter_map(|(name, mind)| Some(self.words(name, mind.doubt.as_ref()?))).collect()
    }

    /// An admin says that what is missing is gone. Returns what was doubted until now; `None`: nothing was.
    pub fn believe(&self, metrics: &Metrics, provider: &str, now: Timestamp) -> Option<Doubt> {
        let mut minds = self.minds.lock().unwrap_or_else(PoisonError::into_inner);
        let mind = minds.get_mut(provider)?;
        let doubt = mind.doubt.take()?;
        mind.word = Some(Word { at: now, covers: doubt.missing, left: (doubt.missing, now) });
        drop(minds);
        self.count(metrics, provider, 0);
        tracing::warn!(provider, missing = doubt.missing, about = ?self.about, "an admin says that what is missing is gone");
        Some(doubt)
    }

    /// Whether a flag that was looked for twice in vain is all the same not to be taken for gone: too many others are missing as
    /// well.
    pub(super) async fn holds(
        &self,
        store: &dyn Store,
        metrics: &Metrics,
        record: &FlagRecord,
        now: Timestamp,
    ) -> Result<bool, Trouble> {
        let provider = &record.flag.flag.provider;
        if self.of(provider).is_some() {
            return Ok(true);
        }
        let mut count = Count {
            missing: 0,
            linked: 0,
            taken: Vec::new(),
            certain: Vec::new(),
            lately: LATELY,
            whole: false,
        };
        for flag in store.linked_flags(provider).await? {
            let Some(other) = store.flag(&flag).await?.value else { continue };
            if let Some(since) = other.missing_since {
                if now.duration_since(since) < WORD_HOLDS {
                    let is_told = other.gone_untold_since().is_none();
                    if is_told { &mut count.certain } else { &mut count.taken }.push(since);
                }
                continue;
            }
            count.linked += 1;
            count.missing += usize::from(other.not_found_at.is_some() || flag == record.flag.flag);
        }
        Ok(self.weigh(metrics, provider, count, now))
    }

    fn count(&self, metrics: &Metrics, provider: &str, missing: usize) {
        if self.about == About::Flags {
            metrics.doubted(provider, missing);
        }
    }

    fn words(&self, provider: &str, doubt: &Doubt) -> String {
        let Doubt { missing, linked, lately, .. } = doubt;
        let before = if *lately == 0 {
            String::new()
        } else {
            let gone = if self.about == About::Links { "taken off" } else { "deleted" };
            format!(", after {lately} that were {gone} just before")
        };
        match self.about {
            About::Flags => format!(
                "{provider} does not know {missing} of its {linked} linked flags any more{before}. None of them is taken for gone until it \
                 is found again. If they are gone, say so with `flaglink links believe {provider}`; if not, look at the key's \
                 rights and at the project"
            ),
            About::Links => format!(
                "{missing} of {linked} links do not stand on their flags in {provider} any more{before}. None of them is taken off here. If \
                 they were taken off there on purpose, say so with `flaglink links believe {provider}/links`; if not, put them on \
                 again there"
            ),
            About::Work => format!(
                "GitLab does not know {missing} of {linked} linked issues and merge requests any more{before}. No link of theirs is \
                 taken away. If they were deleted, say so with `flaglink links believe {provider}`; if not, look at what the bot \
                 may see there"
            ),
        }
    }
}
