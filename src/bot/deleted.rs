//! Work that was deleted in GitLab: its links go, and what it put on flags. GitLab tells nobody, and a 404 is no proof, so it is
//! found by looking for it, and many at once are asked about ([`Deletions`](super::deletions::Deletions)).

use jiff::{SignedDuration, Timestamp};

use super::Trouble;
use super::limits::HISTORY;
use super::world::World;
use crate::domain::{Decision, Level, LinkChange, Noteable, PanelRecord, Person, Write};

/// What is not there is looked for once more after this time before that is believed.
pub const APART: SignedDuration = SignedDuration::from_secs(10);

/// Takes away all links of work that was deleted. `by` is the bot: GitLab does not say who it was. `None`: it is not so any more.
pub async fn decide(
    world: &World,
    noteable: &Noteable,
    by: &Person,
    now: Timestamp,
) -> Result<Option<Decision>, Trouble> {
    let mut decision = Decision::new();
    let Some(mut record) = decision.rests_on(world.store().noteable(noteable).await?) else {
        return Ok(None);
    };
    if record.links.is_empty() || record.not_found_at.take().is_none() {
        return Ok(None);
    }
    for link in std::mem::take(&mut record.links) {
        decision.mark_flag_stale(&link.flag, now);
        record.history.push(LinkChange {
            at: now,
            flag: link.flag,
            linked: false,
            there: false,
            deleted: true,
            by: by.clone(),
        });
    }
    let surplus = record.history.len().saturating_sub(HISTORY);
    record.history.drain(..surplus);
    // What stood on it went with it: looked at once more, both are true, and what was given up of them is dealt with.
    record.panel = PanelRecord::default();
    record.label_added = None;
    record.label_sending = None;
    decision.write(Write::MarkStale(Level::Panel(noteable.clone()), now));
    decision.write(Write::MarkStale(Level::Label(noteable.clone()), now));
    decision.write(Write::PutNoteable(Box::new(record)));
    tracing::info!(%noteable, "it was deleted in GitLab: its links are taken away");
    Ok(Some(decision))
}
