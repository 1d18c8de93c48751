//! Work that GitLab does not show any more: its links go, and what it put on flags. GitLab tells nobody, and a 404 is no proof, so it
//! is found by looking for it, and many at once are asked about ([`Deletions`](super::deletions::Deletions)).
//!
//! Work of a banned author looks as if it were deleted, and is there again after the ban: so what is taken away is kept, and goes
//! back in when GitLab shows the work again.

use jiff::{SignedDuration, Timestamp};

use super::Trouble;
use super::limits::{HIDDEN, HISTORY};
use super::linking::{self, Hindrance};
use super::world::{Project, World, view_of};
use crate::domain::{
    Decision, Event, FlagRef, Hidden, InboxId, LinkChange, Noteable, NoteableRecord, PanelRecord, Person,
    Write,
};

/// What is not there is looked for once more after this time before that is believed.
pub const APART: SignedDuration = SignedDuration::from_secs(10);

/// Takes away all links of work that is not shown any more. `by` is the bot: GitLab does not say who it was. `None`: it is not so
/// any more.
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
    let links = std::mem::take(&mut record.links);
    for link in &links {
        decision.mark_flag_stale(&link.flag, now);
        remember(&mut record, link.flag.clone(), false, by, now);
    }
    // What stood on it went with it: looked at once more, both are true, and what was given up of them is dealt with.
    let mut hidden = Hidden {
        at: now,
        links,
        panel: std::mem::take(&mut record.panel),
        label_sending: record.label_sending.take(),
        label_added: record.label_added.take(),
    };
    // It was hidden before, and linked again before that was put back in.
    for link in record.hidden.take().into_iter().flat_map(|before| before.links) {
        if !hidden.links.iter().any(|known| known.flag == link.flag) {
            hidden.links.push(link);
        }
    }
    record.hidden = Some(Box::new(hidden));
    keep_in_mind(world, &mut decision, noteable, true).await?;
    linking::put(&mut decision, record, now);
    tracing::info!(%noteable, "GitLab does not show it any more: its links are taken away until it does");
    Ok(Some(decision))
}

/// Puts the links of work that is shown again back in, except where the flag is linked there meanwhile, or is another one. `by` is
/// the bot. `None`: there is nothing to put back.
pub async fn put_back(
    world: &World,
    project: &Project,
    noteable: &Noteable,
    by: &Person,
    now: Timestamp,
) -> Result<Option<Decision>, Trouble> {
    let mut decision = Decision::new();
    let known = decision.rests_on(world.store().noteable(noteable).await?);
    keep_in_mind(world, &mut decision, noteable, false).await?;
    let Some(mut record) = known else { return Ok(Some(decision)) };
    let Some(hidden) = record.hidden.take() else { return Ok(Some(decision)) };
    let (id, kind, iid) = (noteable.project, noteable.kind, noteable.iid);
    let Some(detail) = project.gitlab.noteable(id, kind, iid).await? else { return Ok(None) };
    let Hidden { links, panel, label_sending, label_added, .. } = *hidden;
    for link in links {
        let flag = link.flag.clone();
        if linking::put_back(world, &mut decision, &mut record, link, now).await.map_err(trouble)? {
            remember(&mut record, flag, true, by, now);
        }
    }
    if record.panel == PanelRecord::default() {
        record.panel = panel;
    }
    record.label_sending = record.label_sending.or(label_sending);
    record.label_added = record.label_added.or(label_added);
    record.not_found_at = None;
    record.view = view_of(&detail, &project.detail);
    // What changed after it was read is seen by another look.
    let look = Event::NoteableChanged { project: id, kind, iid };
    decision.write(Write::QueueEvent(InboxId(world.store().new_id()), look));
    linking::put(&mut decision, record, now);
    tracing::info!(%noteable, "GitLab shows it again: its links are put back in");
    Ok(Some(decision))
}

fn trouble(hindrance: Hindrance) -> Trouble {
    match hindrance {
        Hindrance::Trouble(trouble) => trouble,
        Hindrance::Silent(silent) => silent.trouble,
    }
}

fn remember(record: &mut NoteableRecord, flag: FlagRef, linked: bool, by: &Person, at: Timestamp) {
    record.history.push(LinkChange { at, flag, linked, there: false, deleted: true, by: by.clone() });
    let surplus = record.history.len().saturating_sub(HISTORY);
    record.history.drain(..surplus);
}

/// Writes down that it is to be asked for whether GitLab shows the work again, or not any more.
async fn keep_in_mind(
    world: &World,
    decision: &mut Decision,
    noteable: &Noteable,
    hidden: bool,
) -> Result<(), Trouble> {
    let mut register = decision.rests_on(world.store().register().await?).unwrap_or_default();
    register.hidden.retain(|known| known != noteable);
    if hidden {
        register.hidden.push(noteable.clone());
    }
    let surplus = register.hidden.len().saturating_sub(HIDDEN);
    register.hidden.drain(..surplus);
    decision.write(Write::PutRegister(Box::new(register)));
    Ok(())
}
