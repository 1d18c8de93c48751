//! `/flag unlink KEY… | --all`

use super::{Asked, Ran, Unfinished};
use crate::bot::linking;
use crate::bot::resolve;
use crate::domain::{Decision, FlagRef, Link, command_line};
use crate::markdown::{Markdown, reply};

pub(super) async fn run(
    asked: &Asked<'_>,
    decision: &mut Decision,
    keys: &[String],
    all: bool,
) -> Result<Ran, Unfinished> {
    let record = asked.noteable(decision).await?;
    if record.links.is_empty() {
        return Ok(if all { Ran::done() } else { Ran::not_done(reply::nothing_linked()) });
    }
    let mut gone: Vec<FlagRef> = Vec::new();
    let mut problems = Vec::new();
    if all {
        gone.extend(record.links.iter().map(|link| link.flag.clone()));
    }
    for key in keys {
        match resolve::linked(&record.links, key).as_slice() {
            [] => problems.push(not_linked(key, &record.links)),
            // Two names can mean one flag: `a` and `flagsmith:a`.
            [link] if gone.contains(&link.flag) => {}
            [link] => gone.push(link.flag.clone()),
            several => {
                let choices: Vec<String> = several.iter().map(|link| link.flag.words()).collect();
                problems.push(reply::which_one(key, &choices, &|key| command_line("unlink", key)));
            }
        }
    }
    if !gone.is_empty() {
        let (by, at) = (&asked.note.author, asked.written_at());
        linking::remove(decision, record, &gone, by, at, asked.entry.now);
    }
    Ok(Ran::of_several(gone.len(), problems))
}

fn not_linked(key: &str, links: &[Link]) -> Markdown {
    let several = resolve::several_providers(links);
    let names: Vec<String> = links.iter().map(|link| resolve::page_name(&link.flag, several)).collect();
    reply::not_linked(key, &names)
}
