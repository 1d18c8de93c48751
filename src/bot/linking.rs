//! What it takes to link a flag to an issue or merge request, or to take the link off: the records, and what is not true any more
//! after it.

use jiff::Timestamp;

use super::limits::{HISTORY, LINKS};
use super::resolve::Silent;
use super::trouble::Trouble;
use super::watch;
use super::world::{Project, World, view_of};
use crate::domain::{
    Decision, Event, Flag, FlagPointer, FlagRef, InboxId, Level, Link, LinkChange, Mirror, NoteSource,
    NoteableRecord, Person, Write,
};
use crate::gitlab::NoteableDetail;
use crate::store::StoreError;

/// Why it could not be done now.
pub(super) enum Hindrance {
    /// Something else than a flag service is in the way.
    Trouble(Trouble),
    /// The flag service does not answer.
    Silent(Silent),
}

impl From<StoreError> for Hindrance {
    fn from(error: StoreError) -> Self {
        Self::Trouble(error.into())
    }
}

/// Who links, when, and from which text.
#[derive(Debug, Clone)]
pub(super) struct Linker {
    pub(super) by: Person,
    pub(super) at: Timestamp,
    pub(super) from: NoteSource,
    /// Where the link is brought along from an export: the address of its page. Then what stands for it on the page and on the flag
    /// was put there by flaglink.
    pub(super) brought: Option<String>,
}

/// Links the flag in the record, in place of another that had its key, and sees to the flag's own record. The record is written
/// by [`settle`].
pub(super) async fn add(
    world: &World,
    decision: &mut Decision,
    record: &mut NoteableRecord,
    flag: Flag,
    linker: &Linker,
    now: Timestamp,
) -> Result<(), Hindrance> {
    let flag_ref = flag.flag.clone();
    record.links.retain(|link| link.flag != flag_ref);
    remember(record, &flag_ref, true, linker.by.clone(), linker.at);
    record.links.push(Link {
        flag: flag_ref.clone(),
        internal_id: flag.internal_id.clone(),
        by: linker.by.clone(),
        at: linker.at,
        from: linker.from,
    });
    let there = linker.brought.clone().map(|url| {
        let mirror = Mirror { url, id: None, ours: true, sent_at: None, gone_at: None };
        (record.noteable.to_string(), mirror)
    });
    remember_flag(world, decision, flag, there, now).await?;
    decision.mark_flag_stale(&flag_ref, now);
    Ok(())
}

/// Puts a link that was taken away back in as it was, and sees to the flag's own record. Not where the key is linked there by now,
/// is another flag's, or there is no room. Returns whether it is done. The record is written by [`put`].
pub(super) async fn put_back(
    world: &World,
    decision: &mut Decision,
    record: &mut NoteableRecord,
    link: Link,
    now: Timestamp,
) -> Result<bool, Hindrance> {
    if record.link(&link.flag).is_some() || record.links.len() >= LINKS {
        return Ok(false);
    }
    let flag = match world.store().flag(&link.flag).await?.value {
        Some(known) if known.flag.internal_id != link.internal_id => return Ok(false),
        Some(known) => known.flag,
        // It was forgotten meanwhile: the look that follows knows the rest.
        None => Flag {
            flag: link.flag.clone(),
            internal_id: link.internal_id.clone(),
            description: None,
            archived: false,
            url: None,
            public_page: false,
        },
    };
    remember_flag(world, decision, flag, None, now).await?;
    decision.mark_flag_stale(&link.flag, now);
    record.links.push(link);
    Ok(true)
}

/// Writes the record of work to which something was linked, as GitLab showed it just now.
pub(super) fn settle(
    world: &World,
    decision: &mut Decision,
    mut record: NoteableRecord,
    (detail, project): (&NoteableDetail, &Project),
    now: Timestamp,
) {
    record.view = view_of(detail, &project.detail);
    // A label that a person took off comes back with the next link.
    record.label_refused = false;
    if record.label_added.as_ref().is_some_and(|label| !detail.labels.contains(label)) {
        record.label_added = None;
    }
    // What changed after it was read, and was told while nothing was linked here yet, is seen by another look: that it became
    // confidential, for one.
    let noteable = &record.noteable;
    let look = Event::NoteableChanged { project: noteable.project, kind: noteable.kind, iid: noteable.iid };
    decision.write(Write::QueueEvent(InboxId(world.store().new_id()), look));
    put(decision, record, now);
}

/// Takes the links to these flags off, and writes the record.
pub(super) fn remove(
    decision: &mut Decision,
    mut record: NoteableRecord,
    flags: &[FlagRef],
    by: &Person,
    at: Timestamp,
    now: Timestamp,
) {
    for flag in flags {
        record.links.retain(|link| &link.flag != flag);
        remember(&mut record, flag, false, by.clone(), at);
        decision.mark_flag_stale(flag, now);
    }
    put(decision, record, now);
}

/// Writes the record, and looks after what stands on the page.
pub(super) fn put(decision: &mut Decision, mut record: NoteableRecord, now: Timestamp) {
    decision.write(Write::MarkStale(Level::Panel(record.noteable.clone()), now));
    decision.write(Write::MarkStale(Level::Label(record.noteable.clone()), now));
    // Whether it is there is another question where nothing, or something new, is linked.
    record.not_found_at = None;
    decision.write(Write::PutNoteable(Box::new(record)));
}

fn remember(record: &mut NoteableRecord, flag: &FlagRef, linked: bool, by: Person, at: Timestamp) {
    record.history.push(LinkChange { at, flag: flag.clone(), linked, there: false, deleted: false, by });
    let surplus = record.history.len().saturating_sub(HISTORY);
    record.history.drain(..surplus);
}

/// Writes the flag's record, so that every noteable that links it is found when it changes. The state of a flag that is
/// new here is read now. Whether new or known, it is looked at in its own lane, where a difference is told as a change.
async fn remember_flag(
    world: &World,
    decision: &mut Decision,
    flag: Flag,
    there: Option<(String, Mirror)>,
    now: Timestamp,
) -> Result<(), Hindrance> {
    let known = decision.rests_on(world.store().flag(&flag.flag).await?);
    // What is known of a flag that nothing links any more may be old.
    let pages = world.store().noteables_of(&flag.flag).await?;
    let mut record = match known {
        Some(mut known) if watch::is_seen(&known, !pages.is_empty(), &flag) => {
            known.flag = flag;
            known
        }
        known => {
            let state = match world.provider(&flag.flag) {
                Some(provider) => provider.state(&flag.flag, &flag.internal_id).await.map_err(|error| {
                    let provider = flag.flag.provider.clone();
                    Hindrance::Silent(Silent { provider, trouble: error.into() })
                })?,
                None => None,
            };
            // Whoever else links it shows what is read here.
            for page in pages {
                decision.write(Write::MarkStale(Level::Panel(page.clone()), now));
                decision.write(Write::MarkStale(Level::Label(page), now));
            }
            watch::fresh(known, flag, state, now)
        }
    };
    // A tag that a person took off comes back with the next link.
    if let Some(tagged) = &mut record.tagged {
        tagged.due = true;
    }
    if let Some((noteable, mirror)) = there {
        record.mirrors.entry(noteable).or_insert(mirror);
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
