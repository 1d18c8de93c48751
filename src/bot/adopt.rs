//! Links that people put on a flag in its own service, or take off there, where the project's rule says `adopt`.
//!
//! Services tell nobody of them, so they are compared now and then. The flag's record is read before its links are: whatever
//! flaglink itself does meanwhile changes the record first, and then the decision collides and is made at the next look.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Trouble;
use super::back_links::stands_as;
use super::limits::{HISTORY, LINKS};
use super::patience::{self, Patience};
use super::watch;
use super::world::{Project, World, view_of};
use crate::domain::{
    Decision, Event, Flag, FlagPointer, FlagRecord, FlagRef, InboxId, Level, Link, LinkChange, Mirror,
    NoteSource, Noteable, NoteableRecord, Person, Seen, Write,
};
use crate::flags::{FlagProvider, StandingLink};
use crate::gitlab::{NoteableDetail, WorkPage};

/// A link that is not there any more is looked for once more after this time before that is believed.
const APART: SignedDuration = SignedDuration::from_secs(10);

/// How long the look at one flag waits for a service that has no answer for the moment.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Whether links at that provider are adopted in any project.
pub fn is_wanted(world: &World, provider: &dyn FlagProvider) -> bool {
    let adopting = |name: &str| {
        world.rules().rules.iter().any(|rule| rule.adopt && rule.providers.iter().any(|known| known == name))
    };
    provider.abilities().finds_links && adopting(provider.name())
}

/// Whether what stands on the flag in its own service decides over this link as well.
pub async fn decides_there(
    world: &World,
    provider: &dyn FlagProvider,
    flag: &FlagRef,
    noteable: &str,
) -> Result<bool, Trouble> {
    if !provider.abilities().finds_links {
        return Ok(false);
    }
    let Ok(noteable) = noteable.parse::<Noteable>() else { return Ok(false) };
    let record = world.store().noteable(&noteable).await?.value;
    Ok(record.is_some_and(|record| adopts(world, &record.view.project_path, flag)))
}

fn adopts(world: &World, project_path: &str, flag: &FlagRef) -> bool {
    let rule = world.rules().for_project(project_path);
    rule.is_some_and(|rule| rule.adopt && rule.sees(&flag.provider, &flag.key))
}

/// A flag, and the links that stood on it after its record was read.
pub struct Looked {
    flag: Flag,
    seen: Seen<FlagRecord>,
    standing: Vec<StandingLink>,
    /// Work whose link stood there before and does not any more, in text form.
    missing: BTreeSet<String>,
    /// Links of which that could be said.
    kept: usize,
}

impl Looked {
    /// How many links are not there any more.
    pub fn missing(&self) -> usize {
        self.missing.len()
    }

    /// How many should be there.
    pub fn kept(&self) -> usize {
        self.kept
    }
}

/// Reads the links that stand on a flag. `None`: nothing can be said about it now. `waits` hears each time that the service has to
/// be waited for.
pub async fn look(
    world: &World,
    provider: &dyn FlagProvider,
    flag: Flag,
    waits: &(dyn Fn(&Trouble, Duration) + Sync),
) -> Result<Option<Looked>, Trouble> {
    let seen = world.store().flag(&flag.flag).await?;
    let linked = world.store().is_linked(&flag.flag).await?;
    // Of another flag with its key nothing is looked at before the deletion of the first is told.
    let in_doubt = |record: &FlagRecord| match record.flag.internal_id == flag.internal_id {
        true => record.missing_since.is_some() || record.not_found_at.is_some(),
        false => record.missing_since.is_none(),
    };
    if linked && seen.value.as_ref().is_some_and(in_doubt) {
        return Ok(None);
    }
    // Of many flags each is a request: a service that wants them slower is asked slower, or none would ever be adopted.
    let patience = Patience { longest: PATIENCE, told: waits };
    let standing = patience::ask(patience, || provider.back_links(&flag.flag, &flag.internal_id)).await?;
    let mut looked = Looked { flag, seen, standing, missing: BTreeSet::new(), kept: 0 };
    let same = looked.seen.value.iter().filter(|record| record.flag.internal_id == looked.flag.internal_id);
    for (name, mirror) in same.flat_map(|record| &record.mirrors) {
        let Ok(noteable) = name.parse::<Noteable>() else { continue };
        // What is just being put on may not be there yet.
        if mirror.id.is_none() || mirror.sent_at.is_some() {
            continue;
        }
        let Some(record) = world.store().noteable(&noteable).await?.value else { continue };
        let flag = &looked.flag.flag;
        if record.link(flag).is_none() || !adopts(world, &record.view.project_path, flag) {
            continue;
        }
        looked.kept += 1;
        if !looked.standing.iter().any(|standing| stands_as(standing, mirror)) {
            looked.missing.insert(name.clone());
        }
    }
    Ok(Some(looked))
}

