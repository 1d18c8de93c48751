//! How often Unleash is searched. It answers 15 searches a minute, to all together who come from one address, and what is asked
//! beyond that keeps everything else waiting too; so some are left to others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::wire::Feature;

/// In this time…
const WINDOW: Duration = Duration::from_secs(60);
/// …so many searches, and no more.
const MOST: usize = 10;
/// How long what was found is good for.
const FRESH: Duration = Duration::from_secs(60);
/// What was searched for last is kept; so many of it.
const KEPT: usize = 16;

/// What a search has found in the archive.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) features: Vec<Feature>,
    /// Whether that is all there is.
    pub(super) whole: bool,
}

/// The searches of one Unleash.
#[derive(Debug, Default)]
pub(super) struct Searches {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    made: VecDeque<Instant>,
    found: VecDeque<(Instant, String, Arc<Findings>)>,
    known: BTreeMap<String, Feature>,
}

impl Searches {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one of the searches of this minute. `Err`: there is none left; how long until there is.
    pub(super) fn take(&self) -> Result<(), Duration> {
        let (mut state, now) = (self.state(), Instant::now());
        state.made.retain(|made| now.duration_since(*made) < WINDOW);
        match state.made.front() {
            Some(first) if state.made.len() >= MOST => Err(WINDOW.saturating_sub(now.duration_since(*first))),
            _ => {
                state.made.push_back(now);
                Ok(())
            }
        }
    }

    /// What the same search found a short while ago.
    pub(super) fn found(&self, text: &str) -> Option<Arc<Findings>> {
        let mut state = self.state();
        state.found.retain(|(at, ..)| at.elapsed() < FRESH);
        state.found.iter().find(|(_, known, _)| known == text).map(|(.., found)| Arc::clone(found))
    }

    pub(super) fn keep(&self, text: &str, found: &Arc<Findings>) {
        let mut state = self.state();
        state.found.push_back((Instant::now(), text.to_owned(), Arc::clone(found)));
        if state.found.len() > KEPT {
            state.found.pop_front();
        }
    }

    /// Says that there may be others in the archive now.
    pub(super) fn forget(&self) {
        self.state().found.clear();
    }

    /// An archived flag that was once searched for because Unleash had nothing written down about it.
    pub(super) fn known(&self, key: &str) -> Option<Feature> {
        self.state().known.get(key).cloned()
    }

    /// Keeps it for good: were another made in its name, that would be written down.
    pub(super) fn remember(&self, feature: Feature) {
        self.state().known.insert(feature.name.clone(), feature);
    }
}
