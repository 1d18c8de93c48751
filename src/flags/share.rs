//! For what share of users a flag is on.

/// A share as a service says it, in percent: from none to all. `None` where it is no number; one that is not is different from
/// itself, and would be told as a change time and again.
pub(in crate::flags) fn percent(said: f64) -> Option<f64> {
    (!said.is_nan()).then(|| said.clamp(0.0, 100.0))
}
