//! `/flag unlink KEY… | --all`

use super::{Asked, Ran, Unfinished};
use crate::bot::limits::HISTORY;
use crate::bot::resolve;
use crate::domain::{Decision, FlagRef, Level, Link, LinkChange, NoteableRecord, Write};
use crate::markdown::{Markdown, reply};

pub(super) async fn run(
    asked: &Asked<'_>,
    decision: &mut Decision,
    keys: &[String],
    all: bool,
) -> Result<Ran, Unfinished> {
    let mut record = asked.noteable(decision).await?;
    if record.links.is_empty() {
        return Ok(if all { Ran::done() } else { Ran::not_done(nothing_linked()) });
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
                problems.push(reply::which_one(key, &choices, &|key| format!("/flag unlink {key}")));
            }
        }
    }
    for flag in &gone {
        remove(asked, &mut record, flag);
        decision.mark_flag_stale(flag, asked.entry.now);
    }
    if !gone.is_empty() {
        let noteable = record.noteable.clone();
        decision.write(Write::MarkStale(Level::Panel(noteable.clone()), asked.entry.now));
        decision.write(Write::MarkStale(Level::Label(noteable), asked.entry.now));
        decision.write(Write::PutNoteable(Box::new(record)));
    }
    Ok(Ran::of_several(gone.len(), problems))
}

fn remove(asked: &Asked<'_>, record: &mut NoteableRecord, flag: &FlagRef) {
    record.links.retain(|link| &link.flag != flag);
    record.history.push(LinkChange {
        at: asked.written_at(),
        flag: flag.clone(),
        linked: false,
        by: asked.note.author.clone(),
    });
    let surplus = record.history.len().saturating_sub(HISTORY);
    record.history.drain(..surplus);
}

fn nothing_linked() -> Markdown {
    Markdown::lit("no flag is linked here.")
}

fn not_linked(key: &str, links: &[Link]) -> Markdown {
    let several = resolve::several_providers(links);
    let names: Vec<String> = links.iter().map(|link| resolve::page_name(&link.flag, several)).collect();
    let mut text = reply::key(key);
    text.push_lit(" is not linked here. Linked are ")
        .push(reply::names(names.iter().map(String::as_str)))
        .push_lit(".");
    text
}