/// What is made of the links on one flag.
pub struct Adopted {
    /// To be written.
    pub decision: Decision,
    /// How many links are taken off here.
    pub taken_off: usize,
}

/// Decides what the links on a flag mean here. `None`: nothing new.
pub async fn decide(
    world: &World,
    provider: &dyn FlagProvider,
    looked: Looked,
    doubted: bool,
    now: Timestamp,
) -> Result<Option<Adopted>, Trouble> {
    let Looked { flag, seen, standing, mut missing, .. } = looked;
    let mut decision = Decision::new();
    let known = decision.rests_on(seen);
    let same = known.as_ref().filter(|known| known.flag.internal_id == flag.internal_id);
    let before = same.map(|known| known.mirrors.clone()).unwrap_or_default();
    let mut mirrors = before.clone();
    let mut turned = Turned { world, flag: &flag, now, linked: 0, taken_off: 0 };
    for link in &standing {
        if let Some((name, mirror)) = mirrors.iter_mut().find(|(_, mirror)| stands_as(link, mirror)) {
            mirror.gone_at = None;
            let settled = mirror.id.is_some() && mirror.sent_at.is_none();
            if settled && !mirror.ours && decides_there(world, provider, &flag.flag, name).await? {
                mirror.ours = true;
            }
            continue;
        }
        let Some(work) = named_by(world, &flag.flag, link).await? else { continue };
        let name = work.noteable.to_string();
        // A second link to the same work says nothing new; one in place of another that was taken off does.
        if mirrors.contains_key(&name) && !missing.remove(&name) {
            continue;
        }
        let url = work.detail.web_url.clone();
        if turned.link(&mut decision, work).await? {
            let id = Some(link.id.clone());
            mirrors.insert(name, Mirror { url, id, ours: true, sent_at: None, gone_at: None });
        }
    }
    for name in missing {
        let Some(mirror) = mirrors.get_mut(&name) else { continue };
        let since = *mirror.gone_at.get_or_insert(now);
        if !doubted && now.duration_since(since) >= APART {
            turned.take_off(&mut decision, &name).await?;
            mirrors.remove(&name);
        }
    }
    if mirrors == before && turned.linked == 0 {
        return Ok(None);
    }
    let (linked, taken_off) = (turned.linked, turned.taken_off);
    let ours = |mirrors: &BTreeMap<String, Mirror>| mirrors.values().filter(|mirror| mirror.ours).count();
    let taken_over = ours(&mirrors) > ours(&before);
    let flag_ref = flag.flag.clone();
    let Some(mut record) = record_of(world, provider, &mut decision, known, flag, linked > 0, now).await?
    else {
        return Ok(None);
    };
    record.mirrors = mirrors;
    if linked + taken_off > 0
        && let Some(tagged) = &mut record.tagged
    {
        tagged.due = true;
    }
    // From now on its title and state are ours to tell.
    if linked + taken_off > 0 || taken_over {
        decision.mark_flag_stale(&flag_ref, now);
    }
    decision.write(Write::PutFlag(Box::new(record)));
    Ok(Some(Adopted { decision, taken_off }))
}

/// The flag's record; where something is linked to it, with a state that is true enough to show it. `None`: the flag is gone.
async fn record_of(
    world: &World,
    provider: &dyn FlagProvider,
    decision: &mut Decision,
    known: Option<FlagRecord>,
    flag: Flag,
    linked: bool,
    now: Timestamp,
) -> Result<Option<FlagRecord>, Trouble> {
    let pages = world.store().noteables_of(&flag.flag).await?;
    if !linked {
        return Ok(known.filter(|known| known.flag.internal_id == flag.internal_id));
    }
    let pointer = FlagPointer::Key { scope: flag.flag.scope.clone(), key: flag.flag.key.clone() };
    let look = Event::FlagChanged { provider: flag.flag.provider.clone(), flag: pointer, claims: Vec::new() };
    decision.write(Write::QueueEvent(InboxId(world.store().new_id()), look));
    match known {
        Some(known) if watch::is_seen(&known, !pages.is_empty(), &flag) => Ok(Some(known)),
        known => {
            let Some(state) = provider.state(&flag.flag, &flag.internal_id).await? else { return Ok(None) };
            for page in pages {
                decision.write(Write::MarkStale(Level::Panel(page.clone()), now));
                decision.write(Write::MarkStale(Level::Label(page), now));
            }
            Ok(Some(watch::fresh(known, flag, Some(state), now)))
        }
    }
}

/// Work that a link leads to and that may be linked.
struct Work {
    noteable: Noteable,
    project: Project,
    detail: NoteableDetail,
}

