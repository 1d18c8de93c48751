//! GitLab's ways of writing a moment.

use jiff::Timestamp;
use jiff::fmt::strtime;

/// Reads a moment in any of the shapes that GitLab uses: `2026-05-16T15:14:33.000Z` (REST and the newest
/// webhooks), `2026-05-16T15:14:33Z`, `2026-05-16 15:14:33 UTC` and `2026-05-16 15:14:33 +0200` (webhooks).
pub fn read_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    if let Some(time) = text.strip_suffix("UTC") {
        return format!("{}Z", time.trim_end()).parse().ok();
    }
    strtime::parse("%Y-%m-%d %H:%M:%S %z", text).ok()?.to_timestamp().ok()
}
