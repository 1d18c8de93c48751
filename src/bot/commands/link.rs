//! `/flag link KEY…`

use super::{Asked, Ran, Unfinished};
use crate::bot::limits::{HISTORY, LINKS};
use crate::bot::resolve::{self, Meaning, Silent};
use crate::bot::watch;
use crate::bot::world::view_of;
use crate::domain::{
    Decision, Event, Flag, FlagPointer, InboxId, Level, Link, LinkChange, NoteableRecord, Write,
};
use crate::markdown::{Markdown, reply};

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
        return Ok(Ran::not_done(Markdown::lit("this page is not there any more.")));
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
                        problems.push(too_many(key));
                        continue;
                    }
                    record.links.retain(|link| link.flag != flag.flag);
                    add(asked, decision, &mut record, *flag).await?;
                    new += 1;
                }
                good += 1;
            }
            Meaning::None { providers, near } => {
                let providers: Vec<&str> = providers.iter().map(String::as_str).collect();
                problems
                    .push(reply::no_such_flag(&providers, key, &near, &|key| format!("/flag link {key}")));
            }
            Meaning::Several(choices) => {
                problems.push(reply::which_one(key, &choices, &|key| format!("/flag link {key}")))
            }
        }
    }
    if new > 0 {
        record.view = view_of(&detail, &asked.project.detail);
        // A label that a person took off comes back with the next link.
        record.label_refused = false;
        if record.label_added.as_ref().is_some_and(|label| !detail.labels.contains(label)) {
            record.label_added = None;
        }
        let now = asked.entry.now;
        decision.write(Write::MarkStale(Level::Panel(noteable.clone()), now));
        decision.write(Write::MarkStale(Level::Label(noteable.clone()), now));
        // What changed after it was read, and was told while nothing was linked here yet, is seen by another look:
        // that it became confidential, for one.
        let look =
            Event::NoteableChanged { project: noteable.project, kind: noteable.kind, iid: noteable.iid };
        decision.write(Write::QueueEvent(InboxId(asked.world.store().new_id()), look));
        decision.write(Write::PutNoteable(Box::new(record)));
    }
    Ok(Ran::of_several(good, problems))
}

fn too_many(key: &str) -> Markdown {
    let mut text = reply::key(key);
    text.push_lit(" was not linked: there are ")
        .push(Markdown::number(LINKS as u64))
        .push_lit(" flags here already. Unlink some first with ")
        .push(reply::line("/flag unlink KEY"))
        .push_lit(".");
    text
}

async fn add(
    asked: &Asked<'_>,
    decision: &mut Decision,
    record: &mut NoteableRecord,
    flag: Flag,
) -> Result<(), Unfinished> {
    let at = asked.written_at();
    let link = Link {
        flag: flag.flag.clone(),
        internal_id: flag.internal_id.clone(),
        by: asked.note.author.clone(),
        at,
        from: asked.note.note.source,
    };
    record.history.push(LinkChange {
        at,
        flag: flag.flag.clone(),
        linked: true,
        by: asked.note.author.clone(),
    });
    let surplus = record.history.len().saturating_sub(HISTORY);
    record.history.drain(..surplus);
    record.links.push(link);
    let flag_ref = flag.flag.clone();
    remember_flag(asked, decision, flag).await?;
    decision.mark_flag_stale(&flag_ref, asked.entry.now);
    Ok(())
}

/// Writes the flag's record, so that every noteable that links it is found when it changes. The state of a flag that is
/// new here is read now. Whether new or known, it is looked at in its own lane, where a difference is told as a change.
async fn remember_flag(asked: &Asked<'_>, decision: &mut Decision, flag: Flag) -> Result<(), Unfinished> {
    let world = asked.world;
    let known = decision.rests_on(world.store().flag(&flag.flag).await?);
    // What is known of a flag that nothing links any more may be old.
    let pages = world.store().noteables_of(&flag.flag).await?;
    let mut record = match known {
        Some(mut known) if watch::is_seen(&known, !pages.is_empty(), &flag) => {
            known.flag = flag;
            known
        }
        known => {
            let provider = world.provider(&flag.flag);
            let state = match provider {
                Some(provider) => provider.state(&flag.flag, &flag.internal_id).await.map_err(|error| {
                    Silent { provider: flag.flag.provider.clone(), trouble: error.into() }
                })?,
                None => None,
            };
            // Whoever else links it shows what is read here.
            for page in pages {
                decision.write(Write::MarkStale(Level::Panel(page.clone()), asked.entry.now));
                decision.write(Write::MarkStale(Level::Label(page), asked.entry.now));
            }
            watch::fresh(known, flag, state, asked.entry.now)
        }
    };
    // A tag that a person took off comes back with the next link.
    if let Some(tagged) = &mut record.tagged {
        tagged.due = true;
    }
    // What changes between this reading and the commit is told to nobody, since nothing is linked yet: its lane looks once
    // more when it is.
    let flag = &record.flag.flag;
    let pointer = FlagPointer::Key { scope: flag.scope.clone(), key: flag.key.clone() };
    let look = Event::FlagChanged { provider: flag.provider.clone(), flag: pointer, claims: Vec::new() };
    decision.write(Write::QueueEvent(InboxId(world.store().new_id()), look));
    decision.write(Write::PutFlag(Box::new(record)));
    Ok(())
}
