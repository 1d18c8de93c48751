//! `/flag status [KEY…]`

use super::{Asked, Ran, Unfinished};
use crate::bot::resolve::{self, Meaning, Silent};
use crate::domain::{Decision, Event, Flag, FlagPointer, FlagState, InboxId, Write, command_line};
use crate::markdown::reply;

pub(super) async fn run(
    asked: &Asked<'_>,
    decision: &mut Decision,
    keys: &[String],
) -> Result<Ran, Unfinished> {
    let record = asked.noteable(decision).await?;
    let mut flags: Vec<Flag> = Vec::new();
    let mut problems = Vec::new();
    if keys.is_empty() {
        for link in &record.links {
            if let Some(known) = asked.world.store().flag(&link.flag).await?.value {
                flags.push(known.flag);
            }
        }
        if flags.is_empty() {
            return Ok(Ran::answered(reply::none_linked()));
        }
    }
    for key in keys {
        match resolve::meaning(asked.world, asked.project, key).await? {
            Meaning::One(flag) => flags.push(*flag),
            Meaning::None { providers, near } => {
                let providers: Vec<&str> = providers.iter().map(String::as_str).collect();
                problems
                    .push(reply::no_such_flag(&providers, key, &near, &|key| command_line("status", key)));
            }
            Meaning::Several(choices) => {
                problems.push(reply::which_one(key, &choices, &|key| command_line("status", key)))
            }
        }
    }
    let several = flags.windows(2).any(|pair| matches!(pair, [a, b] if a.flag.provider != b.flag.provider));
    let show_values = asked.project.rule.shows_values(asked.project.detail.visibility);
    let mut lines = Vec::with_capacity(flags.len());
    for flag in &flags {
        let state = state_now(asked, decision, flag).await?;
        let name = resolve::page_name(&flag.flag, several);
        lines.push(match &state {
            None if is_made_again(asked, flag).await? => reply::flag_made_again(flag, &name, show_values),
            state => reply::flag_line(flag, &name, state.as_ref(), show_values),
        });
    }
    let good = lines.len();
    let mut ran = Ran::of_several(good, problems);
    if good > 0 {
        let mut text = reply::above_states();
        text.push(reply::bullets(lines));
        ran.say = Some(reply::paragraphs([text].into_iter().chain(ran.say)));
    }
    Ok(ran)
}

/// Whether the service has another flag of the key of one that is gone.
async fn is_made_again(asked: &Asked<'_>, flag: &Flag) -> Result<bool, Unfinished> {
    let Some(provider) = asked.world.provider(&flag.flag) else { return Ok(false) };
    let again = resolve::is_made_again(provider.as_ref(), asked.project.detail.id, flag).await;
    Ok(again.map_err(|error| Silent { provider: flag.flag.provider.clone(), trouble: error.into() })?)
}

/// Reads the state. Where it differs from what the panels show, the flag's own lane is asked to look as well.
async fn state_now(
    asked: &Asked<'_>,
    decision: &mut Decision,
    flag: &Flag,
) -> Result<Option<FlagState>, Unfinished> {
    let Some(provider) = asked.world.provider(&flag.flag) else { return Ok(None) };
    let state = provider
        .state(&flag.flag, &flag.internal_id)
        .await
        .map_err(|error| Silent { provider: flag.flag.provider.clone(), trouble: error.into() })?;
    let shown = asked.world.store().flag(&flag.flag).await?.value.and_then(|known| known.state);
    if let (Some(shown), Some(now)) = (&shown, &state)
        && (!shown.changes_to(now).is_empty() || shown.is_named_otherwise(now))
    {
        let pointer = FlagPointer::Key { scope: flag.flag.scope.clone(), key: flag.flag.key.clone() };
        let look =
            Event::FlagChanged { provider: flag.flag.provider.clone(), flag: pointer, claims: Vec::new() };
        decision.write(Write::QueueEvent(InboxId(asked.world.store().new_id()), look));
    }
    Ok(state)
}
