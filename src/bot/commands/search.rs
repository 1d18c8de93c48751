//! `/flag search TEXT`

use super::{Asked, Ran, Unfinished};
use crate::bot::limits::SEARCH_RESULTS;
use crate::bot::resolve::{self, Silent};
use crate::domain::Flag;
use crate::markdown::reply;

pub(super) async fn run(asked: &Asked<'_>, text: &str) -> Result<Ran, Unfinished> {
    let rule = &asked.project.rule;
    let mut found: Vec<Flag> = Vec::new();
    let mut cannot: Vec<&str> = Vec::new();
    for name in &rule.providers {
        let Some(provider) = asked.world.flags().get(name) else { continue };
        if !provider.abilities().search {
            cannot.push(name);
            continue;
        }
        // One more than is shown, and then some: what this project may not see falls away.
        let hits = provider
            .search(asked.project.detail.id, text, SEARCH_RESULTS * 5)
            .await
            .map_err(|error| Silent { provider: name.clone(), trouble: error.into() })?;
        found.extend(hits.into_iter().filter(|flag| rule.sees(name, &flag.flag.key)));
    }
    let several = found.windows(2).any(|pair| matches!(pair, [a, b] if a.flag.provider != b.flag.provider));
    let show_values = asked.project.rule.shows_values(asked.project.detail.visibility);
    let more = found.len() > SEARCH_RESULTS;
    found.truncate(SEARCH_RESULTS);
    let mut say = if found.is_empty() {
        reply::found_nothing(text)
    } else {
        let mut some = reply::above_found();
        some.push(reply::bullets(
            found
                .iter()
                .map(|flag| reply::found_line(flag, &resolve::page_name(&flag.flag, several), show_values)),
        ));
        some
    };
    if more {
        say = reply::paragraphs([say, reply::found_more()]);
    }
    if !cannot.is_empty() {
        say = reply::paragraphs([say, reply::cannot_search(cannot)]);
    }
    Ok(Ran::answered(say))
}
