//! A flag's state in words, the sign before them.

use super::text::Markdown;
use crate::domain::EnvironmentState;

/// How much of a flag's value is shown, in characters.
pub(super) const VALUE_LIMIT: usize = 60;
/// How much of an environment's name is shown, in characters.
pub(super) const ENVIRONMENT_LIMIT: usize = 60;
/// How much of a flag's key is shown, in characters.
pub(super) const KEY_LIMIT: usize = 250;
/// How much of a person's or a provider's name is shown, in characters.
pub(super) const NAME_LIMIT: usize = 100;

/// The state in one environment: `🟢 on for 25 %, `blue`, 2 overrides`.
pub(super) fn state_words(env: &EnvironmentState, show_values: bool) -> Markdown {
    let mut words = Markdown::lit(if env.on { "🟢 on" } else { "⚪ off" });
    let mut comma = false;
    if let (true, Some(share)) = (env.on, env.rollout) {
        words.push_lit(" for ").push(Markdown::percent(share));
        comma = true;
    }
    match &env.value {
        Some(value) if show_values => {
            words.push_lit(if comma { ", " } else { " " }).push(Markdown::code(value, VALUE_LIMIT));
        }
        Some(_) => {
            words.push_lit(", value hidden");
        }
        None => {}
    }
    if env.overrides > 0 {
        words.push_lit(", ").push(overrides(env.overrides));
    }
    words
}

/// `1 override`, `2 overrides`.
fn overrides(count: u32) -> Markdown {
    let mut words = Markdown::number(u64::from(count));
    words.push_lit(if count == 1 { " override" } else { " overrides" });
    words
}
