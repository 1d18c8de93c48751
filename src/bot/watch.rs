//! The record of a flag that is being linked.

use jiff::Timestamp;

use crate::domain::{Flag, FlagRecord, FlagState};

/// Whether what is known of the flag is true enough to show it: something links it, so that its changes were seen.
pub(super) fn is_seen(known: &FlagRecord, linked: bool, flag: &Flag) -> bool {
    linked && known.flag.internal_id == flag.internal_id && known.state.is_some()
}

/// The flag's record with the state that was read now; `None`: the service does not know the flag.
pub(super) fn fresh(
    known: Option<FlagRecord>,
    flag: Flag,
    state: Option<FlagState>,
    now: Timestamp,
) -> FlagRecord {
    let mut fresh = known.unwrap_or_else(|| FlagRecord {
        flag: flag.clone(),
        state: None,
        seen_at: now,
        missing_since: None,
        made_again: false,
        not_found_at: None,
        history: Vec::new(),
        asked: Vec::new(),
        mirrors: std::collections::BTreeMap::new(),
        tagged: None,
    });
    // A key that was deleted and made again is another flag: what is known of the old one is not about it.
    if fresh.flag.internal_id != flag.internal_id {
        fresh.history.clear();
        fresh.mirrors.clear();
        fresh.tagged = None;
    }
    fresh.missing_since = if state.is_some() { None } else { Some(now) };
    fresh.not_found_at = None;
    fresh.made_again = false;
    fresh.state = state;
    fresh.flag = flag;
    fresh.seen_at = now;
    fresh
}
