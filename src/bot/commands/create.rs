//! `/flag create KEY`

use super::{Asked, Ran, Unfinished, job};
use crate::bot::limits::COMMAND_AGE;
use crate::bot::resolve::Silent;
use crate::domain::{Decision, Work};
use crate::markdown::{self, Markdown, job as say};

pub(super) async fn run(
    asked: &Asked<'_>,
    decision: &mut Decision,
    written: &str,
) -> Result<Ran, Unfinished> {
    let rule = &asked.project.rule;
    let (provider, key) = match where_to(asked, written) {
        Ok(found) => found,
        Err(why) => return Ok(Ran::not_done(why)),
    };
    if let Some(letter) = key.chars().find(|letter| markdown::shows_nothing(*letter)) {
        return Ok(Ran::not_done(say::unseen_character(letter)));
    }
    if !rule.sees(provider, key) {
        return Ok(Ran::not_done(say::not_for_this_project(key)));
    }
    let Some(service) = asked.world.flags().get(provider) else {
        return Ok(Ran::not_done(say::cannot_create()));
    };
    let there = service
        .look_up(asked.project.detail.id, key)
        .await
        .map_err(|error| Silent { provider: provider.to_owned(), trouble: error.into() })?;
    if let Some(flag) = there {
        let show_values = rule.shows_values(asked.project.detail.visibility);
        return Ok(Ran::not_done(say::there_already(&flag, show_values)));
    }
    let what = Work::Create { provider: provider.to_owned(), key: key.to_owned() };
    Err(job::queue(asked, decision, what, COMMAND_AGE))
}

/// In which service it is to be made, and with which key.
fn where_to<'a>(asked: &'a Asked<'_>, written: &'a str) -> Result<(&'a str, &'a str), Markdown> {
    let able: Vec<&str> = asked
        .project
        .rule
        .providers
        .iter()
        .filter(|name| asked.world.flags().get(name).is_some_and(|provider| provider.abilities().create))
        .map(String::as_str)
        .collect();
    if let Some((name, key)) = written.split_once(':') {
        let named = able.iter().find(|known| known.eq_ignore_ascii_case(name));
        return match named {
            Some(known) if key.trim().is_empty() => Err(say::no_key(known)),
            Some(known) if !key.contains(':') => Ok((known, key)),
            _ if able.is_empty() => Err(say::cannot_create()),
            _ => Err(say::no_such_service(name, &able)),
        };
    }
    match able.as_slice() {
        [] => Err(say::cannot_create()),
        [only] => Ok((only, written)),
        several => Err(say::which_service(written, several)),
    }
}
