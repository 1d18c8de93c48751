//! The tags on a flag in its own service that tell the state of linked work.
//!
//! Only these six come and go, and of them those of the kind of work that is or was linked. A person who takes one off has the last word until that state changes or something is
//! linked.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Became, NotTrue, Pipeline, ceiling, is_overtaken, write_down};
use crate::bot::World;
use crate::bot::tags::{to_go, wanted};
use crate::domain::{Decision, FlagRecord, FlagRef, Tagged, Write};

pub(super) async fn make_true(pipeline: &Pipeline, world: &World, flag: &FlagRef) -> Result<Became, NotTrue> {
    match look(pipeline, world, flag).await {
        Err(NotTrue::Trouble(trouble)) if is_overtaken(&trouble) => look(pipeline, world, flag).await,
        other => other,
    }
}

async fn look(pipeline: &Pipeline, world: &World, flag: &FlagRef) -> Result<Became, NotTrue> {
    let Some(provider) = world.provider(flag) else { return Ok(Became::Unchanged) };
    if !provider.abilities().tags {
        return Ok(Became::Unchanged);
    }
    let mut decision = Decision::new();
    let Some(mut record) = decision.rests_on(world.store().flag(flag).await?) else {
        return Ok(Became::Unchanged);
    };
    if record.missing_since.is_some() {
        return Ok(Became::Unchanged);
    }
    let wanted = wanted(world, flag).await?;
    let says: BTreeSet<String> = wanted.iter().map(|tag| tag.label().to_owned()).collect();
    let is_true = match &record.tagged {
        None => says.is_empty(),
        Some(tagged) => !tagged.due && tagged.says == says,
    };
    if is_true {
        return Ok(Became::Unchanged);
    }
    if world.refusals().ask(provider.as_ref()).await? {
        // What somebody else keeps meanwhile is looked at when it is ours again.
        return Ok(match &mut record.tagged {
            Some(tagged) if !tagged.due => {
                tagged.due = true;
                Became::True(put(decision, record))
            }
            _ => Became::Unchanged,
        });
    }
    // On disk before it is sent: what was put on has to go again, also when it is not known whether it was.
    let before = record.tagged.clone().unwrap_or_default();
    let gone: Vec<String> = to_go(&before.says, &wanted).iter().map(|tag| tag.label().to_owned()).collect();
    let either: BTreeSet<String> = before.says.union(&says).cloned().collect();
    record.tagged = Some(Tagged { says: either.clone(), due: true, sent_at: Some(Timestamp::now()) });
    let internal_id = record.flag.internal_id.clone();
    write_down(pipeline, put(decision, record)).await?;
    let there: Vec<String> = says.iter().cloned().collect();
    provider.change_tags(flag, &internal_id, &there, &gone).await?;

    let mut decision = Decision::new();
    let Some(mut record) = decision.rests_on(world.store().flag(flag).await?) else {
        return Ok(Became::Unchanged);
    };
    // A list that was sent before and never answered may still be written over this one.
    let open = before.sent_at.filter(|sent| Timestamp::now() < ceiling(*sent, pipeline));
    if let Some(sent) = open {
        record.tagged = Some(Tagged { says: either, due: true, sent_at: Some(sent) });
        write_down(pipeline, put(decision, record)).await?;
        return Ok(Became::NotYetKnown(
            ceiling(sent, pipeline),
            "the answer of the flag service was lost; looking again",
        ));
    }
    record.tagged = (!says.is_empty()).then_some(Tagged { says, due: false, sent_at: None });
    Ok(Became::True(put(decision, record)))
}

fn put(mut decision: Decision, record: FlagRecord) -> Decision {
    decision.write(Write::PutFlag(Box::new(record)));
    decision
}
