//! A flag's state in words, the sign before them.

use super::text::Markdown;
use super::text::{Part, and_list, phrase};
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
    let strategies = (env.on && !env.strategies.is_empty()).then(|| strategy_list(&env.strategies));
    let value = env.shown_value().map(|value| Markdown::code(&value, VALUE_LIMIT));
    let variants = (!env.variants.is_empty()).then(|| variants(&env.variants, show_values));
    phrase(
        "state",
        [
            ("on", env.on.into()),
            ("share", env.rollout.filter(|_| env.on).map(Markdown::percent).into()),
            ("strategies", strategies.into()),
            ("value_hidden", (value.is_some() && !show_values).into()),
            ("value", value.filter(|_| show_values).into()),
            ("overrides", (env.overrides > 0).then(|| overrides(env.overrides)).into()),
            ("variants", variants.into()),
        ],
    )
}

/// `` `flexibleRollout` 25 % and `userWithId` for some ``, or how many there are.
pub(super) fn strategy_list(strategies: &[Strategy]) -> Markdown {
    if strategies.len() > NAMED {
        return phrase("strategies_counted", [("count", strategies.len().into())]);
    }
    and_list(strategies.iter().map(|strategy| {
        phrase(
            "strategy",
            [
                ("name", Markdown::code(&strategy.name, NAME_LIMIT).into()),
                ("share", strategy.share.map(Markdown::percent).into()),
                ("limited", strategy.limited.into()),
            ],
        )
    }))
}

/// `` variants `a` 50 % and `b` 50 % ``. What variants are called is hidden where values are.
fn variants(variants: &[Variant], show_values: bool) -> Markdown {
    let count = Part::from(variants.len());
    if !show_values || variants.len() > NAMED {
        return phrase("variants_counted", [("count", count)]);
    }
    let named = variants.iter().map(|variant| {
        let name = Markdown::code(&variant.name, NAME_LIMIT);
        phrase("variant", [("name", name.into()), ("share", variant.share.map(Markdown::percent).into())])
    });
    phrase("variants", [("count", count), ("variants", and_list(named).into())])
}

/// `1 override`, `2 overrides`.
fn overrides(count: u32) -> Markdown {
    phrase("overrides", [("count", u64::from(count).into())])
}
