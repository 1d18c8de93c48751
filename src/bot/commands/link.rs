//! `/flag link KEY…`

use super::{Asked, Ran, Unfinished};
use crate::bot::limits::LINKS;
use crate::bot::linking::{self, Linker};
use crate::bot::resolve::{self, Meaning};
use crate::domain::{Decision, command_line};
use crate::markdown::reply;

pub(super) async fn run(
    asked: &Asked<'_>,
    decision: &mut Decision,
    keys: &[String],
) -> Result<Ran, Unfinished> {
    // All keys are looked up before anything is decided: a service that does not answer stops all of it.
    let mut meanings = Vec::with_capacity(keys.len());
    for key in keys {
        meanings.push((key, resolve::meaning(asked.world, asked.project, key).await?));
    }
    let noteable = &asked.note.note.noteable;
    // Before the page is asked for: what its own lane writes meanwhile makes this one decide again.
    let mut record = asked.noteable(decision).await?;
    let Some(detail) = asked.project.gitlab.noteable(noteable.project, noteable.kind, noteable.iid).await?
    else {
        return Ok(Ran::not_done(reply::page_gone()));
    };
    let now = asked.entry.now;
    let linker = Linker {
        by: asked.note.author.clone(),
        at: asked.written_at(),
        from: asked.note.note.source,
        brought: None,
    };
    let mut problems = Vec::new();
    let mut good = 0;
    let mut new = 0;
    for (key, meaning) in meanings {
        match meaning {
            Meaning::One(flag) => {
                let known = record.link(&flag.flag);
                // A key that was deleted and made again is another flag: who links it means the one that is there now.
                if known.is_none_or(|known| known.internal_id != flag.internal_id) {
                    if known.is_none() && record.links.len() >= LINKS {
                        problems.push(reply::too_many_linked(key, LINKS));
                        continue;
                    }
                    linking::add(asked.world, decision, &mut record, *flag, &linker, now).await?;
                    new += 1;
                }
                good += 1;
            }
            Meaning::None { providers, near } => {
                let providers: Vec<&str> = providers.iter().map(String::as_str).collect();
                problems.push(reply::no_such_flag(&providers, key, &near, &|key| command_line("link", key)));
            }
            Meaning::Several(choices) => {
                problems.push(reply::which_one(key, &choices, &|key| command_line("link", key)))
            }
        }
    }
    if new > 0 {
        linking::settle(asked.world, decision, record, (&detail, asked.project), now);
    }
    Ok(Ran::of_several(good, problems))
}
