//! For which segments and users a flag has overrides, and what those set.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::wire::{FeatureSegment, FullState, plain, reads_otherwise};
use crate::domain::{Override, Whom};

/// So much of a value is kept, in characters: more than is shown.
const KEPT_VALUE: usize = 100;
/// The longest name of a segment or a user that is kept, in characters: more than is shown.
const KEPT_NAME: usize = 120;
/// The longest last part of an address that is shown, in characters.
const LAST_PART: usize = 10;

/// Those among the states; `None` where Flagsmith does not say for which segment one is.
pub(super) fn of(states: &[FullState], segments: &[FeatureSegment]) -> Option<Vec<Override>> {
    if states.is_empty() {
        return None;
    }
    let mut all = Vec::new();
    for state in states {
        let (whom, id, name) = if let Some(identity) = state.identity.as_u64() {
            (Whom::User, identity, None)
        } else if state.feature_segment.is_null() {
            continue;
        } else {
            let (id, name) = segment(state, segments)?;
            (Whom::Segment, id, Some(name))
        };
        all.push(Override {
            whom,
            id: id.to_string(),
            name,
            on: state.enabled,
            value: value(&state.feature_state_value),
            quoted: reads_otherwise(&state.feature_state_value),
        });
    }
    Some(Override::kept(all))
}

/// The segment that an override is for: its number and its name.
fn segment(state: &FullState, segments: &[FeatureSegment]) -> Option<(u64, String)> {
    let number = &state.feature_segment;
    let id = number.as_u64().or_else(|| number.get("id")?.as_u64())?;
    let found = segments.iter().find(|segment| segment.id == id)?;
    let name = found.segment_name.as_deref()?;
    Some((found.segment, name.chars().take(KEPT_NAME).collect()))
}

/// The value of an override as it is kept: of a long one the beginning, and what tells it from others that begin so.
pub(super) fn value(value: &Value) -> Option<String> {
    let value = plain(value)?;
    let Some((end, _)) = value.char_indices().nth(KEPT_VALUE) else { return Some(value) };
    let digest: String = hex::encode(Sha256::digest(&value)).chars().take(16).collect();
    Some(format!("{}…{digest}", value.get(..end).unwrap_or_default()))
}

/// What a user is called as far as others may read it: an address is shortened to its first character and its last part.
pub(super) fn shown_user(identifier: &str) -> String {
    let Some((local, domain)) = identifier.rsplit_once('@').filter(|(local, _)| !local.is_empty()) else {
        return identifier.chars().take(KEPT_NAME).collect();
    };
    let first: String = local.chars().take(1).collect();
    let last = domain.rsplit_once('.').map(|(_, last)| last);
    match last.filter(|last| last.chars().all(char::is_alphanumeric) && last.chars().count() <= LAST_PART) {
        Some(last) => format!("{first}…@….{last}"),
        None => format!("{first}…@…"),
    }
}
