//! A flag's state in words, the sign before them.

use super::text::Markdown;
use crate::domain::{EnvironmentState, Strategy, Variant};

/// How much of a flag's value is shown, in characters.
pub(super) const VALUE_LIMIT: usize = 60;
/// How much of an environment's name is shown, in characters.
pub(super) const ENVIRONMENT_LIMIT: usize = 60;
/// How much of a flag's key is shown, in characters.
pub(super) const KEY_LIMIT: usize = 250;
/// How much of a person's or a provider's name is shown, in characters.
pub(super) const NAME_LIMIT: usize = 100;

/// How many strategies or variants are named; of more only the number is said.
const NAMED: usize = 3;

/// The state in one environment: `🟢 on for 25 %, `blue`, 2 overrides`.
pub(super) fn state_words(env: &EnvironmentState, show_values: bool) -> Markdown {
    let mut words = Markdown::lit(if env.on { "🟢 on" } else { "⚪ off" });
    let mut comma = false;
    if let (true, Some(share)) = (env.on, env.rollout) {
        words.push_lit(" for ").push(Markdown::percent(share));
        comma = true;
    }
    if env.on && !env.strategies.is_empty() {
        words.push_lit(if comma { ", " } else { " by " }).push(strategy_list(&env.strategies));
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
    if !env.variants.is_empty() {
        words.push_lit(", ").push(variants(&env.variants, show_values));
    }
    words
}

/// `` `flexibleRollout` 25 % and `userWithId` for some ``, or how many there are.
pub(super) fn strategy_list(strategies: &[Strategy]) -> Markdown {
    if strategies.len() > NAMED {
        let mut words = Markdown::number(u64::try_from(strategies.len()).unwrap_or(u64::MAX));
        words.push_lit(" strategies");
        return words;
    }
    let named = strategies.iter().map(|strategy| {
        let mut words = Markdown::code(&strategy.name, NAME_LIMIT);
        match strategy.share {
            Some(share) => words.push_lit(" for ").push(Markdown::percent(share)),
            None => &mut words,
        };
        if strategy.limited {
            words.push_lit(if strategy.share.is_some() { " of some" } else { " for some" });
        }
        words
    });
    Markdown::join(named, ", ", " and ")
}

/// `` variants `a` 50 % and `b` 50 % ``. What variants are called is hidden where values are.
fn variants(variants: &[Variant], show_values: bool) -> Markdown {
    if !show_values || variants.len() > NAMED {
        let mut words = Markdown::number(u64::try_from(variants.len()).unwrap_or(u64::MAX));
        words.push_lit(if variants.len() == 1 { " variant" } else { " variants" });
        return words;
    }
    let named = variants.iter().map(|variant| {
        let mut words = Markdown::code(&variant.name, NAME_LIMIT);
        if let Some(share) = variant.share {
            words.push_lit(" ").push(Markdown::percent(share));
        }
        words
    });
    let mut words = Markdown::lit(if variants.len() == 1 { "variant " } else { "variants " });
    words.push(Markdown::join(named, ", ", " and "));
    words
}

/// `1 override`, `2 overrides`.
fn overrides(count: u32) -> Markdown {
    let mut words = Markdown::number(u64::from(count));
    words.push_lit(if count == 1 { " override" } else { " overrides" });
    words
}
