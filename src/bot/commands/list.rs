//! `/flag list`

use super::{Asked, Ran, Unfinished};
use crate::bot::resolve;
use crate::domain::Decision;
use crate::markdown::reply;

pub(super) async fn run(asked: &Asked<'_>, decision: &mut Decision) -> Result<Ran, Unfinished> {
    let record = asked.noteable(decision).await?;
    if record.links.is_empty() {
        return Ok(Ran::answered(reply::none_linked()));
    }
    let show_values = asked.project.rule.shows_values(asked.project.detail.visibility);
    let several = resolve::several_providers(&record.links);
    let mut lines = Vec::with_capacity(record.links.len());
    for link in &record.links {
        let name = resolve::page_name(&link.flag, several);
        let known = asked.world.store().flag(&link.flag).await?.value;
        let flag = match &known {
            Some(known) => reply::flag_name(&known.flag, &name, show_values),
            None => reply::key(&name),
        };
        lines.push(reply::linked_line(flag, &link.by.username, link.at));
    }
    let mut text = reply::above_links();
    text.push(reply::bullets(lines));
    Ok(Ran::answered(text))
}