/// The work that a link leads to, where its project adopts links and the bot sees it. Confidential work is not among it: a panel
/// would tell of a flag there, but the link would have to go.
async fn named_by(world: &World, flag: &FlagRef, link: &StandingLink) -> Result<Option<Work>, Trouble> {
    let bases = world.addresses().await?;
    let Some(page) = WorkPage::read(&link.url, bases.iter().map(String::as_str)) else { return Ok(None) };
    if !adopts(world, &page.project_path, flag) {
        return Ok(None);
    }
    let Some(project) = world.project_at(&page.project_path).await? else { return Ok(None) };
    if !adopts(world, &project.detail.path, flag) {
        return Ok(None);
    }
    let detail = project.gitlab.noteable(project.detail.id, page.kind, page.iid).await?;
    let Some(detail) = detail.filter(|detail| !detail.confidential) else { return Ok(None) };
    let noteable = world.noteable(project.detail.id, page.kind, page.iid);
    Ok(Some(Work { noteable, project, detail }))
}

/// Links made and taken off here.
struct Turned<'a> {
    world: &'a World,
    flag: &'a Flag,
    now: Timestamp,
    linked: usize,
    taken_off: usize,
}

impl Turned<'_> {
    /// Links the flag to the work. Returns whether it is linked now.
    async fn link(&mut self, decision: &mut Decision, work: Work) -> Result<bool, Trouble> {
        let Work { noteable, project, detail } = work;
        let known = decision.rests_on(self.world.store().noteable(&noteable).await?);
        let mut record = known.unwrap_or_else(|| NoteableRecord::new(noteable.clone()));
        let linked = record.link(&self.flag.flag);
        if linked.is_some_and(|link| link.internal_id == self.flag.internal_id) {
            return Ok(true);
        }
        if linked.is_none() && record.links.len() >= LINKS {
            return Ok(false);
        }
        let by = self.bot(&project).await?;
        // A flag of that key that was there before makes room for this one, as with `/flag link`.
        record.links.retain(|link| link.flag != self.flag.flag);
        record.links.push(Link {
            flag: self.flag.flag.clone(),
            internal_id: self.flag.internal_id.clone(),
            by: by.clone(),
            at: self.now,
            from: NoteSource::Description,
        });
        self.remember(&mut record, true, by);
        record.view = view_of(&detail, &project.detail);
        record.label_refused = false;
        if record.label_added.as_ref().is_some_and(|label| !detail.labels.contains(label)) {
            record.label_added = None;
        }
        // What changes of it before this is written is seen by another look.
        let look =
            Event::NoteableChanged { project: noteable.project, kind: noteable.kind, iid: noteable.iid };
        decision.write(Write::QueueEvent(InboxId(self.world.store().new_id()), look));
        self.put(decision, record);
        tracing::info!(flag = %self.flag.flag, %noteable, "a link that was put on the flag in its service is adopted");
        self.linked += 1;
        Ok(true)
    }

    async fn take_off(&mut self, decision: &mut Decision, name: &str) -> Result<(), Trouble> {
        let Ok(noteable) = name.parse::<Noteable>() else { return Ok(()) };
        let Some(mut record) = decision.rests_on(self.world.store().noteable(&noteable).await?) else {
            return Ok(());
        };
        let Some(link) = record.link(&self.flag.flag) else { return Ok(()) };
        let by = match self.world.project(noteable.project).await? {
            Some(project) => self.bot(&project).await?,
            None => link.by.clone(),
        };
        record.links.retain(|link| link.flag != self.flag.flag);
        self.remember(&mut record, false, by);
        self.put(decision, record);
        tracing::info!(flag = %self.flag.flag, %noteable, "a link that was taken off the flag in its service is taken off here");
        self.taken_off += 1;
        Ok(())
    }

    fn remember(&self, record: &mut NoteableRecord, linked: bool, by: Person) {
        record.history.push(LinkChange {
            at: self.now,
            flag: self.flag.flag.clone(),
            linked,
            there: true,
            deleted: false,
            by,
        });
        let surplus = record.history.len().saturating_sub(HISTORY);
        record.history.drain(..surplus);
    }

    fn put(&self, decision: &mut Decision, mut record: NoteableRecord) {
        record.not_found_at = None;
        decision.write(Write::MarkStale(Level::Panel(record.noteable.clone()), self.now));
        decision.write(Write::MarkStale(Level::Label(record.noteable.clone()), self.now));
        decision.write(Write::PutNoteable(Box::new(record)));
    }

    /// The service does not say who it was: the bot did it, here.
    async fn bot(&self, project: &Project) -> Result<Person, Trouble> {
        let me = self.world.me(&project.rule).await?;
        Ok(Person { id: me.id, username: me.username })
    }
}
