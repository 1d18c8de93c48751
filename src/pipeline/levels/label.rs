//! The label on linked work: added with the first link, taken off with the last, and only if it was ours. A link whose flag its
//! service does not know any more is kept, and counts again when the flag is back.

use super::{Became, NotTrue, Pipeline, Sends, unseen, write_down};
use crate::bot::World;
use crate::domain::{Decision, Noteable, NoteableRecord, Write};
use crate::store::StoreError;

/// Colour of the label where flaglink has to create it.
const COLOR: &str = "#6699cc";
/// Its description.
const DESCRIPTION: &str = "A feature flag is linked here";

pub(super) async fn make_true(
    pipeline: &Pipeline,
    world: &World,
    sends: &Sends<'_>,
    noteable: &Noteable,
) -> Result<Became, NotTrue> {
    let mut decision = Decision::new();
    let Some(mut record) = decision.rests_on(world.store().noteable(noteable).await?) else {
        return Ok(Became::Unchanged);
    };
    let nothing_there = record.label_added.is_none() && record.label_sending.is_none();
    if record.links.is_empty() && nothing_there {
        return Ok(Became::Unchanged);
    }
    let Some(project) = world.project(noteable.project).await? else {
        return Ok(unseen(world, &record, |rule| rule.label.is_some() || !nothing_there));
    };
    let mut wanted = project.rule.label.clone().filter(|_| !record.label_refused);
    if wanted.is_some() && !any_is_there(world, &record).await? {
        wanted = None;
    }
    let ours = record.label_added.clone().or_else(|| record.label_sending.clone());
    if wanted.is_none() && ours.is_none() {
        return Ok(Became::Unchanged);
    }
    let (id, kind, iid) = (noteable.project, noteable.kind, noteable.iid);
    let Some(detail) = project.gitlab.noteable(id, kind, iid).await? else { return Ok(Became::Unchanged) };
    let stands = |label: &String| detail.labels.contains(label);

    // A label that was ours and is not wanted any more (nothing linked, or another one is configured).
    if let Some(old) = ours.as_ref().filter(|old| wanted.as_ref() != Some(old)) {
        if stands(old) {
            // On disk before it is sent: links can be made meanwhile, and then a label that is off must not look as if a
            // person had taken it off.
            record.label_added = None;
            record.label_sending = Some(old.clone());
            sends.begin_with(&mut decision);
            write_down(pipeline, put(decision, record)).await?;
            decision = Decision::new();
            let Some(anew) = decision.rests_on(world.store().noteable(noteable).await?) else {
                return Ok(Became::Unchanged);
            };
            record = anew;
            project.gitlab.remove_label(id, kind, iid, old).await?;
        }
        record.label_added = None;
        // What was sent before and never answered may still put it on.
        record.label_sending = sends.open_until().map(|_| old.clone());
        if wanted.is_none() {
            return Ok(Became::True(put(decision, record)));
        }
    }
    let Some(label) = &wanted else { return Ok(Became::Unchanged) };
    if stands(label) {
        let was_sent = record.label_sending.take().as_ref() == Some(label);
        if was_sent {
            record.label_added = Some(label.clone());
            return Ok(Became::True(put(decision, record)));
        }
        return Ok(Became::Unchanged);
    }
    if record.label_added.as_ref() == Some(label) && !sends.any_unanswered() {
        // It was on and is not any more: a person took it off.
        record.label_added = None;
        record.label_refused = true;
        return Ok(Became::True(put(decision, record)));
    }
    record.label_sending = Some(label.clone());
    sends.begin_with(&mut decision);
    write_down(pipeline, put(decision, record)).await?;
    project.gitlab.ensure_label(id, label, COLOR, DESCRIPTION).await?;
    project.gitlab.add_label(id, kind, iid, label).await?;
    let mut decision = Decision::new();
    let Some(mut record) = decision.rests_on(world.store().noteable(noteable).await?) else {
        return Ok(Became::Unchanged);
    };
    record.label_added = record.label_sending.take();
    Ok(Became::True(put(decision, record)))
}

/// Whether one of the linked flags at least is there, as far as is known.
async fn any_is_there(world: &World, record: &NoteableRecord) -> Result<bool, StoreError> {
    for link in &record.links {
        let flag = world.store().flag(&link.flag).await?.value;
        if flag.is_none_or(|flag| flag.missing_since.is_none()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn put(mut decision: Decision, record: NoteableRecord) -> Decision {
    decision.write(Write::PutNoteable(Box::new(record)));
    decision
}
