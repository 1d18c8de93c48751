//! The last look at each flag. A flag that changes often is told of often, and one look answers all who told of it before.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Entry, Trouble};
use crate::domain::{FlagRecord, FlagRef, FlagState, Rev};
use crate::flags::FlagProvider;
use crate::store::Store;

/// A look that is older than this answers nobody.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// Looks that are remembered before the old ones are forgotten.
const REMEMBERED: usize = 1_000;

/// What was seen, and what it is good for.
struct Look {
    /// Entries with a smaller number came in before the look began.
    number: u64,
    /// When it began.
    at: Timestamp,
    /// The same, for its age.
    began: Instant,
    /// The flag's record then. Who writes it may know more than the look has shown.
    rev: Rev,
    state: Option<FlagState>,
}

/// The last look at each flag.
#[derive(Default)]
pub(super) struct Looks(Mutex<HashMap<FlagRef, Look>>);

impl Looks {
    /// The flag's state, not older than the entry that asks for it. `None`: the service does not know the flag.
    pub(super) async fn state(
        &self,
        store: &dyn Store,
        entry: Entry,
        provider: &dyn FlagProvider,
        record: &FlagRecord,
        rev: Rev,
    ) -> Result<Option<FlagState>, Trouble> {
        let flag = &record.flag.flag;
        if let Some(state) = self.known(flag, entry, rev) {
            return Ok(state);
        }
        let (number, at, began) = (store.new_id(), Timestamp::now(), Instant::now());
        let state = provider.state(flag, &record.flag.internal_id).await?;
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= REMEMBERED {
            looks.retain(|_, look| look.began.elapsed() < GOOD_FOR);
        }
        looks.insert(flag.clone(), Look { number, at, began, rev, state: state.clone() });
        Ok(state)
    }

    #[expect(clippy::option_option, reason = "seen to be nowhere, and not seen, are two things")]
    fn known(&self, flag: &FlagRef, entry: Entry, rev: Rev) -> Option<Option<FlagState>> {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let look = looks.get(flag)?;
        let good = look.rev == rev
            && entry.id.0 < look.number
            && entry.not_before.is_none_or(|moment| moment <= look.at)
            && look.began.elapsed() < GOOD_FOR;
        good.then(|| look.state.clone())
    }
}
