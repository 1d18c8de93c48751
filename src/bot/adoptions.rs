//! Links that were taken off on flags, and too many of them at once to be believed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::doubts::{Count, Doubts, LATELY, WORD_HOLDS};
use crate::telemetry::Metrics;

/// What is doubted of links that were taken off, and what was believed of late.
#[derive(Debug)]
pub struct Adoptions {
    doubts: Doubts,
    taken_off: Mutex<BTreeMap<String, Vec<Timestamp>>>,
}

impl Default for Adoptions {
    fn default() -> Self {
        Self { doubts: Doubts::of_links(), taken_off: Mutex::default() }
    }
}

impl Adoptions {
    /// What is doubted.
    pub fn doubts(&self) -> &Doubts {
        &self.doubts
    }

    /// Whether so many links that are not there any more are too many to be believed.
    pub fn weigh(
        &self,
        metrics: &Metrics,
        provider: &str,
        missing: usize,
        kept: usize,
        now: Timestamp,
    ) -> bool {
        let taken = {
            let mut all = self.taken_off.lock().unwrap_or_else(PoisonError::into_inner);
            let taken = all.entry(provider.to_owned()).or_default();
            taken.retain(|at| now.duration_since(*at) < WORD_HOLDS);
            taken.clone()
        };
        let count = Count { missing, linked: kept, taken, certain: Vec::new(), lately: LATELY, whole: true };
        self.doubts.weigh(metrics, provider, count, now)
    }

    /// So many were taken off here, too.
    pub fn note_taken_off(&self, provider: &str, many: usize, now: Timestamp) {
        let mut all = self.taken_off.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(provider.to_owned()).or_default().extend(std::iter::repeat_n(now, many));
    }
}
