//! `/flag list`

use super::{Asked, Ran, Unfinished};
use crate::bot::resolve;
use crate::domain::Decision;
use crate::markdown::{Markdown, reply};

pub(super) async fn run(asked: &Asked<'_>, decision: &mut Decision) -> Result<Ran, Unfinished> {
    let record = asked.noteable(decision).await?;
    if record.links.is_empty() {
        return Ok(Ran::answered(none_linked()));
    }
    let show_values = asked.project.rule.shows_values(asked.project.detail.visibility);
    let several = resolve::several_providers(&record.links);
    let mut lines = Vec::with_capacity(record.links.len());
    for link in &record.links {
        let name = resolve::page_name(&link.flag, several);
        let known = asked.world.store().flag(&link.flag).await?.value;
        let mut line = match &known {
            Some(known) => reply::flag_name(&known.flag, &name, show_values),
            None => reply::key(&name),
        };
        line.push_lit(", linked by ").push(reply::quoted(&link.by.username)).push_lit(" on ");
        line.push(Markdown::time(link.at));
        lines.push(line);
    }
    let mut text = Markdown::lit("linked here:\n");
    text.push(reply::bullets(lines));
    Ok(Ran::answered(text))
}

/// Says that nothing is linked and how to link.
pub(super) fn none_linked() -> Markdown {
    let mut text = Markdown::lit("no flag is linked here. Write ");
    text.push(reply::line("/flag link KEY")).push_lit(" to link one.");
    text
}
